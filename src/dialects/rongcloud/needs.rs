//! Which rights on the XMPP server each endpoint needs, for `stanzagate check`.

use crate::chat::types::right::Right::{
    self, Accounts, Answers, Archive, Bookmarks, LoginTokens, Passwords, Records, Rooms, Rosters, SendAs, Uploads,
};
use crate::config::rongcloud::Rongcloud;

/// An endpoint, what it cannot work without, and what it does less without.
type Row = (&'static str, &'static [Right], &'static [Right]);

const NEEDS: &[Row] = &rows(&[Answers, SendAs, Accounts, Rooms, Records]);
/// Where members bring in only those on their contact lists.
const OF_FRIENDS: &[Row] = &rows(&[Answers, SendAs, Accounts, Rooms, Records, Rosters]);

/// The endpoints, as they are configured.
pub fn needs(config: &Rongcloud) -> &'static [Row] {
    if config.friends_only { OF_FRIENDS } else { NEEDS }
}

const fn rows(join: &'static [Right]) -> [Row; 10] {
    [
        // Without records: tokens of others that are older than the account are not told apart.
        ("auth/login", &[Answers, Accounts, Passwords], &[Records]),
        ("im/token", &[Answers, Accounts, Records, LoginTokens], &[]),
        // Without uploads: groups without a cover.
        ("im/group", &[Answers, Accounts, Rooms, Records], &[Bookmarks, Archive, Uploads]),
        ("im/group (list)", &[Answers, Accounts, Rooms, Records], &[]),
        // The invitation comes from the member who brings somebody in.
        ("im/group/join", join, &[Bookmarks]),
        ("im/group/invite", &[Answers, Accounts, Rooms, Records], &[Bookmarks]),
        ("im/group/quit", &[Answers, Accounts, Rooms, Records], &[Bookmarks]),
        ("im/group/users", &[Answers, Accounts, Rooms, Records], &[]),
        ("im/group/dismiss", &[Answers, Accounts, Rooms, Records], &[Bookmarks]),
        ("im/retrieve", &[Answers, Rooms, Records], &[]),
    ]
}
