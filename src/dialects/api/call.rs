//! One row for each call of an API: all that is known of it. Its route, its name in metrics and log, its line in
//! `stanzagate check` and in the examples of `stanzagate dev` come from here and from nowhere else.

use axum::routing::MethodFilter;

use crate::chat::types::right::Right;
use crate::config::Config;

/// A method of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Method {
    Get,
    Post,
    Put,
    Delete,
}

/// Who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// A back end that shows a key of its own.
    Application,
    /// A user who shows their own token.
    User,
    /// Anybody, within the bounds of [`crate::http::dialect::Dialect::open_route`].
    Anybody,
}

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// In the path, as `{name}`.
    Path,
    /// In the query string.
    Query,
    /// In the body: a field of the JSON object or of the form.
    Body,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Text.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A URL, or text that is empty where there is none.
    Url,
    /// A whole number.
    Number,
    /// True or false.
    Flag,
    /// Always this truth value.
    Is(bool),
    /// A name that counts when it is there, whatever its value: `?detail`.
    Named,
    /// A file.
    File,
    /// Any JSON.
    Any,
    /// Nothing: no body.
    Nothing,
    /// One of these, or null.
    OrNull(&'static Kind),
    /// Any of these kinds: what the call takes leniently, or answers in more than one shape.
    OneOf(&'static [Kind]),
    /// A list of these.
    List(&'static Kind),
    /// An object with any names, whose values are these.
    Map(&'static Kind),
    /// An object with these fields.
    Object(&'static [Parameter]),
}

/// A parameter of a call, or a field of an object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Where it stands.
    pub location: Location,
    /// What it is.
    pub kind: Kind,
    /// Whether the call cannot do without it.
    pub required: bool,
    /// What it means, in one sentence.
    pub says: &'static str,
    /// The same in Chinese.
    pub zh: &'static str,
}

/// The name of a [`Parameter`] that stands for all names that no other parameter has.
pub const OTHERS: &str = "*";

/// What a call needs of the XMPP server.
#[derive(Debug, Clone, Copy)]
pub struct Rights {
    /// In which case, where the call has more than one.
    pub case: &'static str,
    /// What it cannot work without.
    pub needs: &'static [Right],
    /// What it does less without.
    pub wants: &'static [Right],
    /// Whether it is so as the gateway is configured.
    pub when: fn(&Config) -> bool,
}

/// A request that works, of one of the accounts that `stanzagate dev` makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example {
    /// The path, filled in, and the query.
    pub path: &'static str,
    /// The body, empty where the call has none: a JSON object, or a form.
    pub body: &'static str,
    /// Whether it is one to begin with: `stanzagate dev` prints those.
    pub first: bool,
}

/// All about a call but what it does.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// Its name in metrics and log.
    pub name: &'static str,
    /// The methods that it takes.
    pub methods: &'static [Method],
    /// Its path behind the API's prefix, without a slash at its end, `{name}` where it varies.
    pub path: &'static str,
    /// The part of the query by which calls that share a path are told apart; empty where none do.
    pub chosen_by: &'static str,
    /// Whether a body may be a list of what it takes.
    pub batch: bool,
    /// Who may call.
    pub who: Who,
    /// What it needs of the XMPP server.
    pub rights: &'static [Rights],
    /// Its parameters.
    pub takes: &'static [Parameter],
    /// The status of a success, and what is in its body.
    pub gives: (u16, Kind),
    /// The headers of a success that say something of the call.
    pub gives_headers: &'static [&'static str],
    /// What it does, in one sentence.
    pub says: &'static str,
    /// The same in Chinese.
    pub zh: &'static str,
    /// A request that works.
    pub example: Example,
}

/// A row: all about a call, and what it does.
#[derive(Debug, Clone, Copy)]
pub struct Call<R: 'static> {
    /// All that others need to know of it.
    pub about: About,
    /// The handler, in the form that its API has.
    pub run: R,
}

