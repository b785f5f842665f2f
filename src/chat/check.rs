//! Trying each right that the gateway needs of the server, without leaving anything behind.

mod archives;
mod findings;
mod gone;
mod guests;
mod links;
mod pace;
mod server;
mod services;

pub use self::findings::Finding;
pub use self::findings::Report;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::findings::{Findings, untried};
use self::guests::Who;
use jid::BareJid;

use crate::chat::accounts::Accounts;
use crate::chat::files::Files;
use crate::chat::records::Records;
use crate::chat::rooms::Rooms;
use crate::chat::server::Server;
use crate::chat::server::links::try_as_user;
use crate::chat::types::error::ChatError;
use crate::chat::types::product::Product;
use crate::chat::types::right::Right;
use crate::chat::types::room::NewRoom;
use crate::chat::types::trial;
use crate::link::Call;
use crate::xml::element::{Build, client};
use crate::xmpp::{iq, muc, muc_admin, mucsub, pubsub};

/// Longest wait for the answer to one question.
const PATIENCE: Duration = Duration::from_secs(8);
/// The same where silence is an answer.
const QUICK: Duration = Duration::from_secs(5);
/// Longest time of all trials together.
pub(in crate::chat) const LONGEST: Duration = Duration::from_secs(30);
/// Why something is tried in nobody's name.
const NOBODY: &str = "no account could be made to try it with, `check --user NAME` tries it with one that is there";

/// Trying what the server lets the gateway do.
pub struct Check<'a> {
    pub(in crate::chat) server: &'a Arc<Server>,
    pub(in crate::chat) records: &'a Records,
    pub(in crate::chat) accounts: &'a Arc<Accounts>,
    pub(in crate::chat) rooms: &'a Rooms,
    pub(in crate::chat) files: &'a Files,
    /// When all trials end.
    pub(in crate::chat) until: Instant,
}

