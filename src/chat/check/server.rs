//! What the server is, which of its services say nothing, and what it makes of others' passwords and tokens.

use std::collections::HashSet;
use std::time::Duration;

use futures::future::join_all;

use crate::chat::check::findings::Findings;
use crate::chat::check::guests::Who;
use crate::chat::check::{Check, QUICK};
use crate::chat::types::address::Realm;
use crate::chat::types::error::ChatError;
use crate::chat::types::product::Product;
use crate::chat::types::right::Right;
use crate::config::sessions::Grant;
use crate::link::LinkError;
use crate::session::SessionError;
use crate::xmpp::{disco, iq};

/// The versions with which the gateway is tested.
const TRIED: [(Product, [&str; 3]); 2] =
    [(Product::Ejabberd, ["23.01", "24.12", "26.07"]), (Product::Prosody, ["0.12.3", "13.0.1", "13.0.6"])];
/// Longest time for a number of wrong passwords, one after the other.
const GUESSING: Duration = Duration::from_secs(20);
/// What needs log-ins of the gateway's own on ejabberd.
const LOGINS: &[Right] =
    &[Right::Passwords, Right::SenderCopy, Right::Bookmarks, Right::Rosters, Right::Histories, Right::LoginTokens];
/// Rights that cannot be without a service, and which of a realm's it is.
type Service = (&'static [Right], fn(&Realm) -> &str);
const SERVICES: [Service; 3] = [
    (&[Right::Rooms, Right::RoomList, Right::Archive, Right::Reflection], |realm| &realm.rooms),
    (&[Right::Records], |realm| &realm.pubsub),
    (&[Right::Uploads], |realm| &realm.upload),
];

impl Check<'_> {
    /// What the server is; nothing when it does not answer.
    pub(in crate::chat) async fn check_server(&self, found: &mut Findings) -> Option<Product> {
        // With mod_privilege ejabberd may lose what is asked as soon as the link is up, and answer the same a moment later.
        let version = match self.ask_version(QUICK / 2).await {
            Err(_) => self.ask_version(QUICK).await,
            answered => answered,
        };
        match version {
            Ok((product, version)) => {
                let (name, version) = version.unwrap_or_else(|| (format!("{product:?}"), "of unknown version".into()));
                found.notes.extend(untried(product, &version));
                found.add(Right::Answers, Ok(format!("{name} {version}")));
                Some(product)
            }
            Err(error) => {
                found.add(Right::Answers, Err(error.to_string()));
                None
            }
        }
    }

    async fn ask_version(&self, patience: Duration) -> Result<(Product, Option<(String, String)>), ChatError> {
        let call = self.call_of(patience);
        let product = self.server.product(&call).await?;
        Ok((product, self.server.server_version(&call).await?))
    }

    /// Looks which services say nothing, all at once: with ejabberd's mod_privilege that may be every service of a host that
    /// answers itself, and each question to one would have to be waited for.
    pub(in crate::chat) async fn find_silence(&self, product: Product, wanted: &HashSet<Right>, found: &mut Findings) {
        let of_wanted = SERVICES.iter().filter(|(rights, _)| rights.iter().any(|right| wanted.contains(right)));
        let asked =
            of_wanted.flat_map(|(rights, name)| self.server.addresses.realms().map(|realm| (*rights, name(realm))));
        let silent = join_all(asked.map(async |(rights, name)| {
            let question = iq::get(&self.server.component, name, disco::info_query());
            let answer = self.server.link.iq(&self.call_of(QUICK), question).await;
            matches!(answer, Err(LinkError::Timeout)).then_some((rights, name))
        }));
        let suspect = match product {
            Product::Ejabberd => "is mod_privilege loaded, or is there no such service?",
            Product::Prosody => "is there such a service?",
        };
        let silent = silent.await;
        if silent.len() > 1 && silent.iter().all(Option::is_some) && self.are_accounts_silent().await {
            found.stop(
                "the server says what it is, and neither its services nor what it knows of accounts answers. Does its database \
                 answer? Nothing more was tried",
            );
        }
        for (rights, name) in silent.into_iter().flatten() {
            let why = format!("{name} says nothing, while {} answers: {suspect}", self.server.addresses.domain());
            found.block(rights, &why, Right::Answers);
        }
    }

    async fn are_accounts_silent(&self) -> bool {
        let Ok(nobody) = self.nobody() else { return false };
        let known = self.accounts.probe(&self.call_of(QUICK), &[nobody]).await.pop();
        matches!(known, Some(Err(ChatError::Link(LinkError::Timeout))))
    }

    /// Tries a wrong password, and on ejabberd whether many of them shut an address out.
    pub(in crate::chat) async fn check_passwords(
        &self,
        product: Product,
        wanted: &HashSet<Right>,
        found: &mut Findings,
    ) -> Result<String, String> {
        let nobody = self.nobody()?;
        match self.server.sessions.check_password(&self.call(), &nobody, "no password").await {
            Ok(false) => {}
            Ok(true) => return Err("the server takes any password".into()),
            Err(error @ SessionError::Banned(_)) => {
                let why = error.to_string();
                found.add(Right::NotBanned, Err(why.clone()));
                found.block(LOGINS, &why, Right::NotBanned);
                return Err(why);
            }
            Err(error) => return Err(error.to_string()),
        }
        if product == Product::Ejabberd && wanted.contains(&Right::Passwords) {
            match self.server.sessions.bans(&self.call_of(GUESSING), &nobody).await {
                Ok(Some(false)) => found.add(Right::NotBanned, Ok("many wrong passwords shut no address out".into())),
                Ok(Some(true)) => found.add(
                    Right::NotBanned,
                    Err("some wrong passwords shut an address out (mod_fail2ban): those that others try at the gateway \
                         shut the gateway out"
                        .into()),
                ),
                Ok(None) => found.notes.push(
                    "whether mod_fail2ban is loaded cannot be seen from another machine: if it is, it must not count the \
                     gateway's address, see mod_fail2ban in config/ejabberd.yml"
                        .into(),
                ),
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok("a wrong password was refused".into())
    }

    /// Tries whether whoever holds a log-in token of one user can be another one: of two who need not exist, and nothing is
    /// bound.
    pub(in crate::chat) async fn check_impersonation(
        &self,
        product: Product,
        who: &Who,
        wanted: &HashSet<Right>,
        found: &mut Findings,
    ) {
        let handed_out = wanted.contains(&Right::LoginTokens) && found.has(Right::LoginTokens);
        if found.is_stopped()
            || product != Product::Ejabberd
            || self.server.config.sessions.grant != Grant::Oauth
            || !handed_out
        {
            return;
        }
        let (Ok(holder), Ok(other)) = (self.nobody(), self.nobody()) else { return };
        let holder = who.at(self.server.addresses.domain()).unwrap_or(&holder);
        found.notes.push(match self.server.sessions.impersonates(&self.call(), holder, &other).await {
            Ok(true) => {
                "whoever is handed a log-in token can be every other user with it: X-OAUTH2 let a token in under \
                         another user's name (authzid). rongcloud.accept_oauth_impersonation accepts that; with \
                         sessions.grant = \"jwt\" it is not so"
                    .into()
            }
            Ok(false) => "X-OAUTH2 does not let a log-in token in under another user's name (authzid): \
                          rongcloud.accept_oauth_impersonation accepts nothing here"
                .into(),
            Err(error) => format!("whether a log-in token lets its holder be another user was not seen: {error}"),
        });
    }
}

/// Says so when the gateway is not tested with this version.
fn untried(product: Product, version: &str) -> Option<String> {
    let (_, tried) = TRIED.iter().find(|(of, _)| *of == product)?;
    let follows = |next: char| next.is_ascii_digit() || next == '.';
    let is = |tried: &str| version.strip_prefix(tried).is_some_and(|rest| !rest.starts_with(follows));
    let unknown = !tried.iter().any(|tried| is(tried));
    unknown.then(|| format!("not tested with version {version}, but with {}", tried.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_were_not_tried_are_told_apart() {
        for (product, version) in [
            (Product::Ejabberd, "23.01"),
            (Product::Ejabberd, "24.12-3+deb13u1"),
            (Product::Ejabberd, "26.07"),
            (Product::Prosody, "0.12.3"),
            (Product::Prosody, "13.0.6"),
        ] {
            assert_eq!(untried(product, version), None, "{version}");
        }
        for (product, version) in [
            (Product::Ejabberd, "26.07.1"),
            (Product::Ejabberd, "25.08"),
            (Product::Prosody, "13.0.61"),
            (Product::Prosody, "of unknown version"),
        ] {
            let note = untried(product, version).expect("a note");
            assert!(
                note.contains(version) && note.contains(if product == Product::Prosody { "0.12.3" } else { "26.07" })
            );
        }
    }
}
