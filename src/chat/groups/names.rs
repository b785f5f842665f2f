//! Rooms and people with their names: what a list to choose from shows.

use std::collections::BTreeSet;

use jid::BareJid;

use crate::chat::groups::Groups;
use crate::chat::rooms::affiliations::LISTS;
use crate::chat::rooms::info::read_info;
use crate::chat::server::ask::WINDOW;
use crate::chat::types::address::Realm;
use crate::chat::types::error::ChatError;
use crate::link::Call;
use crate::xmpp::{disco, iq, jid_escape};

impl Groups {
    /// Every room of a realm, hidden ones too, with its name, in order of their addresses. A room without a name is called
    /// by its localpart.
    pub async fn room_names(&self, call: &Call, realm: &Realm) -> Result<Vec<(BareJid, String)>, ChatError> {
        let rooms = self.sorted_rooms(call, &realm.rooms).await?;
        let questions =
            rooms.iter().map(|room| iq::get(&self.server.component, room.as_str(), disco::info_query())).collect();
        let answers = self.server.ask_all(call, questions, WINDOW).await;
        let mut named = Vec::with_capacity(rooms.len());
        for (room, answer) in rooms.into_iter().zip(answers) {
            let name = match read_info(&room, answer?) {
                Ok(info) => info.name,
                // Gone since it was listed.
                Err(ChatError::UnknownRoom(_)) => continue,
                Err(error) => return Err(error),
            };
            // Prosody calls a room without a name by its localpart.
            let nameless = name.is_empty() || room.node().is_some_and(|node| node.as_str() == name);
            let name = if nameless { local(&room) } else { name };
            named.push((room, name));
        }
        Ok(named)
    }

    /// Whoever belongs to any room of a realm, and what each calls themselves (vCard), in order of their addresses.
    pub async fn everybody_in_rooms(&self, call: &Call, realm: &Realm) -> Result<Vec<(BareJid, String)>, ChatError> {
        let rooms = self.sorted_rooms(call, &realm.rooms).await?;
        let questions = rooms.iter().flat_map(|room| self.rooms.list_questions(room)).collect();
        let mut answers = self.rooms.ask_lists(call, questions).await.into_iter();
        let mut everybody = BTreeSet::new();
        for room in rooms {
            // All three are taken, or the next room would be given this one's.
            let own: Vec<_> = answers.by_ref().take(LISTS.len()).collect();
            match self.rooms.read_lists(&room, own.into_iter()) {
                Ok(lists) => everybody.extend(self.belonging(&lists).into_iter().map(|(user, _)| user)),
                Err(ChatError::UnknownRoom(_)) => {}
                Err(error) => return Err(error),
            }
        }
        self.with_names(call, everybody.into_iter().collect()).await
    }

    pub(in crate::chat) async fn with_names(
        &self,
        call: &Call,
        people: Vec<BareJid>,
    ) -> Result<Vec<(BareJid, String)>, ChatError> {
        let names = self.rooms.nicks(call, &people).await;
        people.into_iter().zip(names).map(|(user, name)| Ok((user, name?))).collect()
    }

    async fn sorted_rooms(&self, call: &Call, service: &str) -> Result<Vec<BareJid>, ChatError> {
        let mut rooms = self.rooms.rooms(call, service).await?;
        rooms.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        Ok(rooms)
    }
}

fn local(room: &BareJid) -> String {
    room.node().map(|node| jid_escape::unescaped(node.as_str()).into_owned()).unwrap_or_default()
}