impl Check<'_> {
    /// Tries the rights that are wanted, for half a minute at most. The link must be up. What needs an account is tried in
    /// the name of `user`, who has one, or of a throw-away one, where the server lets the gateway make some.
    pub async fn run(&self, user: Option<&BareJid>, wanted: impl IntoIterator<Item = Right>) -> Report {
        let wanted: HashSet<Right> = wanted.into_iter().collect();
        let mut found = Findings::default();
        // Whoever shares the name gets a part of the answers.
        self.server.link.rivals().looked(QUICK).await;
        let product = self.check_server(&mut found).await;
        if let Some(product) = product {
            self.find_silence(product, &wanted, &mut found).await;
            let begun = Instant::now();
            let who = self.receive(user).await;
            if let Err(why) = who.made() {
                found.look_at(Right::MakeAccounts, begun, &Err(why));
            }
            self.check_usual(product, &who, &wanted, &mut found).await;
            self.check_services(product, &who, &wanted, &mut found).await;
            self.in_time(&mut found);
            if found.has(Right::Records) && !found.is_stopped() {
                found.trial(Right::RecordsClosed, self.check_records_closed()).await;
            }
            self.check_impersonation(product, &who, &wanted, &mut found).await;
            let (made, left) = who.leave().await;
            found.notes.extend(left);
            if wanted.contains(&Right::MakeAccounts) {
                found.add(Right::MakeAccounts, made);
            }
            self.check_last(&mut found).await;
        }
        found.report(product, |right| right.is_tried_always() || wanted.contains(&right))
    }

    /// What comes last: a server that forbids it closes the connection.
    async fn check_last(&self, found: &mut Findings) {
        self.in_time(found);
        found.trial(Right::SendAs, self.check_send_as()).await;
        if !found.is_stopped()
            && let Some(verdict) = self.check_extra_links().await
        {
            found.add(Right::ExtraLinks, verdict);
        }
        // In the name of a user; and where the gateway has no records, it is not told whose a node is.
        if found.has(Right::SendAs) && found.has(Right::Records) {
            found.trial(Right::RecordsAlone, self.check_records_alone()).await;
        }
    }

    /// When the time for all trials is over, none is begun: it would only seem to fail.
    fn in_time(&self, found: &mut Findings) {
        if Instant::now() >= self.until {
            found.stop(&format!(
                "the server answers so slowly that not all was tried within {} seconds: what is its database waiting for?",
                LONGEST.as_secs()
            ));
        }
    }

    async fn check_usual(&self, product: Product, who: &Who, wanted: &HashSet<Right>, found: &mut Findings) {
        // First: who is shut out cannot open sessions either.
        let begun = Instant::now();
        let passwords = match found.is_stopped() {
            true => Ok(String::new()),
            false => self.check_passwords(product, wanted, found).await,
        };
        found.look_at(Right::Passwords, begun, &passwords);
        found.trial(Right::Accounts, self.check_accounts()).await;
        found.trial(Right::RoomList, self.check_room_list(product)).await;
        if found.is_blocked(Right::Rooms) {
            for right in [Right::Rooms, Right::Archive, Right::Reflection] {
                found.add(right, Ok(String::new()));
            }
        } else {
            let begun = Instant::now();
            let (rooms, archive, reflection) = self.check_room(product).await;
            found.look_at(Right::Rooms, begun, &rooms);
            found.add(Right::Rooms, rooms);
            found.add(Right::Archive, archive);
            found.add(Right::Reflection, reflection);
        }
        match product {
            Product::Ejabberd => {
                found.trial(Right::SenderCopy, self.check_own_session(who)).await;
                found.trial(Right::Bookmarks, self.check_bookmarks(who)).await;
                if found.has(Right::SenderCopy)
                    && let Some(pace) = self.check_pace(who).await
                {
                    found.add(Right::Unshaped, pace);
                }
            }
            Product::Prosody => {
                found.add(Right::SenderCopy, self.check_privilege("message", &["outgoing"]));
                found.trial(Right::Bookmarks, self.check_privileged_iq(who)).await;
            }
        }
        found.add(Right::Passwords, passwords);
    }

    /// An address that nobody has.
    fn nobody(&self) -> Result<BareJid, String> {
        self.server.addresses.nobody().map_err(|error| error.to_string())
    }

    async fn check_send_as(&self) -> Result<String, String> {
        try_as_user(&self.server.link, &self.server.addresses, &self.call()).await?;
        Ok("a message from a user's address passed".into())
    }

    async fn check_accounts(&self) -> Result<String, String> {
        let nobody = [self.nobody()?];
        match self.accounts.probe(&self.call(), &nobody).await.pop() {
            Some(Ok(false)) => Ok("an account that does not exist was told".into()),
            Some(Ok(true)) | None => Err("the server does not tell an account that does not exist".into()),
            Some(Err(error)) => Err(error.to_string()),
        }
    }

    async fn check_room_list(&self, product: Product) -> Result<String, String> {
        let mut count = 0;
        for service in self.server.addresses.services() {
            let rooms = self.rooms.rooms(&self.call(), service).await;
            for room in rooms.map_err(|error| format!("{service}: {error}"))? {
                match room.node().is_some_and(|node| trial::is_left_behind(node)) {
                    true => self.destroy_left(product, &room).await,
                    false => count += 1,
                }
            }
        }
        Ok(format!("{count} rooms"))
    }

    /// Destroys a room whose trial was killed before it could.
    async fn destroy_left(&self, product: Product, room: &BareJid) {
        let destroy = iq::set(&self.server.component, room.as_str(), muc::destroy(""));
        match self.server.require(&self.call(), destroy).await {
            Ok(_) => self.bury(product, room).await,
            Err(error) => tracing::warn!(%room, %error, "a room that a trial left behind could not be destroyed"),
        }
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
        let archive = match self.rooms.room_info(&self.call(), &room).await {
            Ok(info) if info.archived => Ok("a new room is archived".to_owned()),
            Ok(_) => Err("a new room has no archive: group messages count as routed, not archived".into()),
            Err(error) => Err(error.to_string()),
        };
        let reflection = match product {
            Product::Ejabberd => {
                let subscribe = mucsub::subscribe(None, &self.server.component, &[mucsub::MESSAGES]);
                match self.server.require(&self.call(), iq::set(&self.server.component, room.as_str(), subscribe)).await
                {
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
                .require(&self.call(), iq::set(&self.server.component, room.as_str(), muc::destroy("")))
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
        self.server.require(&self.call(), set(&other, "owner")).await.map_err(|error| error.to_string())?;
        self.server.ask(&self.call(), set(&own, "none")).await.map_err(|error| error.to_string())?.ok();
        let question = iq::get(&self.server.component, room.as_str(), muc::config_query());
        let Err(refusal) = self.server.require(&self.call(), question).await else { return Ok(()) };
        let call = self.call();
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
        self.rooms.make_room(&self.call(), &new).await.map_err(text)?;
        self.rooms.lists(&self.call(), &room).await.map_err(text)?;
        Ok(room)
    }

    /// What a room sends to an occupant in a user's name must come back here.
    async fn check_redirect(&self) -> Result<String, String> {
        let call = self.call();
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

    /// The grant says nothing of what answers it: a bookmark node that is not there is asked for, and the answer must be that
    /// it is not there.
    async fn check_privileged_iq(&self, who: &Who) -> Result<String, String> {
        let granted = self.check_privilege("iq http://jabber.org/protocol/pubsub", &["both", "set"])?;
        let domain = self.server.addresses.domain();
        let listed = match who.at(domain) {
            Some(_) => None,
            None => self.accounts.all_accounts(&self.call(), domain).await.ok().and_then(|all| all.into_iter().next()),
        };
        let Some(user) = who.at(domain).or(listed.as_ref()) else {
            return Ok(untried(&format!("{granted}; {NOBODY}")));
        };
        match self.rooms.asks_privately(&self.call(), user).await {
            Ok(()) => Ok(format!("{granted}, and {user} was asked so")),
            Err(error) => Err(error.to_string()),
        }
    }

    /// That sessions of users may be opened at all (ejabberd).
    fn has_grant(&self) -> Result<&'static str, String> {
        match self.server.sessions.granted() {
            true => Ok("a session grant is configured"),
            false => Err("no session grant is configured".to_owned()),
        }
    }

    /// Opens a session of somebody (ejabberd).
    async fn check_own_session(&self, who: &Who) -> Result<String, String> {
        self.check_session(who, self.server.addresses.domain()).await
    }

    async fn check_session(&self, who: &Who, domain: &str) -> Result<String, String> {
        let granted = self.has_grant()?;
        let Some(user) = who.at(domain) else { return Ok(untried(&format!("{granted}; {NOBODY}"))) };
        let text = |error: ChatError| error.to_string();
        self.accounts.require_users(&self.call(), &[user]).await.map_err(text)?;
        let question = client("iq").with("type", "get").child(crate::xmpp::vcard::query());
        self.server.sessions.iq(&self.call(), user, question).await.map_err(|error| error.to_string())?;
        Ok(format!("a session of {user} was opened"))
    }

    /// Asks in a session for a bookmark node that is not there (ejabberd).
    async fn check_bookmarks(&self, who: &Who) -> Result<String, String> {
        let granted = self.has_grant()?;
        let Some(user) = who.at(self.server.addresses.domain()) else {
            return Ok(untried(&format!("{granted}; {NOBODY}")));
        };
        let question = client("iq").with("type", "get").child(pubsub::items("urn:stanzagate:nothing", []));
        let reply = self.server.sessions.iq(&self.call(), user, question).await.map_err(|error| error.to_string())?;
        match iq::outcome(reply) {
            Err(error) if error.is("item-not-found") => {
                Ok(format!("{user} was asked in a session for a bookmark that is not there"))
            }
            Err(error) => Err(format!(
                "{user} has no nodes of their own, and so no bookmarks ({error}): mod_pubsub with the plugin pep"
            )),
            Ok(_) => Err(format!("{user} is said to have a node that nobody has")),
        }
    }

    /// A call of the check's.
    fn call(&self) -> Call {
        self.call_of(PATIENCE)
    }

    /// One with a time of its own, which all trials together do not exceed.
    fn call_of(&self, patience: Duration) -> Call {
        Call::new("check".into(), self.until.min(Instant::now() + patience))
    }
}
