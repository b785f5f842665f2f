//! Administrative commands (XEP-0133), which both products have, and how each refuses them.

use jid::BareJid;

use crate::chat::server::Server;
use crate::chat::server::ask::WINDOW;
use crate::chat::types::error::ChatError;
use crate::link::Call;
use crate::xml::Element;
use crate::xmpp::commands::Answer;
use crate::xmpp::stanza_error::StanzaError;
use crate::xmpp::{commands, iq};

/// Why a command was not done.
#[derive(Debug)]
pub(in crate::chat) enum Refusal {
    /// A stanza error (ejabberd).
    Error(StanzaError),
    /// An error note in a result (Prosody).
    Note(String),
}

impl Refusal {
    /// True for the stanza error of this condition.
    pub(in crate::chat) fn is(&self, condition: &str) -> bool {
        matches!(self, Self::Error(error) if error.is(condition))
    }
}

impl From<Refusal> for ChatError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Error(error) => ChatError::refused(error),
            Refusal::Note(text) => ChatError::refused_by("the XMPP server", "undefined-condition", text),
        }
    }
}

impl Server {
    /// Runs a command of a host.
    pub(in crate::chat) async fn command(
        &self,
        call: &Call,
        domain: &str,
        command: Element,
    ) -> Result<Result<Answer, Refusal>, ChatError> {
        // Known from here on, so that what is missing can be named.
        self.product(call).await?;
        let answer = self.ask(call, iq::set(&self.component, domain, command)).await?;
        self.answered(answer)
    }

    /// One command with one field for each of `users`, asked side by side.
    pub(in crate::chat) async fn command_for_each(
        &self,
        call: &Call,
        users: &[BareJid],
        node: &str,
    ) -> Vec<Result<Result<Answer, Refusal>, ChatError>> {
        if let Err(error) = self.product(call).await {
            return users.iter().map(|_| Err(error.clone())).collect();
        }
        let question = |user: &BareJid| {
            let fields = [("accountjid", user.as_str())];
            iq::set(&self.component, user.domain().as_str(), commands::execute_with(node, &fields))
        };
        let answers = self.ask_all(call, users.iter().map(question).collect(), WINDOW).await;
        answers.into_iter().map(|answer| self.answered(answer?)).collect()
    }

    /// Tells a missing right from another refusal.
    fn answered(&self, answer: Result<Element, StanzaError>) -> Result<Result<Answer, Refusal>, ChatError> {
        match answer {
            Ok(reply) => {
                let answer = commands::read(&reply).ok_or_else(|| unreadable("a command"))?;
                Ok(match answer.error {
                    Some(note) => Err(Refusal::Note(note)),
                    None => Ok(answer),
                })
            }
            Err(error) if error.is("forbidden") || error.is("not-allowed") => Err(ChatError::Right(format!(
                "an administrative command was refused ({error}): {}",
                self.lines_for_commands()
            ))),
            Err(error) if error.is("service-unavailable") => Err(self.no_command()),
            Err(error) => Ok(Err(Refusal::Error(error))),
        }
    }

    /// The server does not know a command.
    pub(in crate::chat) fn no_command(&self) -> ChatError {
        ChatError::Right(format!("there is no such administrative command: {}", self.lines_for_commands()))
    }
}

/// An answer that lacks what it has to hold.
pub(in crate::chat) fn unreadable(of: &str) -> ChatError {
    ChatError::refused_by("the XMPP server", "undefined-condition", format!("the answer to {of} cannot be read"))
}
