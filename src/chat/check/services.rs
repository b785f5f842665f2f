//! The rights beyond messages and rooms: records, accounts, contact lists, archives, announcements, files, log-in tokens.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use jid::BareJid;
use serde_json::json;

use crate::chat::check::findings::Findings;
use crate::chat::check::{Check, call};
use crate::chat::records::Subject;
use crate::chat::server::archive::Archive;
use crate::chat::types::address::Realm;
use crate::chat::types::error::ChatError;
use crate::chat::types::product::Product;
use crate::chat::types::right::Right;
use crate::xmpp::mam::Page;
use crate::xmpp::{commands, iq, upload};

/// The size of the file for which a place is asked; none is stored.
const SLOT_BYTES: u64 = 5;
/// Life of the token that is tried.
const TOKEN: Duration = Duration::from_secs(30);

impl Check<'_> {
    /// Tries those of the rights that are `wanted`.
    pub(in crate::chat) async fn check_services(
        &self,
        product: Product,
        user: Option<&BareJid>,
        wanted: &HashSet<Right>,
        found: &mut Findings,
    ) {
        const TRIED: [Right; 9] = [
            Right::Records,
            Right::MakeAccounts,
            Right::AccountList,
            Right::Presence,
            Right::Rosters,
            Right::Histories,
            Right::Broadcast,
            Right::Uploads,
            Right::LoginTokens,
        ];
        for right in TRIED.into_iter().filter(|right| wanted.contains(right)) {
            let everywhere = async {
                let mut verdict = Ok(String::new());
                // Apps may have hosts of their own: each right must be there on all of them.
                for realm in self.server.addresses.realms() {
                    if verdict.is_ok() {
                        verdict = self.check_service(right, product, user, realm).await;
                    }
                }
                verdict
            };
            found.trial(right, everywhere).await;
        }
    }

    async fn check_service(
        &self,
        right: Right,
        product: Product,
        user: Option<&BareJid>,
        realm: &Realm,
    ) -> Result<String, String> {
        match right {
            Right::Records => self.check_records(realm).await,
            Right::MakeAccounts => self.check_accounts_made(realm).await,
            Right::AccountList => {
                let accounts = self.accounts.accounts(&call(), realm).await.map_err(|error| error.to_string())?;
                Ok(format!("{} accounts at {}", accounts.len(), realm.domain))
            }
            Right::Presence => {
                let nobody = [self.nobody()?];
                match self.accounts.sessions(&call(), &nobody).await.pop() {
                    Some(Err(error)) if !matches!(error, ChatError::UnknownUser(_)) => Err(error.to_string()),
                    _ => Ok("the command user-stats answers".to_owned()),
                }
            }
            Right::Rosters if product == Product::Prosody => self.check_privilege("roster", &["both"]),
            // On Prosody one module of the gateway's answers both questions.
            Right::Histories if product == Product::Prosody => match self.accounts.accounts(&call(), realm).await {
                Ok(accounts) => self.check_archive(user, &realm.domain, &accounts).await,
                Err(error) => Err(error.to_string()),
            },
            Right::Rosters | Right::Histories => self.check_own_session(user).await,
            Right::Broadcast => self.check_broadcast(realm).await,
            Right::Uploads => self.check_uploads(realm).await,
            Right::LoginTokens => self.check_login_tokens(product, user, realm).await,
            _ => Ok(String::new()),
        }
    }

    /// Asks for one entry of an archive: of `user`, or of anybody of the domain.
    async fn check_archive(
        &self,
        user: Option<&BareJid>,
        domain: &str,
        accounts: &[BareJid],
    ) -> Result<String, String> {
        let Some(user) = user.filter(|user| user.domain().as_str() == domain).or(accounts.first()) else {
            return Ok(
                "the module stanzagate is loaded; there is no account yet whose archive could be read".to_owned()
            );
        };
        let page = Page { max: 1, ..Page::default() };
        match self.server.archive_page(&call(), Archive::User(user), &page).await {
            Ok(Ok(_)) => Ok(format!("an archive at {domain} was read")),
            Ok(Err(error)) => Err(format!("the archive of {user} cannot be read: {error}")),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn check_records(&self, realm: &Realm) -> Result<String, String> {
        let subject = Subject::User(self.nobody()?);
        let written = self.records.set_note(&call(), realm, &subject, "check", Some(&json!(1))).await;
        let read = match written {
            Ok(()) => self.records.record(&call(), realm, &subject).await,
            Err(error) => Err(error),
        };
        let removed = self.records.forget(&call(), realm, &subject).await;
        let record = read.map_err(|error| error.to_string())?;
        removed.map_err(|error| format!("a record was made and could not be removed: {error}"))?;
        match record.notes.get("check") {
            Some(_) => Ok(format!("a record was made, read and removed at {}", realm.pubsub)),
            None => Err(format!("a record that was made at {} cannot be read", realm.pubsub)),
        }
    }

    /// Closes what anybody could look into, and lists it.
    pub(in crate::chat) async fn check_records_closed(&self) -> Result<String, String> {
        let (mut nodes, mut closed, mut open) = (0, Vec::new(), Vec::new());
        let services: BTreeSet<&str> = self.server.addresses.realms().map(|realm| realm.pubsub.as_str()).collect();
        for service in services {
            let tended = self.records.tend(service).await.map_err(|error| error.to_string())?;
            nodes += tended.nodes;
            closed.extend(tended.closed);
            open.extend(tended.open);
        }
        let was = match closed.len() {
            0 => String::new(),
            count => format!("{count} of {nodes} were open to any user and are closed now: {}", closed.join(", ")),
        };
        match (open.is_empty(), was.is_empty()) {
            (true, true) => Ok(format!("all {nodes} are the gateways' alone to read")),
            (true, false) => Ok(was),
            (false, true) => Err(format!("{} of {nodes} are open to any user: {}", open.len(), open.join(", "))),
            (false, false) => {
                Err(format!("{} of {nodes} are open to any user: {}; {was}", open.len(), open.join(", ")))
            }
        }
    }

    /// Tries whether anybody else could have written what the gateway takes for records of its own.
    pub(in crate::chat) async fn check_records_alone(&self) -> Result<String, String> {
        let mut verdict = Ok(String::new());
        for realm in self.server.addresses.realms() {
            if verdict.is_ok() {
                verdict = self.check_records_alone_at(realm).await;
            }
        }
        verdict
    }

    /// A node that a user makes must not come about; and none that is there may be another's.
    async fn check_records_alone_at(&self, realm: &Realm) -> Result<String, String> {
        let nobody = self.nobody()?;
        let made = self.records.users_make_nodes(&call(), &realm.pubsub, &nobody).await;
        if made.map_err(|error| error.to_string())? {
            return Err(format!("any user can make nodes at {}, and what they put there is believed", realm.pubsub));
        }
        let foreign = self.records.foreign_nodes(&realm.pubsub).await.map_err(|error| error.to_string())?;
        match foreign.first() {
            None => Ok(format!("users make no nodes at {}", realm.pubsub)),
            Some(one) => Err(format!(
                "{} of the records' nodes at {} are not the gateway's alone, such as {one:?}: delete them, unless another \
                 gateway made them (component.siblings)",
                foreign.len(),
                realm.pubsub
            )),
        }
    }

    async fn check_accounts_made(&self, realm: &Realm) -> Result<String, String> {
        let local = self.nobody()?;
        let local = local.node().map_or("stanzagate-check", |node| node.as_str());
        let user = self.server.addresses.user_at(local, &realm.domain).map_err(|error| error.to_string())?;
        let password = format!("{:032x}", rand::random::<u128>());
        let made = match self.accounts.create_account(&call(), &user, &password).await {
            Ok(true) => Ok(()),
            Ok(false) => return Err(format!("{user} exists already: try again")),
            // It may have been made after all.
            Err(error) => Err(error.to_string()),
        };
        match (made, self.accounts.delete_account(&call(), &user).await) {
            (Ok(()), Ok(())) => Ok("an account was made and deleted".to_owned()),
            (Ok(()), Err(error)) => Err(format!("the account {user} was made and could not be deleted: {error}")),
            (Err(error), _) => Err(error),
        }
    }

    /// The form of the command is shown to those who may use it; nothing is announced.
    async fn check_broadcast(&self, realm: &Realm) -> Result<String, String> {
        let start = iq::set(&self.server.component, &realm.domain, commands::execute(commands::ANNOUNCE));
        let reply = self.server.require(&call(), start).await.map_err(|error| error.to_string())?;
        let Some(answer) = commands::read(&reply) else { return Err("no such command".to_owned()) };
        if let Some(session) = &answer.session {
            let cancel = commands::cancel(commands::ANNOUNCE, session);
            self.server
                .ask(&call(), iq::set(&self.server.component, &realm.domain, cancel))
                .await
                .map_err(|e| e.to_string())?
                .ok();
        }
        match answer.error {
            None => Ok("announcements are allowed".to_owned()),
            Some(error) => Err(error),
        }
    }

    async fn check_uploads(&self, realm: &Realm) -> Result<String, String> {
        let request = upload::request("check.txt", SLOT_BYTES, "text/plain");
        let reply = self.server.require(&call(), iq::get(&self.server.component, &realm.upload, request)).await;
        let reply = reply.map_err(|error| format!("{}: {error}", realm.upload))?;
        match upload::read(&reply) {
            // Not the whole URL: whoever has it may put a file there.
            Some(_) => Ok(format!("{} gives a place for a file", realm.upload)),
            None => Err(format!("{} gives no place for a file", realm.upload)),
        }
    }

    /// A token of the user is made and tried. Of nobody there must be none: that shows whether they are made at all.
    async fn check_login_tokens(
        &self,
        product: Product,
        user: Option<&BareJid>,
        realm: &Realm,
    ) -> Result<String, String> {
        let Some(user) = user.filter(|user| user.domain().as_str() == realm.domain) else {
            if product == Product::Ejabberd {
                return self.check_own_session(None).await;
            }
            let nobody = self.nobody()?;
            let nobody = nobody.node().map_or("stanzagate-check", |node| node.as_str());
            let nobody = self.server.addresses.user_at(nobody, &realm.domain).map_err(|error| error.to_string())?;
            return match self.accounts.login_token(&call(), &nobody, TOKEN).await {
                Err(ChatError::UnknownUser(_)) => Ok("tokens are made; `check --user NAME` tries one".to_owned()),
                Err(error) => Err(refusal(&error)),
                Ok(_) => Err(format!("a token was made of {nobody}, who does not exist")),
            };
        };
        let token = self.accounts.login_token(&call(), user, TOKEN).await.map_err(|error| refusal(&error))?;
        let mechanism = token.mechanism;
        match self.server.sessions.accepts(&call(), user, &token).await {
            Ok(true) => Ok(format!("{user} was logged in with a token ({mechanism})")),
            Ok(false) => Err(format!("a token was made, and the server does not let {user} in with it ({mechanism})")),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Why there is no token, without the lines to add: the report ends with them.
fn refusal(error: &ChatError) -> String {
    let text = error.to_string();
    text.split_once("; add to ").map_or(text.as_str(), |(why, _)| why).to_owned()
}
