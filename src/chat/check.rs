//! Trying each right that the gateway needs of the server, without leaving anything behind.

mod lines;
mod links;
mod services;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use jid::BareJid;

use super::core::Core;
use super::links::try_as_user;
use super::room::NewRoom;
use super::server::Product;
use super::{Call, Chat, ChatError};
use crate::xml::element::{Build, client};
use crate::xmpp::{iq, muc, muc_admin, mucsub};

/// One thing the server must let the gateway do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Right {
    /// To be answered at all.
    Answers,
    /// To send in the name of users.
    SendAs,
    /// To do so over each further link.
    ExtraLinks,
    /// To learn whether an account exists.
    Accounts,
    /// To create, configure, read and destroy rooms.
    Rooms,
    /// To list all rooms, hidden ones too.
    RoomList,
    /// To have rooms archived.
    Archive,
    /// To see what a room makes of a message: MUC/Sub on ejabberd, the firewall rule on Prosody.
    Reflection,
    /// To give a sender his own copy.
    SenderCopy,
    /// To put a room on a member's list of bookmarks.
    Bookmarks,
    /// To check a password by logging in.
    Passwords,
    /// To keep records of its own.
    Records,
    /// To be alone in keeping them: no user makes any.
    RecordsAlone,
    /// To be alone in reading them: none is open.
    RecordsClosed,
    /// To make and delete accounts.
    MakeAccounts,
    /// To list all accounts.
    AccountList,
    /// To see who is online.
    Presence,
    /// To read and change users' contact lists.
    Rosters,
    /// To read users' archives.
    Histories,
    /// To send to everybody who is online.
    Broadcast,
    /// To store files.
    Uploads,
    /// To hand out what users' clients log in with.
    LoginTokens,
}

impl Right {
    /// The right in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answers => "be answered",
            Self::SendAs => "send as users",
            Self::ExtraLinks => "extra links",
            Self::Accounts => "find accounts",
            Self::Rooms => "manage rooms",
            Self::RoomList => "list all rooms",
            Self::Archive => "archived rooms",
            Self::Reflection => "speak in rooms",
            Self::SenderCopy => "sender's own copy",
            Self::Bookmarks => "members' bookmarks",
            Self::Passwords => "check passwords",
            Self::Records => "own records",
            Self::RecordsAlone => "records not forged",
            Self::RecordsClosed => "records closed",
            Self::MakeAccounts => "make accounts",
            Self::AccountList => "list accounts",
            Self::Presence => "see who is online",
            Self::Rosters => "contact lists",
            Self::Histories => "users' archives",
            Self::Broadcast => "send to everybody",
            Self::Uploads => "store files",
            Self::LoginTokens => "log-in tokens",
        }
    }
}

/// What trying a right showed.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The right.
    pub right: Right,
    /// What was seen working, or why it does not.
    pub verdict: Result<String, String>,
}

impl Chat {
    /// Tries the rights that are wanted. The link must be up. With `user`, an account that exists, a session of his is
    /// opened too.
    pub async fn check(
        &self,
        user: Option<&BareJid>,
        wanted: impl IntoIterator<Item = Right>,
    ) -> (Option<Product>, Vec<Finding>) {
        let wanted: HashSet<Right> = wanted.into_iter().collect();
        let (product, mut findings) = self.core.check(user).await;
        if let Some(product) = product {
            self.check_services(product, user, &wanted, &mut findings).await;
            if findings.iter().any(|finding| finding.right == Right::Records && finding.verdict.is_ok()) {
                findings.push(Finding { right: Right::RecordsClosed, verdict: self.check_records_closed().await });
            }
            // Last: a server that forbids it closes the connection.
            findings.push(Finding { right: Right::SendAs, verdict: self.core.check_send_as().await });
            findings.extend(self.core.check_extra_links().await);
        }
        let has = |right| findings.iter().any(|finding| finding.right == right && finding.verdict.is_ok());
        // In the name of a user; and where the gateway has no records, it is not told whose a node is.
        if has(Right::SendAs) && has(Right::Records) {
            findings.push(Finding { right: Right::RecordsAlone, verdict: self.check_records_alone().await });
        }
        let always = [Right::Answers, Right::RecordsAlone, Right::RecordsClosed, Right::ExtraLinks];
        findings.retain(|finding| always.contains(&finding.right) || wanted.contains(&finding.right));
        (product, findings)
    }
}