impl About {
    /// A call for applications, which needs nothing, takes nothing and answers 200 without a body.
    pub const fn new(
        name: &'static str,
        methods: &'static [Method],
        path: &'static str,
        says: &'static str,
        zh: &'static str,
    ) -> About {
        About {
            name,
            methods,
            path,
            chosen_by: "",
            batch: false,
            who: Who::Application,
            rights: &[],
            takes: &[],
            gives: (200, Kind::Nothing),
            gives_headers: &[],
            says,
            zh,
            example: Example { path, body: "", first: false },
        }
    }

    /// The same, chosen by this part of the query.
    pub const fn chosen_by(self, chosen_by: &'static str) -> About {
        About { chosen_by, ..self }
    }

    /// The same, of which a body may hold a list.
    pub const fn batch(self) -> About {
        About { batch: true, ..self }
    }

    /// The same for other callers.
    pub const fn who(self, who: Who) -> About {
        About { who, ..self }
    }

    /// The same with what it needs of the XMPP server.
    pub const fn rights(self, rights: &'static [Rights]) -> About {
        About { rights, ..self }
    }

    /// The same with its parameters.
    pub const fn takes(self, takes: &'static [Parameter]) -> About {
        About { takes, ..self }
    }

    /// The same with what it answers.
    pub const fn gives(self, status: u16, kind: Kind) -> About {
        About { gives: (status, kind), ..self }
    }

    /// The same with these headers in the answer.
    pub const fn gives_headers(self, gives_headers: &'static [&'static str]) -> About {
        About { gives_headers, ..self }
    }

    /// The same with a request that works.
    pub const fn example(self, path: &'static str, body: &'static str) -> About {
        About { example: Example { path, body, first: false }, ..self }
    }

    /// As [`About::example`], for a call to begin with.
    pub const fn first_example(self, path: &'static str, body: &'static str) -> About {
        About { example: Example { path, body, first: true }, ..self }
    }

    /// The row with what the call does.
    pub const fn run<R>(self, run: R) -> Call<R> {
        Call { about: self, run }
    }

    /// Its methods, as axum wants them; `None` for a row without any.
    pub fn filter(&self) -> Option<MethodFilter> {
        self.methods.iter().map(|method| method.filter()).reduce(MethodFilter::or)
    }
}

impl Method {
    /// As it stands in a request.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }

    fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

impl Rights {
    /// What a call needs in every case.
    pub const fn always(needs: &'static [Right], wants: &'static [Right]) -> Rights {
        Rights { case: "", needs, wants, when: |_| true }
    }

    /// What a call needs in one of its cases.
    pub const fn of_case(case: &'static str, needs: &'static [Right], wants: &'static [Right]) -> Rights {
        Rights { case, ..Rights::always(needs, wants) }
    }

    /// The same for some configurations only.
    pub const fn when(self, when: fn(&Config) -> bool) -> Rights {
        Rights { when, ..self }
    }
}

impl Parameter {
    const fn new(
        name: &'static str,
        location: Location,
        kind: Kind,
        says: &'static str,
        zh: &'static str,
    ) -> Parameter {
        Parameter { name, location, kind, required: false, says, zh }
    }

    /// A part of the path.
    pub const fn path(name: &'static str, says: &'static str, zh: &'static str) -> Parameter {
        Parameter::new(name, Location::Path, Kind::Text, says, zh).required()
    }

    /// A parameter of the query, which may be left out.
    pub const fn query(name: &'static str, kind: Kind, says: &'static str, zh: &'static str) -> Parameter {
        Parameter::new(name, Location::Query, kind, says, zh)
    }

    /// A field of the body, or of an object, which may be left out.
    pub const fn body(name: &'static str, kind: Kind, says: &'static str, zh: &'static str) -> Parameter {
        Parameter::new(name, Location::Body, kind, says, zh)
    }

    /// The same, which the call cannot do without.
    pub const fn required(self) -> Parameter {
        Parameter { required: true, ..self }
    }
}
