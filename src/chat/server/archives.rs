//! Results of archive queries on their way: each is kept with the query it answers until the reply has come.
//!
//! Results are ordinary messages (XEP-0313 section 4.2), which anybody can send. They count only when they name a query
//! that waits, by an id that nobody can guess, and come from the very archive that was asked.

use std::collections::HashMap;
use std::sync::Arc;

use jid::BareJid;
use parking_lot::Mutex;

use crate::xml::Element;
use crate::xmpp::mam;
use crate::xmpp::mam::Archived;

/// Bytes of one page at most.
const BYTES: usize = 8 << 20;

/// The queries that wait for their results.
#[derive(Debug, Default)]
pub(in crate::chat) struct Archives {
    waiting: Arc<Mutex<HashMap<String, Waiting>>>,
}

#[derive(Debug)]
struct Waiting {
    archive: BareJid,
    in_session: bool,
    page: Gathered,
}

/// What has come of one page.
#[derive(Debug, Default)]
pub(in crate::chat) struct Gathered {
    /// The entries, in the order in which they came: the oldest first.
    pub(in crate::chat) entries: Vec<Archived>,
    /// Whether there was more than is kept.
    pub(in crate::chat) cut: bool,
    /// The size of the entries as text.
    pub(in crate::chat) bytes: usize,
    room: usize,
}

/// One query that waits. Dropping it ends that.
#[derive(Debug)]
pub(in crate::chat) struct Gathering {
    id: String,
    waiting: Arc<Mutex<HashMap<String, Waiting>>>,
}

impl Archives {
    /// Keeps up to `most` results of `archive` from now on, from the link or from a session of the archive's owner.
    pub(in crate::chat) fn gather(&self, archive: &BareJid, in_session: bool, most: usize) -> Gathering {
        let id = format!("{:032x}", rand::random::<u128>());
        let page = Gathered { room: most, ..Gathered::default() };
        self.waiting.lock().insert(id.clone(), Waiting { archive: archive.clone(), in_session, page });
        Gathering { id, waiting: self.waiting.clone() }
    }

    /// Takes a message that came on the link, or to the session of a user. True when nobody else has any use for it: a
    /// result on the link, whoever says so, and in a session what the user's own archive says, wanted still or not.
    pub(in crate::chat) fn take(&self, session: Option<&BareJid>, message: &Element) -> bool {
        let Some(id) = mam::query_id(message) else { return false };
        let from = message.attr("from");
        if let Some(user) = session
            && from.is_some_and(|from| from != user.as_str())
        {
            return false;
        }
        if let Some(waiting) = self.waiting.lock().get_mut(id)
            && waiting.in_session == session.is_some()
            && (from == Some(waiting.archive.as_str()) || from.is_none() && session == Some(&waiting.archive))
        {
            waiting.page.keep(message);
        }
        true
    }
}

impl Gathered {
    fn keep(&mut self, message: &Element) {
        let bytes = self.bytes.saturating_add(String::from(message).len());
        if self.entries.len() >= self.room || bytes > BYTES {
            self.cut = true;
        } else if let Some(entry) = mam::result(message) {
            self.bytes = bytes;
            self.entries.push(entry);
        }
    }
}

impl Gathering {
    /// The query's id.
    pub(in crate::chat) fn id(&self) -> &str {
        &self.id
    }

    /// What has come until now.
    pub(in crate::chat) fn finish(self) -> Gathered {
        self.waiting.lock().remove(&self.id).map(|waiting| waiting.page).unwrap_or_default()
    }
}

impl Drop for Gathering {
    fn drop(&mut self) {
        self.waiting.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jid(jid: &str) -> BareJid {
        BareJid::new(jid).unwrap()
    }

    fn result(from: Option<&str>, id: &str, body: &str) -> Element {
        let from = from.map(|from| format!("from='{from}'")).unwrap_or_default();
        format!(
            "<message xmlns='jabber:client' {from}><result xmlns='urn:xmpp:mam:2' queryid='{id}' id='1'>\
             <forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2023-11-14T22:13:20Z'/>\
             <message xmlns='jabber:client'><body>{body}</body></message></forwarded></result></message>"
        )
        .parse()
        .unwrap()
    }

    #[test]
    fn only_the_archive_that_was_asked_is_believed() {
        let archives = Archives::default();
        let (alice, bob) = (jid("alice@example.org"), jid("bob@example.org"));
        let (on_link, in_session) = (archives.gather(&alice, false, 9), archives.gather(&alice, true, 9));
        for (session, from, query) in [
            (None, Some("mallory@example.org"), &on_link),
            (None, Some("alice@example.org/phone"), &on_link),
            (None, Some("example.org"), &on_link),
            (None, None, &on_link),
            (Some(&alice), None, &on_link),
            (None, Some("alice@example.org"), &in_session),
            (Some(&alice), Some("alice@example.org/phone"), &in_session),
            (Some(&alice), Some("mallory@example.org/x"), &in_session),
            (Some(&bob), None, &in_session),
            (Some(&bob), Some("alice@example.org"), &in_session),
        ] {
            archives.take(session, &result(from, query.id(), "forged"));
        }
        assert!(archives.take(None, &result(Some("alice@example.org"), on_link.id(), "one")));
        assert!(archives.take(Some(&alice), &result(None, in_session.id(), "two")));
        assert!(archives.take(Some(&alice), &result(Some("alice@example.org"), in_session.id(), "three")));
        assert_eq!(on_link.finish().entries.len(), 1);
        assert_eq!(in_session.finish().entries.len(), 2);
    }

    #[test]
    fn what_nobody_waits_for_is_kept_nowhere_and_handed_to_nobody() {
        let archives = Archives::default();
        let alice = jid("alice@example.org");
        assert!(archives.take(Some(&alice), &result(None, "late", "x")), "an answer that comes late is no mail");
        assert!(!archives.take(Some(&alice), &result(Some("bob@example.org/x"), "late", "x")), "that is bob's message");
        let plain = "<message xmlns='jabber:client'><body>hi</body></message>".parse().unwrap();
        assert!(!archives.take(Some(&alice), &plain));
        drop(archives.gather(&alice, true, 9));
        assert!(archives.waiting.lock().is_empty());
    }

    #[test]
    fn a_page_is_bounded_in_entries_and_bytes() {
        let archives = Archives::default();
        let alice = jid("alice@example.org");
        let few = archives.gather(&alice, true, 2);
        for _ in 0..3 {
            archives.take(Some(&alice), &result(None, few.id(), "x"));
        }
        let page = few.finish();
        assert_eq!((page.entries.len(), page.cut), (2, true));
        let heavy = archives.gather(&alice, true, 100);
        let body = "x".repeat(1 << 20);
        for _ in 0..9 {
            archives.take(Some(&alice), &result(None, heavy.id(), &body));
        }
        let page = heavy.finish();
        assert_eq!((page.entries.len(), page.cut), (7, true));
    }
}