impl Core {
    async fn check(&self, user: Option<&BareJid>) -> (Option<Product>, Vec<Finding>) {
        let mut findings = Vec::new();
        let mut note = |right, verdict: Result<String, String>| findings.push(Finding { right, verdict });
        let version = match self.product(&call()).await {
            Ok(product) => self.server_version(&call()).await.map(|version| (product, version)),
            Err(error) => Err(error),
        };
        let product = match version {
            Ok((product, version)) => {
                let (name, version) = version.unwrap_or_else(|| (format!("{product:?}"), "of unknown version".into()));
                note(Right::Answers, Ok(format!("{name} {version}")));
                product
            }
            Err(error) => {
                note(Right::Answers, Err(error.to_string()));
                return (None, findings);
            }
        };
        note(Right::Accounts, self.check_accounts().await);
        note(Right::RoomList, self.check_room_list().await);
        let (rooms, archive, reflection) = self.check_room(product).await;
        note(Right::Rooms, rooms);
        note(Right::Archive, archive);
        note(Right::Reflection, reflection);
        let (copy, bookmarks) = self.check_grant(product, user).await;
        note(Right::SenderCopy, copy);
        note(Right::Bookmarks, bookmarks);
        note(Right::Passwords, self.check_passwords().await);
        (Some(product), findings)
    }

    /// An address that nobody has.
    fn nobody(&self) -> Result<BareJid, String> {
        self.addresses.nobody().map_err(|error| error.to_string())
    }

    async fn check_send_as(&self) -> Result<String, String> {
        try_as_user(&self.link, &self.addresses, &call()).await?;
        Ok("a message from a user's address passed".into())
    }

    async fn check_accounts(&self) -> Result<String, String> {
        let nobody = [self.nobody()?];
        match self.probe(&call(), &nobody).await.pop() {
            Some(Ok(false)) => Ok("an account that does not exist was told".into()),
            Some(Ok(true)) | None => Err("the server does not tell an account that does not exist".into()),
            Some(Err(error)) => Err(error.to_string()),
        }
    }

