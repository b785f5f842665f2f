//! Rooms and people with their names: what a list to choose from shows.

use std::collections::BTreeSet;

use jid::BareJid;

use crate::chat::Call;
use crate::chat::rooms::lifecycle::{LISTS, read_info};
use crate::chat::server::core::{Core, WINDOW};
use crate::chat::types::error::ChatError;
use crate::xmpp::{disco, iq, jid_escape};

impl Core {
    pub(in crate::chat) async fn room_names(
        &self,
        call: &Call,
        service: &str,
    ) -> Result<Vec<(BareJid, String)>, ChatError> {
        let rooms = self.sorted_rooms(call, service).await?;
        let questions = rooms.iter().map(|room| iq::get(&self.component, room.as_str(), disco::info_query())).collect();
        let answers = self.ask_all(call, questions, WINDOW).await;
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

    pub(in crate::chat) async fn everybody_in_rooms(
        &self,
        call: &Call,
        service: &str,
    ) -> Result<Vec<(BareJid, String)>, ChatError> {
        let rooms = self.sorted_rooms(call, service).await?;
        let questions = rooms.iter().flat_map(|room| self.list_questions(room)).collect();
        let mut answers = self.ask_lists(call, questions).await.into_iter();
        let mut everybody = BTreeSet::new();
        for room in rooms {
            // All three are taken, or the next room would be given this one's.
            let own: Vec<_> = answers.by_ref().take(LISTS.len()).collect();
            match self.read_lists(&room, own.into_iter()) {
                Ok(lists) => everybody.extend(self.people(&lists).into_iter().map(|(user, _)| user)),
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
        let names = self.nicks(call, &people).await;
        people.into_iter().zip(names).map(|(user, name)| Ok((user, name?))).collect()
    }

    async fn sorted_rooms(&self, call: &Call, service: &str) -> Result<Vec<BareJid>, ChatError> {
        let mut rooms = self.rooms(call, service).await?;
        rooms.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        Ok(rooms)
    }
}

fn local(room: &BareJid) -> String {
    room.node().map(|node| jid_escape::unescaped(node.as_str()).into_owned()).unwrap_or_default()
}
