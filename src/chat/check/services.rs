//! The rights beyond messages and rooms: records, accounts, contact lists, archives, announcements, files, log-in tokens.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use serde_json::json;

use crate::chat::check::findings::{Findings, untried};
use crate::chat::check::guests::Who;
use crate::chat::check::{Check, NOBODY};
use crate::chat::records::Subject;
use crate::chat::types::address::Realm;
use crate::chat::types::error::ChatError;
use crate::chat::types::product::Product;
use crate::chat::types::right::Right;
use crate::chat::types::trial;
use crate::xmpp::{commands, iq};

/// The file that is uploaded. It stays until the server forgets it, so it is small, and says what it is.
const FILE: &[u8] = b"A trial of stanzagate check.\n";
/// Life of the token that is tried.
const TOKEN: Duration = Duration::from_secs(30);

impl Check<'_> {
    /// Tries those of the rights that are `wanted`.
    pub(in crate::chat) async fn check_services(
        &self,
        product: Product,
        who: &Who,
        wanted: &HashSet<Right>,
        found: &mut Findings,
    ) {
        const TRIED: [Right; 8] = [
            Right::Records,
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
                        verdict = self.check_service(right, product, who, realm).await;
                    }
                }
                verdict
            };
            self.in_time(found);
            found.trial(right, everywhere).await;
        }
    }

    async fn check_service(&self, right: Right, product: Product, who: &Who, realm: &Realm) -> Result<String, String> {
        match right {
            Right::Records => self.check_records(realm).await,
            Right::AccountList => {
                let accounts = self.accounts.accounts(&self.call(), realm).await.map_err(|error| error.to_string())?;
                self.sweep(&accounts).await;
                let users = accounts.iter().filter(|user| !user.node().is_some_and(|node| trial::is_of_trial(node)));
                Ok(format!("{} accounts at {}", users.count(), realm.domain))
            }
            Right::Presence => {
                let nobody = [self.nobody()?];
                match self.accounts.sessions(&self.call(), &nobody).await.pop() {
                    Some(Err(error)) if !matches!(error, ChatError::UnknownUser(_)) => Err(error.to_string()),
                    _ => Ok("the command user-stats answers".to_owned()),
                }
            }
            Right::Rosters if product == Product::Prosody => self.check_privilege("roster", &["both"]),
            Right::Rosters => self.check_session(who, &realm.domain).await,
            Right::Histories => self.check_archive(product, who, realm).await,
            Right::Broadcast => self.check_broadcast(realm).await,
            Right::Uploads => self.check_uploads(product, realm).await,
            Right::LoginTokens => self.check_login_tokens(product, who, realm).await,
            _ => Ok(String::new()),
        }
    }

    async fn check_records(&self, realm: &Realm) -> Result<String, String> {
        let subject = Subject::User(self.nobody()?);
        let written = self.records.set_note(&self.call(), realm, &subject, "check", Some(&json!(1))).await;
        let read = match written {
            Ok(()) => self.records.record(&self.call(), realm, &subject).await,
            Err(error) => Err(error),
        };
        let removed = self.records.forget(&self.call(), realm, &subject).await;
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
            let maintained = self.records.maintain(service).await.map_err(|error| error.to_string())?;
            nodes += maintained.nodes;
            closed.extend(maintained.closed);
            open.extend(maintained.open);
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
        let made = self.records.users_make_nodes(&self.call(), &realm.pubsub, &nobody).await;
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

    /// The form of the command is shown to those who may use it; nothing is announced.
    async fn check_broadcast(&self, realm: &Realm) -> Result<String, String> {
        let start = iq::set(&self.server.component, &realm.domain, commands::execute(commands::ANNOUNCE));
        let reply = self.server.require(&self.call(), start).await.map_err(|error| error.to_string())?;
        let Some(answer) = commands::read(&reply) else { return Err("no such command".to_owned()) };
        if let Some(session) = &answer.session {
            let cancel = commands::cancel(commands::ANNOUNCE, session);
            self.server
                .ask(&self.call(), iq::set(&self.server.component, &realm.domain, cancel))
                .await
                .map_err(|e| e.to_string())?
                .ok();
        }
        match answer.error {
            None => Ok("announcements are allowed".to_owned()),
            Some(error) => Err(error),
        }
    }

    /// A file is put and got back: that a place is given says nothing of whether anything can be put there.
    async fn check_uploads(&self, product: Product, realm: &Realm) -> Result<String, String> {
        let done = self.files.round_trip(&self.call(), realm, product, FILE).await;
        done.map_err(|error| match error {
            // Nothing was forbidden, and which product it is is known here.
            ChatError::Right(why) => {
                let (seen, of_each) = why.split_once(": ejabberd: ").unwrap_or((&why, ""));
                let (ejabberd, prosody) = of_each.split_once("; Prosody: ").unwrap_or((of_each, of_each));
                format!("{seen}: {}", if product == Product::Ejabberd { ejabberd } else { prosody })
            }
            error => error.to_string(),
        })?;
        Ok(format!(
            "a file was put at {} and got back; it stays until the server forgets it, {} bytes",
            realm.upload,
            FILE.len()
        ))
    }

    /// A token of somebody is made and tried. Of nobody there must be none: that shows whether they are made at all.
    async fn check_login_tokens(&self, product: Product, who: &Who, realm: &Realm) -> Result<String, String> {
        let Some(user) = who.at(&realm.domain) else {
            if product == Product::Ejabberd {
                return self.check_session(who, &realm.domain).await;
            }
            let nobody = self.nobody()?;
            let nobody = nobody.node().map_or("stanzagate-check", |node| node.as_str());
            let nobody = self.server.addresses.user_at(nobody, &realm.domain).map_err(|error| error.to_string())?;
            return match self.accounts.login_token(&self.call(), &nobody, TOKEN).await {
                Err(ChatError::UnknownUser(_)) => Ok(untried(&format!("tokens are made; {NOBODY}"))),
                Err(error) => Err(refusal(&error)),
                Ok(_) => Err(format!("a token was made of {nobody}, who does not exist")),
            };
        };
        let token = self.accounts.login_token(&self.call(), user, TOKEN).await.map_err(|error| refusal(&error))?;
        let mechanism = token.mechanism;
        match self.server.sessions.accepts(&self.call(), user, &token).await {
            Ok(true) => Ok(format!("{user} was logged in with a token ({mechanism})")),
            Ok(false) => Err(format!("a token was made, and the server does not let {user} in with it ({mechanism})")),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Why there is no token, without the lines to add: the report ends with them.
fn refusal(error: &ChatError) -> String {
    let text = error.to_string();
    let why = text.split_once("; add to ").map_or(text.as_str(), |(why, _)| why);
    // The helper module says so itself.
    let switched_off = why.contains("log in with OAUTHBEARER");
    let advice = if switched_off { ": take OAUTHBEARER out of disable_sasl_mechanisms" } else { "" };
    format!("{why}{advice}")
}
