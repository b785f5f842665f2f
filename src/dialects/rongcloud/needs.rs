//! Which rights on the XMPP server each endpoint needs, for `stanzagate check`.

use crate::chat::check::Right::{self, Accounts, Answers, Bookmarks, LoginTokens, Passwords, Records, Rooms, Uploads};

/// Endpoints, what they cannot work without, and what they do less without.
pub const NEEDS: &[(&str, &[Right], &[Right])] = &[
    ("auth/login", &[Answers, Passwords], &[]),
    ("im/token", &[Answers, Accounts, LoginTokens], &[]),
    ("im/group", &[Answers, Accounts, Rooms, Records], &[Bookmarks, Uploads]),
    ("im/group/join, invite, quit, dismiss", &[Answers, Accounts, Rooms, Records], &[Bookmarks]),
    ("im/group/users", &[Answers, Accounts, Rooms, Records], &[]),
    ("im/retrieve", &[Answers, Rooms, Records], &[]),
];
