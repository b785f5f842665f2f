//! Reading an archive backwards, page by page, until what is wanted is there and its moments are known.

use std::collections::VecDeque;
use std::time::Duration;

use jid::BareJid;

use crate::chat::archive::Histories;
use crate::chat::archive::timeline::{first_after_pause, moments};
use crate::chat::server::Server;
use crate::chat::server::archive::Archive;
use crate::chat::types::error::ChatError;
use crate::link::Call;
use crate::xml::Element;
use crate::xmpp::mam::{Archived, Page};

/// Which messages are wanted: the newest `limit` of those at or after `since_ms` and before `before_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first moment, in milliseconds since 1970.
    pub since_ms: u64,
    /// The moment before which they were sent.
    pub before_ms: u64,
    /// How many at most.
    pub limit: usize,
}

/// Entries of one page: no fewer, so that a few that say nothing cost no further question, and no more than servers give.
const PAGE: std::ops::RangeInclusive<usize> = 50..=250;
/// Entries that are read beyond those that are wanted, at most.
const BEYOND: usize = 2000;
/// Bytes of what is read, at most, but for the last page.
const BYTES: usize = 32 << 20;
/// How often a page is asked again that the server failed to give, and how long that waits. ejabberd 23.01 fails in the
/// first moments after its start, while its pool of database connections comes up one by one.
const AGAIN: (usize, Duration) = (3, Duration::from_millis(300));
/// Seconds before the first moment that are read too: moments depend on what stands before.
const MARGIN: u64 = 2;

/// An entry of an archive at its own moment.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::chat) struct Entry {
    /// Its id in the archive.
    pub(in crate::chat) id: String,
    /// Its moment, in milliseconds since 1970.
    pub(in crate::chat) ms: u64,
    /// The message.
    pub(in crate::chat) message: Element,
}

/// An archive as far as it was read: from its end backwards.
struct Reader<'a> {
    call: &'a Call,
    archive: Archive<'a>,
    with: Option<&'a BareJid>,
    start: Option<u64>,
    end: Option<u64>,
    /// How many entries one page may have: fewer where they are heavy.
    page: usize,
    /// What was read, the oldest first.
    read: VecDeque<Archived>,
    bytes: usize,
    /// How often the server failed.
    failures: usize,
    /// Where the next page ends; `None` when there is none.
    before: Option<Option<String>>,
}

impl<'a> Reader<'a> {
    fn new(call: &'a Call, archive: Archive<'a>, with: Option<&'a BareJid>, span: Span) -> Reader<'a> {
        Reader {
            call,
            archive,
            with,
            start: (span.since_ms / 1000).checked_sub(MARGIN),
            // No entry's moment is before its stamp, which may be a whole second.
            end: (span.before_ms / 1000).checked_add(1),
            page: span.limit.saturating_add(10).clamp(*PAGE.start(), *PAGE.end()),
            read: VecDeque::new(),
            bytes: 0,
            failures: 0,
            before: Some(None),
        }
    }

    /// Reads the page before; nothing when there is none, or when it has to be asked again.
    async fn page(&mut self, server: &Server) -> Result<(), ChatError> {
        let Some(before) = self.before.clone() else { return Ok(()) };
        let page =
            Page { with: self.with, start: self.start, end: self.end, before: before.as_deref(), max: self.page };
        let (gathered, end) = match server.archive_page(self.call, self.archive, &page).await? {
            Ok(page) => page,
            // What stood there was removed meanwhile, and with it what stood before.
            Err(error) if before.is_some() && error.is("item-not-found") => {
                self.before = None;
                return Ok(());
            }
            Err(error) if error.is_absent() => return Err(self.unknown()),
            Err(error) if error.is("internal-server-error") && self.failures < AGAIN.0 => {
                self.failures += 1;
                tokio::time::sleep(AGAIN.1).await;
                return Ok(());
            }
            Err(error) => return Err(ChatError::refused(error)),
        };
        if gathered.cut && self.page > 1 {
            self.page = (self.page / 4).max(1);
            return Ok(());
        }
        self.before = end.first.filter(|first| !end.complete && before.as_ref() != Some(first)).map(Some);
        self.bytes = self.bytes.saturating_add(gathered.bytes);
        for entry in gathered.entries.into_iter().rev() {
            self.read.push_front(entry);
        }
        Ok(())
    }

    fn unknown(&self) -> ChatError {
        match self.archive {
            Archive::User(user) => ChatError::UnknownUser(user.clone()),
            Archive::Room(room) => ChatError::UnknownRoom(room.clone()),
        }
    }

    fn stamps(&self) -> Vec<u64> {
        self.read.iter().map(|entry| entry.stamp_ms).collect()
    }

    /// True when there is no more, or `most` entries or too many bytes were read.
    fn at_end(&self, most: usize) -> bool {
        self.before.is_none() || self.read.len() >= most || self.bytes >= BYTES
    }
}

impl Histories {
    /// The newest `span.limit` entries in the span of which `read` makes something, the oldest first.
    pub(in crate::chat) async fn newest<T>(
        &self,
        call: &Call,
        archive: Archive<'_>,
        with: Option<&BareJid>,
        span: Span,
        read: impl Fn(&Element) -> Option<T>,
    ) -> Result<Vec<(Entry, T)>, ChatError> {
        if span.limit == 0 || span.since_ms >= span.before_ms {
            return Ok(Vec::new());
        }
        let mut reader = Reader::new(call, archive, with, span);
        let within = |ms: &u64| (span.since_ms..span.before_ms).contains(ms);
        loop {
            reader.page(&self.server).await?;
            let stamps = reader.stamps();
            let pause = first_after_pause(&stamps);
            let at_end = reader.at_end(span.limit.saturating_add(BEYOND));
            let Some(from) = (if reader.before.is_none() { Some(0) } else { pause.or(at_end.then_some(0)) }) else {
                continue;
            };
            let moments = moments(stamps.into_iter().skip(from));
            let wanted: Vec<(usize, u64, T)> = moments
                .into_iter()
                .enumerate()
                .filter(|(_, ms)| within(ms))
                .filter_map(|(n, ms)| Some((from + n, ms, read(&reader.read.get(from + n)?.message)?)))
                .collect();
            if wanted.len() < span.limit && !at_end {
                continue;
            }
            let surplus = wanted.len().saturating_sub(span.limit);
            let entry = |(n, ms, made)| {
                let Archived { id, message, .. } = reader.read.get(n)?.clone();
                Some((Entry { id, ms, message }, made))
            };
            return Ok(wanted.into_iter().skip(surplus).filter_map(entry).collect());
        }
    }

    /// The newest entries since a moment, `most` or a page more, the oldest first, at their stamps. They begin behind a
    /// pause, if there is one.
    pub(in crate::chat) async fn newest_entries(
        &self,
        call: &Call,
        archive: Archive<'_>,
        since_ms: u64,
        most: usize,
    ) -> Result<Vec<Entry>, ChatError> {
        let mut reader = Reader::new(call, archive, None, Span { since_ms, before_ms: u64::MAX, limit: most });
        while !reader.at_end(most) {
            reader.page(&self.server).await?;
        }
        let from = match reader.before {
            None => 0,
            Some(_) => first_after_pause(&reader.stamps()).unwrap_or(0),
        };
        let entry = |entry: Archived| Entry { id: entry.id, ms: entry.stamp_ms, message: entry.message };
        Ok(reader.read.into_iter().skip(from).map(entry).collect())
    }
}
