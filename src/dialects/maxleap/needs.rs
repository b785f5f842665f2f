//! Which rights on the XMPP server each family of endpoints needs, for `stanzagate check`.

use crate::chat::types::right::Right::{
    self, AccountList, Accounts, Answers, Archive, Bookmarks, Broadcast, Histories, MakeAccounts, Presence, Records,
    RoomList, Rooms, Rosters, SendAs, Uploads,
};

/// Endpoints, what they cannot work without, and what they do less without.
pub const NEEDS: &[(&str, &[Right], &[Right])] = &[
    ("ctx", &[Answers, Accounts, Records, Rosters, Rooms, Presence], &[]),
    ("ctx (search)", &[Answers, Records, Presence], &[AccountList]),
    ("ctx/attributes", &[Answers, Accounts, Records], &[]),
    ("ctx/friends", &[Answers, Accounts, Rosters, Presence, Records], &[Histories]),
    ("ctx/friends/chats", &[Answers, Accounts, Rosters, Histories], &[]),
    ("ctx/strangers", &[Answers, Accounts, Rosters, Histories, Presence], &[]),
    ("ctx/groups, ctx/rooms", &[Answers, Accounts, Rooms, Records], &[Archive]),
    ("groups, rooms", &[Answers, Accounts, Rooms, RoomList, Records], &[Bookmarks]),
    ("groups/chats", &[Answers, Rooms, Archive, Records], &[]),
    ("passengers", &[Answers, Accounts, MakeAccounts, Records], &[]),
    ("passengers/chats", &[Answers, Accounts, Records, Histories], &[]),
    ("system", &[Answers, SendAs, Broadcast], &[]),
    ("system/target", &[Answers, SendAs, Accounts, Rooms], &[]),
    ("attachment", &[Answers, Uploads], &[]),
];
