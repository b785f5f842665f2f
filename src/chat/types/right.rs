//! What the server must let the gateway do, one by one.

mod lines;

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
    /// To give a sender their own copy.
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
    /// Not to be shut out for the wrong passwords of others.
    NotBanned,
    /// Not to be slowed down in sessions of users.
    Unshaped,
    /// To have what the server keeps answered for.
    Storage,
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
            Self::NotBanned => "not shut out",
            Self::Unshaped => "sessions not slowed",
            Self::Storage => "server's storage",
        }
    }

    /// What it is a part of, in words.
    pub fn group(self) -> &'static str {
        match self {
            Self::Answers | Self::SendAs | Self::ExtraLinks | Self::Storage => "connection",
            Self::Rooms | Self::RoomList | Self::Archive | Self::Reflection => "rooms",
            Self::Accounts | Self::MakeAccounts | Self::AccountList | Self::Presence | Self::Broadcast => "accounts",
            Self::SenderCopy | Self::Bookmarks | Self::Rosters | Self::Histories => "what users keep",
            Self::Passwords | Self::LoginTokens | Self::NotBanned | Self::Unshaped => "log-in",
            Self::Records | Self::RecordsAlone | Self::RecordsClosed | Self::Uploads => "what the gateway keeps",
        }
    }

    /// True for what is told wherever it was tried: no endpoint needs it by name.
    pub(in crate::chat) fn is_tried_always(self) -> bool {
        matches!(
            self,
            Self::Answers
                | Self::RecordsAlone
                | Self::RecordsClosed
                | Self::ExtraLinks
                | Self::NotBanned
                | Self::Unshaped
                | Self::Storage
        )
    }
}
