//! What a message's coming back says of its recipient.

use jid::{BareJid, Jid};

use crate::chat::accounts::Accounts;
use crate::chat::server::archive::{Archive, PAGE, SKEW};
use crate::chat::types::error::{ChatError, Kind};
use crate::clock::now_ms;
use crate::link::{Call, is_own};
use crate::xml::Element;
use crate::xmpp::mam::Page;
use crate::xmpp::message::sent_id;
use crate::xmpp::stanza_error::StanzaError;

/// Entries of an archive that are looked at first: nearly always one of the newest is the message.
const FEW: usize = 4;
/// How exact archives' times are, in milliseconds.
const PRECISION_MS: u64 = 1000;

/// What an archive has of a message that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kept {
    /// It is there, under this id.
    Under(String),
    /// It is not there.
    Nowhere,
    /// The archive cannot be read, or does not tell.
    Unknown,
}

impl Accounts {
    /// What a message's coming back says. Servers answer for an account that is gone as they do for one that blocks the
    /// sender, so the account is looked for once more. A message that came back because it cannot wait for a recipient who
    /// is offline was archived before: ejabberd calls it discarded all the same.
    pub(in crate::chat) async fn bounced(&self, call: &Call, user: &BareJid, bounce: &Element) -> ChatError {
        let error = StanzaError::read(bounce);
        if error.is("service-unavailable") || error.is("item-not-found") {
            self.forget_user(user);
            if let Err(gone @ ChatError::UnknownUser(_)) = self.require_users(call, &[user]).await {
                return gone;
            }
        }
        let full = error.is("resource-constraint");
        if full || error.is("service-unavailable") {
            match self.kept(call, user, bounce).await {
                Kept::Under(archive_id) => return ChatError::NotQueued { user: user.clone(), archive_id },
                Kept::Unknown if full => {
                    let text = format!(
                        "{user} is offline and no more messages wait for them; whether this one is in their archive is unknown"
                    );
                    return ChatError::told(Kind::OutcomeUnknown, text);
                }
                Kept::Nowhere | Kept::Unknown => {}
            }
        }
        ChatError::refused(error)
    }

    /// Whether the archive of `user` has a message that the server has sent back.
    async fn kept(&self, call: &Call, user: &BareJid, bounce: &Element) -> Kept {
        let ids = sent_id(bounce).zip(bounce.attr("to").and_then(|to| Jid::new(to).ok()).map(Jid::into_bare));
        let Some((id, sender)) = ids else { return Kept::Unknown };
        let start = (now_ms() / 1000).checked_sub(SKEW);
        // It is nearly always among the newest; behind them are those of the same call.
        for max in [FEW, PAGE] {
            let page = Page { with: Some(&sender), start, max, ..Page::default() };
            let Ok(Ok((gathered, end))) = self.server.archive_page(call, Archive::User(user), &page).await else {
                return Kept::Unknown;
            };
            let mut named = gathered.entries.into_iter().filter(|entry| sent_id(&entry.message) == Some(id));
            match (named.next_back(), end.complete) {
                // An id of the caller's own may be that of an earlier message too, which proves nothing of this one.
                (Some(entry), _) if is_own(id) || entry.stamp_ms + PRECISION_MS >= call.begun_ms => {
                    return Kept::Under(entry.id);
                }
                (Some(_), _) => return Kept::Unknown,
                (None, true) => return Kept::Nowhere,
                (None, false) => {}
            }
        }
        Kept::Unknown
    }
}
