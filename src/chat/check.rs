//! Trying each right that the gateway needs of the server, without leaving anything behind.

mod findings;
mod gone;
mod links;
mod server;
mod services;

pub use self::findings::Finding;
pub use self::findings::Report;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::findings::Findings;
use jid::BareJid;

use crate::chat::accounts::Accounts;
use crate::chat::records::Records;
use crate::chat::rooms::Rooms;
use crate::chat::server::Server;
use crate::chat::server::links::try_as_user;
use crate::chat::types::error::ChatError;
use crate::chat::types::product::Product;
use crate::chat::types::right::Right;
use crate::chat::types::room::NewRoom;
use crate::link::Call;
use crate::xml::element::{Build, client};
use crate::xmpp::{iq, muc, muc_admin, mucsub};

/// Longest wait for the answer to one question.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same where silence is an answer.
const QUICK: Duration = Duration::from_secs(5);

/// Trying what the server lets the gateway do.
pub struct Check<'a> {
    pub(in crate::chat) server: &'a Arc<Server>,
    pub(in crate::chat) records: &'a Records,
    pub(in crate::chat) accounts: &'a Accounts,
    pub(in crate::chat) rooms: &'a Rooms,
}

impl Check<'_> {
    /// Tries the rights that are wanted. The link must be up. With `user`, an account that exists, a session of theirs is
    /// opened too.
    pub async fn run(&self, user: Option<&BareJid>, wanted: impl IntoIterator<Item = Right>) -> Report {
        let wanted: HashSet<Right> = wanted.into_iter().collect();
        let mut found = Findings::default();
        let product = self.check_server(&mut found).await;
        if let Some(product) = product {
            self.find_silence(product, &wanted, &mut found).await;
            self.check_usual(product, user, &wanted, &mut found).await;
            self.check_services(product, user, &wanted, &mut found).await;
            if found.has(Right::Records) {
                found.add(Right::RecordsClosed, self.check_records_closed().await);
            }
            self.check_impersonation(product, user, &wanted, &mut found).await;
            // Last: a server that forbids it closes the connection.
            found.add(Right::SendAs, self.check_send_as().await);
            if let Some(verdict) = self.check_extra_links().await {
                found.add(Right::ExtraLinks, verdict);
            }
        }
        // In the name of a user; and where the gateway has no records, it is not told whose a node is.
        if found.has(Right::SendAs) && found.has(Right::Records) {
            found.add(Right::RecordsAlone, self.check_records_alone().await);
        }
        found.report(product, |right| right.is_tried_always() || wanted.contains(&right))
    }

    async fn check_usual(
        &self,
        product: Product,
        user: Option<&BareJid>,
        wanted: &HashSet<Right>,
        found: &mut Findings,
    ) {
        // First: who is shut out cannot open sessions either.
        let passwords = self.check_passwords(product, wanted, found).await;
        found.add(Right::Accounts, self.check_accounts().await);
        found.trial(Right::RoomList, self.check_room_list()).await;
        if found.is_blocked(Right::Rooms) {
            for right in [Right::Rooms, Right::Archive, Right::Reflection] {
                found.add(right, Ok(String::new()));
            }
        } else {
            let (rooms, archive, reflection) = self.check_room(product).await;
            found.add(Right::Rooms, rooms);
            found.add(Right::Archive, archive);
            found.add(Right::Reflection, reflection);
        }
        let copy = match product {
            Product::Ejabberd if found.is_blocked(Right::SenderCopy) => Ok(String::new()),
            Product::Ejabberd => self.check_own_session(user).await,
            Product::Prosody => self.check_privilege("message", &["outgoing"]),
        };
        let bookmarks = match product {
            Product::Ejabberd => copy.clone(),
            Product::Prosody => self.check_privileged_iq(user).await,
        };
        found.add(Right::SenderCopy, copy);
        found.add(Right::Bookmarks, bookmarks);
        found.add(Right::Passwords, passwords);
    }

    /// An address that nobody has.
    fn nobody(&self) -> Result<BareJid, String> {
        self.server.addresses.nobody().map_err(|error| error.to_string())
    }

    async fn check_send_as(&self) -> Result<String, String> {
        try_as_user(&self.server.link, &self.server.addresses, &call()).await?;
        Ok("a message from a user's address passed".into())
    }

    async fn check_accounts(&self) -> Result<String, String> {
        let nobody = [self.nobody()?];
        match self.accounts.probe(&call(), &nobody).await.pop() {
            Some(Ok(false)) => Ok("an account that does not exist was told".into()),
            Some(Ok(true)) | None => Err("the server does not tell an account that does not exist".into()),
            Some(Err(error)) => Err(error.to_string()),
        }
    }

    async fn check_room_list(&self) -> Result<String, String> {
        let mut count = 0;
        for service in self.server.addresses.services() {
            count += self.rooms.rooms(&call(), service).await.map_err(|error| format!("{service}: {error}"))?.len();
        }
        Ok(format!("{count} rooms"))
    }

    /// Makes a room, looks at it, and destroys it.
    async fn check_room(
        &self,
        product: Product,
    ) -> (Result<String, String>, Result<String, String>, Result<String, String>) {
        let nothing = || Err("not tried: no room could be made".to_owned());
        let room = match self.check_room_made().await {
            Ok(room) => room,
            Err(error) => return (Err(error), nothing(), nothing()),
        };
        let archive = match self.rooms.room_info(&call(), &room).await {
            Ok(info) if info.archived => Ok("a new room is archived".to_owned()),
            Ok(_) => Err("a new room has no archive: group messages count as routed, not archived".into()),
            Err(error) => Err(error.to_string()),
        };
        let reflection = match product {
            Product::Ejabberd => {
                let subscribe = mucsub::subscribe(None, &self.server.component, &[mucsub::MESSAGES]);
                match self.server.require(&call(), iq::set(&self.server.component, room.as_str(), subscribe)).await {
                    Ok(_) => Ok("MUC/Sub is allowed".to_owned()),
                    Err(error) => Err(error.to_string()),
                }
            }
            Product::Prosody => self.check_redirect().await,
        };
        let administrator = match product {
            Product::Ejabberd => self.check_administrator(&room).await,
            Product::Prosody => Ok(()),
        };
        let rooms = match administrator {
            Ok(()) => match self
                .server
                .require(&call(), iq::set(&self.server.component, room.as_str(), muc::destroy("")))
                .await
            {
                Ok(_) => {
                    self.bury(product, &room).await;
                    Ok("a room was made, configured and destroyed".to_owned())
                }
                Err(error) => Err(format!("{room} could not be destroyed: {error}")),
            },
            Err(error) => Err(error),
        };
        (rooms, archive, reflection)
    }

    /// In a room of its own the gateway is owner, right or no right; so it gives this one away and looks whether it still
    /// is (ejabberd takes nothing from an administrator). If not, the room is destroyed in its new owner's name.
    async fn check_administrator(&self, room: &BareJid) -> Result<(), String> {
        let own = BareJid::new(&self.server.component).map_err(|error| error.to_string())?;
        let other = self.nobody()?;
        let set = |user: &BareJid, affiliation| {
            iq::set(&self.server.component, room.as_str(), muc_admin::set(affiliation, [(user, None)]))
        };
        self.server.require(&call(), set(&other, "owner")).await.map_err(|error| error.to_string())?;
        self.server.ask(&call(), set(&own, "none")).await.map_err(|error| error.to_string())?.ok();
        let question = iq::get(&self.server.component, room.as_str(), muc::config_query());
        let Err(refusal) = self.server.require(&call(), question).await else { return Ok(()) };
        let call = call();
        let destroy =
            iq::set(other.as_str(), room.as_str(), muc::destroy("")).with("id", self.server.link.new_id(&call));
        let left = match self.server.link.send_routed(&call, &destroy).await {
            Ok(_) => String::new(),
            Err(error) => format!("; {room} may be left behind: {error}"),
        };
        Err(format!("rooms that others own are out of reach: {refusal}{left}"))
    }

    async fn check_room_made(&self) -> Result<BareJid, String> {
        let text = |error: ChatError| error.to_string();
        let service = self.server.addresses.services().next().unwrap_or_default().to_owned();
        let nobody = self.nobody()?;
        let local = nobody.node().map_or("stanzagate-check", |node| node.as_str());
        let room = self.server.addresses.room_at(local, &service).map_err(|error| error.to_string())?;
        let new = NewRoom {
            room: room.clone(),
            owner: None,
            name: "check".into(),
            description: String::new(),
            members_only: true,
        };
        self.rooms.make_room(&call(), &new).await.map_err(text)?;
        self.rooms.lists(&call(), &room).await.map_err(text)?;
        Ok(room)
    }

    /// What a room sends to an occupant in a user's name must come back here.
    async fn check_redirect(&self) -> Result<String, String> {
        let call = call();
        let nobody = self.nobody()?;
        let id = self.server.link.new_id(&call);
        let own = BareJid::new(&self.server.component).map_err(|error| error.to_string())?;
        let mut back = self.server.incoming.reflections.register((own, id.clone()));
        let message = client("message")
            .with("type", "groupchat")
            .with("id", id)
            .with("from", self.server.component.as_str())
            .with("to", format!("{nobody}/{}", self.rooms.occupant_resource()));
        self.server.link.send_routed(&call, &message).await.map_err(|error| error.to_string())?;
        match back.until(Instant::now() + Duration::from_secs(1)).await {
            Some(Ok(_)) => Ok("the firewall rule returns what rooms send".into()),
            _ => Err("the firewall rule does not return what rooms send".into()),
        }
    }

    /// What Prosody said that it grants (XEP-0356).
    fn check_privilege(&self, access: &str, kinds: &[&str]) -> Result<String, String> {
        let granted = self.server.incoming.granted.read();
        let found = granted.iter().find(|(name, kind)| name == access && kinds.contains(&kind.as_str()));
        found.map(|(name, kind)| format!("granted: {name} {kind}")).ok_or_else(|| format!("not granted: {access}"))
    }

    /// The grant says nothing of what answers it: a bookmark node that is not there is asked for, of `user` or of whoever
    /// has an account, and the answer must be that it is not there.
    async fn check_privileged_iq(&self, user: Option<&BareJid>) -> Result<String, String> {
        let granted = self.check_privilege("iq http://jabber.org/protocol/pubsub", &["both", "set"])?;
        let listed = match user {
            Some(_) => None,
            None => self
                .accounts
                .all_accounts(&call(), self.server.addresses.domain())
                .await
                .ok()
                .and_then(|all| all.into_iter().next()),
        };
        let Some(user) = user.or(listed.as_ref()) else {
            return Ok(format!("{granted}; `check --user NAME` tries it"));
        };
        match self.rooms.asks_privately(&call(), user).await {
            Ok(()) => Ok(format!("{granted}, and {user} was asked so")),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The session grant (ejabberd).
    async fn check_own_session(&self, user: Option<&BareJid>) -> Result<String, String> {
        match (self.server.sessions.granted(), user) {
            (false, _) => Err("no session grant is configured".to_owned()),
            (true, None) => Ok("a session grant is configured; `check --user NAME` tries it".into()),
            (true, Some(user)) => self.check_session(user).await,
        }
    }

    async fn check_session(&self, user: &BareJid) -> Result<String, String> {
        let text = |error: ChatError| error.to_string();
        self.accounts.require_users(&call(), &[user]).await.map_err(text)?;
        let question = client("iq").with("type", "get").child(crate::xmpp::vcard::query());
        self.server.sessions.iq(&call(), user, question).await.map_err(|error| error.to_string())?;
        Ok(format!("a session of {user} was opened"))
    }
}

fn call() -> Call {
    call_of(PATIENCE)
}

fn call_of(patience: Duration) -> Call {
    Call::new("check".into(), Instant::now() + patience)
}
