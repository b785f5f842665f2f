//! Which rights on the XMPP server each endpoint needs, for `stanzagate check`.

use crate::chat::types::right::Right::{
    self, Accounts, Answers, Archive, Bookmarks, Passwords, Reflection, RoomList, Rooms, SendAs, SenderCopy,
};

/// Endpoint, what it cannot work without, and what it does less without.
pub const NEEDS: &[(&str, &[Right], &[Right])] = &[
    ("send_thirdmessage", &[Answers, SendAs, Accounts, Rooms, Reflection], &[SenderCopy, Archive]),
    ("send_notify", &[Answers, SendAs, Accounts], &[]),
    ("create_muc", &[Answers, Accounts, Rooms], &[Bookmarks, Archive]),
    ("add_muc_user", &[Answers, SendAs, Accounts, Rooms], &[Bookmarks]),
    ("del_muc_user", &[Answers, Accounts, Rooms], &[Bookmarks]),
    ("destroy_muc", &[Answers, Rooms], &[Bookmarks]),
    ("get_user_nick", &[Answers, Accounts], &[]),
    ("send_message", &[Answers, SendAs, Accounts, Rooms, Reflection], &[SenderCopy, Archive]),
    ("muc_users", &[Answers, Rooms], &[]),
    ("auth_uk", &[Passwords], &[]),
    ("clear_staff", &[Answers, Accounts, Rooms, RoomList], &[Bookmarks]),
];