    async fn check_room_list(&self) -> Result<String, String> {
        let mut count = 0;
        for service in self.addresses.services() {
            count += self.rooms(&call(), service).await.map_err(|error| format!("{service}: {error}"))?.len();
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
        let archive = match self.room_info(&call(), &room).await {
            Ok(info) if info.archived => Ok("a new room is archived".to_owned()),
            Ok(_) => Err("a new room has no archive: group messages count as routed, not archived".into()),
            Err(error) => Err(error.to_string()),
        };
        let reflection = match product {
            Product::Ejabberd => {
                let subscribe = mucsub::subscribe(None, &self.component, &[mucsub::MESSAGES]);
                match self.require(&call(), iq::set(&self.component, room.as_str(), subscribe)).await {
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
            Ok(()) => match self.require(&call(), iq::set(&self.component, room.as_str(), muc::destroy(""))).await {
                Ok(_) => Ok("a room was made, configured and destroyed".to_owned()),
                Err(error) => Err(format!("{room} could not be destroyed: {error}")),
            },
            Err(error) => Err(error),
        };
        (rooms, archive, reflection)
    }

    /// In a room of its own the gateway is owner, right or no right; so it gives this one away and looks whether it still
    /// is (ejabberd takes nothing from an administrator). If not, the room is destroyed in its new owner's name.
    async fn check_administrator(&self, room: &BareJid) -> Result<(), String> {
        let own = BareJid::new(&self.component).map_err(|error| error.to_string())?;
        let other = self.nobody()?;
        let set = |user: &BareJid, affiliation| {
            iq::set(&self.component, room.as_str(), muc_admin::set(affiliation, [(user, None)]))
        };
        self.require(&call(), set(&other, "owner")).await.map_err(|error| error.to_string())?;
        self.ask(&call(), set(&own, "none")).await.map_err(|error| error.to_string())?.ok();
        let question = iq::get(&self.component, room.as_str(), muc::config_query());
        let Err(refusal) = self.require(&call(), question).await else { return Ok(()) };
        let call = call();
        let destroy = iq::set(other.as_str(), room.as_str(), muc::destroy("")).with("id", self.link.new_id(&call));
        let left = match self.link.send_routed(&call, &destroy).await {
            Ok(_) => String::new(),
            Err(error) => format!("; {room} may be left behind: {error}"),
        };
        Err(format!("rooms that others own are out of reach: {refusal}{left}"))
    }

    async fn check_room_made(&self) -> Result<BareJid, String> {
        let text = |error: ChatError| error.to_string();
        let service = self.addresses.services().next().unwrap_or_default().to_owned();
        let nobody = self.nobody()?;
        let local = nobody.node().map_or("stanzagate-check", |node| node.as_str());
        let room = self.addresses.room_at(local, &service).map_err(|error| error.to_string())?;
        let new = NewRoom {
            room: room.clone(),
            owner: None,
            name: "check".into(),
            description: String::new(),
            members_only: true,
        };
        self.make_room(&call(), &new).await.map_err(text)?;
        self.lists(&call(), &room).await.map_err(text)?;
        Ok(room)
    }

    /// What a room sends to an occupant in a user's name must come back here.
    async fn check_redirect(&self) -> Result<String, String> {
        let call = call();
        let nobody = self.nobody()?;
        let id = self.link.new_id(&call);
        let own = BareJid::new(&self.component).map_err(|error| error.to_string())?;
        let mut back = self.incoming.reflections.register((own, id.clone()));
        let message = client("message")
            .with("type", "groupchat")
            .with("id", id)
            .with("from", self.component.as_str())
            .with("to", format!("{nobody}/{}", self.seat_resource()));
        self.link.send_routed(&call, &message).await.map_err(|error| error.to_string())?;
        match back.until(Instant::now() + Duration::from_secs(1)).await {
            Some(Ok(_)) => Ok("the firewall rule returns what rooms send".into()),
            _ => Err("the firewall rule does not return what rooms send".into()),
        }
    }

    async fn check_grant(
        &self,
        product: Product,
        user: Option<&BareJid>,
    ) -> (Result<String, String>, Result<String, String>) {
        if product == Product::Prosody {
            let message = self.check_privilege("message", &["outgoing"]);
            return (message, self.check_privilege("iq http://jabber.org/protocol/pubsub", &["both", "set"]));
        }
        let verdict = self.check_own_session(user).await;
        (verdict.clone(), verdict)
    }

    /// What Prosody said that it grants (XEP-0356).
    fn check_privilege(&self, access: &str, kinds: &[&str]) -> Result<String, String> {
        let granted = self.incoming.granted.read();
        let found = granted.iter().find(|(name, kind)| name == access && kinds.contains(&kind.as_str()));
        found.map(|(name, kind)| format!("granted: {name} {kind}")).ok_or_else(|| format!("not granted: {access}"))
    }

    /// The session grant (ejabberd).
    async fn check_own_session(&self, user: Option<&BareJid>) -> Result<String, String> {
        match (self.sessions.granted(), user) {
            (false, _) => Err("no session grant is configured".to_owned()),
            (true, None) => Ok("a session grant is configured; `check --user NAME` tries it".into()),
            (true, Some(user)) => self.check_session(user).await,
        }
    }

    async fn check_session(&self, user: &BareJid) -> Result<String, String> {
        let text = |error: ChatError| error.to_string();
        self.require_users(&call(), &[user]).await.map_err(text)?;
        let question = client("iq").with("type", "get").child(crate::xmpp::vcard::query());
        self.sessions.iq(&call(), user, question).await.map_err(|error| error.to_string())?;
        Ok(format!("a session of {user} was opened"))
    }

    async fn check_passwords(&self) -> Result<String, String> {
        match self.sessions.check_password(&call(), &self.nobody()?, "no password").await {
            Ok(false) => Ok("a wrong password was refused".into()),
            Ok(true) => Err("the server takes any password".into()),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn call() -> Call {
    Call { request: "check".into(), deadline: Instant::now() + Duration::from_secs(10) }
}
