//! Messages found in the archives of their recipients: the proof that they are there.
//!
//! A server that has processed a message has not always archived it: on ejabberd the recipient's own process does that,
//! from its mailbox. So the archive itself is asked, for all messages of a call at once; and who asks for one recipient
//! while somebody else does shares what is found.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use jid::BareJid;

use crate::chat::messages::Messages;
use crate::chat::server::archive::{Archive, PAGE, SKEW};
use crate::chat::types::error::{ChatError, Kind};
use crate::chat::types::message::Receipt;
use crate::clock::now_ms;
use crate::link::Call;
use crate::xmpp::mam::Page;
use crate::xmpp::message::sent_id;

/// The first pause before an archive is looked at again, which doubles up to the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(4), Duration::from_millis(400));
/// Entries of all pages that are read at a time.
const MOST: usize = 5000;
/// Entries beyond those that are looked for: others write to the same recipient.
const BESIDE: usize = 4;
/// What is older than the clocks of server and gateway may be apart is not counted by the server, which would cost it much;
/// after so many looks in vain it is all the same.
const SURE: u32 = 6;

/// The newest entries of an archive: the gateway's own ids of them, or those of their stanzas, and their own.
pub(in crate::chat) type Newest = HashMap<String, String>;

impl Messages {
    /// Makes sure, before anything is sent, that the archive of `user` can be read.
    ///
    /// # Errors
    /// The right or the setting that is missing.
    pub(in crate::chat) async fn can_prove(&self, call: &Call, user: &BareJid) -> Result<(), ChatError> {
        self.server.prepare_archive(call, user).await?;
        let read = async || {
            let page = Page { max: 1, start: Some(now_ms() / 1000), ..Page::default() };
            let read = self.server.archive_page(call, Archive::User(user), &page).await?;
            read.map(drop).map_err(|error| {
                ChatError::Right(format!(
                    "the archive of {user} cannot be read ({error}): is there a mod_mam on its host?"
                ))
            })
        };
        self.archives_read.get_or_try_init(read).await.copied()
    }

    /// Puts the archive's ids into the receipts of messages that are found in the archive of `user`, those whose outcome
    /// was unknown included. For the others it is unknown now.
    pub(in crate::chat) async fn prove(
        &self,
        call: &Call,
        user: &BareJid,
        ids: &[String],
        outcomes: &mut [Result<Receipt, ChatError>],
    ) {
        let open = |outcome: &Result<Receipt, ChatError>| match outcome {
            Ok(_) => true,
            Err(error) => error.kind() == Kind::OutcomeUnknown,
        };
        let wanted = ids.iter().zip(&*outcomes).filter(|(_, outcome)| open(outcome)).map(|(id, _)| id.as_str());
        let begun = Instant::now();
        let (found, why) = self.find(call, user, wanted.collect()).await;
        for (id, outcome) in ids.iter().zip(outcomes).filter(|(_, outcome)| open(outcome)) {
            match found.get(id) {
                Some(archive_id) => *outcome = Ok(Receipt { id: id.clone(), archive_id: Some(archive_id.clone()) }),
                None if outcome.is_ok() => {
                    let why = why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
                    let text = format!(
                        "the server has processed the message, but it was not seen in the archive of {user} within \
                         {:.1} s{why}: whether it gets there is unknown",
                        begun.elapsed().as_secs_f32()
                    );
                    *outcome = Err(ChatError::told(Kind::OutcomeUnknown, text));
                }
                None => {}
            }
        }
    }

    /// As [`Messages::can_prove`], before a message goes to a user that is not in vain for another reason.
    pub(in crate::chat) async fn ready(
        &self,
        call: &Call,
        user: BareJid,
        outcome: Result<Receipt, ChatError>,
    ) -> Result<Receipt, ChatError> {
        let receipt = outcome?;
        self.can_prove(call, &user).await?;
        Ok(receipt)
    }

    /// As [`Messages::prove`], of one message, which had this `receipt` before it was sent.
    pub(in crate::chat) async fn proven(
        &self,
        call: &Call,
        user: BareJid,
        receipt: Result<Receipt, ChatError>,
        outcome: Result<Receipt, ChatError>,
    ) -> Result<Receipt, ChatError> {
        let (ids, mut outcomes) = ([receipt?.id], [outcome]);
        self.prove(call, &user, &ids, &mut outcomes).await;
        let [outcome] = outcomes;
        outcome
    }

    /// Looks in the archive of `user` until all messages with these ids are found or time is up. Those that are, and why
    /// the archive could not be read.
    async fn find(&self, call: &Call, user: &BareJid, mut open: Vec<&str>) -> (Newest, Option<ChatError>) {
        let until = self.server.until(call, Duration::from_secs(self.server.config.component.iq_timeout_seconds));
        let (mut found, mut why) = (Newest::new(), None);
        let (mut pause, mut looks) = (PAUSES.0, 0);
        while !open.is_empty() {
            let entries = (open.len() + BESIDE).checked_shl(2 * looks).map_or(MOST, |entries| entries.min(MOST));
            let skew = (looks < SURE).then_some(SKEW);
            let all = |newest: &Newest| open.iter().all(|id| newest.contains_key(*id));
            match self.newest.share(user, all, || self.newest_ids(call, user, entries, skew)).await {
                Ok(newest) => {
                    why = None;
                    open.retain(|id| match newest.get(*id) {
                        Some(archive_id) => found.insert((*id).to_owned(), archive_id.clone()).is_some(),
                        None => true,
                    });
                }
                Err(error) => why = Some(error),
            }
            if open.is_empty() || Instant::now() + pause >= until {
                break;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
            looks += 1;
        }
        (found, why)
    }

    /// So many of the newest entries, not older than `skew` seconds.
    async fn newest_ids(
        &self,
        call: &Call,
        user: &BareJid,
        entries: usize,
        skew: Option<u64>,
    ) -> Result<Newest, ChatError> {
        let start = skew.map(|skew| (now_ms() / 1000).saturating_sub(skew));
        let (mut newest, mut read, mut before) = (Newest::new(), 0, None::<String>);
        while read < entries {
            let max = (entries - read).min(PAGE);
            let page = Page { start, before: before.as_deref(), max, ..Page::default() };
            let (gathered, end) =
                self.server.archive_page(call, Archive::User(user), &page).await?.map_err(ChatError::refused)?;
            read += gathered.entries.len();
            newest.extend(gathered.entries.into_iter().filter_map(|entry| {
                let id = sent_id(&entry.message)?.to_owned();
                Some((id, entry.id))
            }));
            match end.first {
                Some(first) if !end.complete && !gathered.cut => before = Some(first),
                _ => break,
            }
        }
        Ok(newest)
    }
}
