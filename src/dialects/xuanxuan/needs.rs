//! Which rights on the XMPP server each method needs, for `stanzagate check`.

use crate::chat::types::right::Right::{
    self, AccountList, Accounts, Answers, Archive, MakeAccounts, Reflection, RoomList, Rooms, SendAs,
};

/// Methods, what they cannot work without, and what they do less without.
pub const NEEDS: &[(&str, &[Right], &[Right])] = &[
    ("getChatGroups", &[Answers, Rooms, RoomList], &[]),
    ("getChatUsers", &[Answers, Rooms], &[]),
    // Without the list of accounts: whoever is in any room.
    ("getChatUsers (all)", &[Answers, Rooms, RoomList], &[AccountList]),
    // Without making accounts: where the sender's is there already.
    ("notifyMSG (users)", &[Answers, SendAs, Accounts], &[MakeAccounts]),
    ("notifyMSG (group)", &[Answers, Rooms, Reflection], &[Archive]),
];
