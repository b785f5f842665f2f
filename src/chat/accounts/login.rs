//! What a user's own XMPP client logs in with.

use crate::chat::accounts::Accounts;
pub use crate::session::LoginToken;

impl Accounts {}
