//! Looking at a room for somebody who wants to speak there: one snapshot serves all who come while it is made.

use std::collections::HashMap;
use std::sync::Arc;

use jid::BareJid;
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use crate::chat::rooms::Rooms;
use crate::chat::rooms::info::RoomInfo;
use crate::chat::rooms::lists::RoomLists;
use crate::chat::types::error::ChatError;
use crate::chat::types::message::Message;
use crate::chat::types::room::Affiliation;
use crate::link::Call;

/// What was seen of a room.
#[derive(Debug)]
pub(in crate::chat) struct Snapshot {
    pub(in crate::chat) info: RoomInfo,
    pub(in crate::chat) lists: RoomLists,
    /// Set when the gateway gets what is said in the room, where that takes a step of its own (ejabberd).
    pub(in crate::chat) subscribed: OnceCell<()>,
}

type Outcome<T> = Result<Arc<T>, ChatError>;
type Cell<T> = Arc<OnceCell<Outcome<T>>>;

/// The snapshots that are being made, by room.
#[derive(Debug)]
pub(in crate::chat) struct Snapshots<T = Snapshot> {
    open: Mutex<HashMap<BareJid, Cell<T>>>,
}

impl<T> Default for Snapshots<T> {
    fn default() -> Self {
        Self { open: Mutex::default() }
    }
}

impl<T> Snapshots<T> {
    /// What somebody finds who is looking already, if that is `enough`; else what is found by a snapshot that began after
    /// the call came: the room may have been another before.
    pub(in crate::chat) async fn share<F>(
        &self,
        room: &BareJid,
        enough: impl Fn(&T) -> bool,
        look: impl Fn() -> F,
    ) -> Outcome<T>
    where
        F: Future<Output = Result<T, ChatError>>,
    {
        let (found, own) = self.join(room, &look).await?;
        if own || found.as_ref().is_ok_and(|found| enough(found)) {
            return found;
        }
        self.join(room, &look).await?.0
    }

    /// Who comes from now on is not served by the snapshots that are being made.
    pub(in crate::chat) fn forget(&self, room: &BareJid) {
        self.open.lock().remove(room);
    }

    /// What is found, and whether this caller found it. Where it is the link that failed, or one's time, the next of those
    /// who wait looks anew.
    async fn join<F>(&self, room: &BareJid, look: impl Fn() -> F) -> Result<(Outcome<T>, bool), ChatError>
    where
        F: Future<Output = Result<T, ChatError>>,
    {
        let cell = Arc::clone(self.open.lock().entry(room.clone()).or_default());
        let part = Part { snapshots: self, room, cell: &cell };
        let mut own = false;
        let found = cell.get_or_try_init(async || {
            own = true;
            match look().await {
                Err(error @ ChatError::Link(_)) => Err(error),
                found => Ok(found.map(Arc::new)),
            }
        });
        let found = found.await.cloned();
        drop(part);
        Ok((found?, own))
    }
}

/// One caller's part in a snapshot. With the first who is done it is over; with the last who left undone, too.
struct Part<'a, T> {
    snapshots: &'a Snapshots<T>,
    room: &'a BareJid,
    cell: &'a Cell<T>,
}

impl<T> Drop for Part<'_, T> {
    fn drop(&mut self) {
        let mut open = self.snapshots.open.lock();
        // Ours and the table's: nobody gets another without the lock.
        let over = self.cell.initialized() || Arc::strong_count(self.cell) <= 2;
        if over && open.get(self.room).is_some_and(|cell| Arc::ptr_eq(cell, self.cell)) {
            open.remove(self.room);
        }
    }
}

impl Rooms {
    /// Looks at a room in which somebody wants to say `message`, and ends what should have ended there. What somebody else
    /// finds who is looking already serves as well where it lets them speak: it is younger than what an occupant is believed by.
    pub(in crate::chat) async fn snapshot(
        &self,
        call: &Call,
        room: &BareJid,
        message: &Message,
    ) -> Result<Arc<Snapshot>, ChatError> {
        let may_speak = |snapshot: &Snapshot| {
            message.own_nick().is_none() && snapshot.lists.of(&message.from) >= Affiliation::Member
        };
        let look = async || {
            // First: to ask a room that does not exist for its lists, or to enter it, would create it.
            let info = self.room_info(call, room).await?;
            let lists = self.lists(call, room).await?;
            if info.members_only {
                self.end_stale_subscriptions(call, room, &lists).await;
            }
            Ok(Snapshot { info, lists, subscribed: OnceCell::new() })
        };
        self.snapshots.share(room, may_speak, look).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::link::LinkError;

    /// A room in which every snapshot finds how many there were before it, when it is let through.
    struct Fixture {
        snapshots: Snapshots<usize>,
        jid: BareJid,
        begun: AtomicUsize,
        gate: Semaphore,
    }

    impl Fixture {
        fn new() -> Fixture {
            let (jid, gate) = (BareJid::new("r@c").unwrap(), Semaphore::new(0));
            Fixture { snapshots: Snapshots::default(), jid, begun: AtomicUsize::new(0), gate }
        }

        /// What a caller finds to whom the first `lacking` snapshots say nothing; the `broken` first ones fail.
        async fn find(&self, lacking: usize, broken: usize) -> Result<usize, ChatError> {
            let look = async || {
                let before = self.begun.fetch_add(1, Ordering::SeqCst);
                self.gate.acquire().await.unwrap().forget();
                if before < broken { Err(LinkError::Timeout.into()) } else { Ok(before) }
            };
            self.snapshots.share(&self.jid, |found| *found >= lacking, look).await.map(|found| *found)
        }

        fn begun(&self) -> usize {
            self.begun.load(Ordering::SeqCst)
        }
    }

    #[tokio::test]
    async fn one_survey_serves_all_who_come_while_it_is_made() {
        let room = Fixture::new();
        let all = join_all((0..20).map(|_| room.find(0, 0)));
        let (found, ()) = tokio::join!(all, async { room.gate.add_permits(2) });
        assert!(found.iter().all(|found| matches!(found, Ok(0))), "{found:?}");
        assert_eq!(room.begun(), 1);
        assert_eq!(room.find(0, 0).await.unwrap(), 1);
        assert!(room.snapshots.open.lock().is_empty());
    }

    #[tokio::test]
    async fn who_is_not_served_by_it_is_by_one_that_began_after_he_came() {
        let room = Fixture::new();
        let all = join_all((0..20).map(|_| room.find(1, 0)));
        let (found, ()) = tokio::join!(all, async {
            room.gate.add_permits(1);
            // Until all wait for the second.
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            room.gate.add_permits(1);
        });
        let found: Vec<usize> = found.into_iter().map(Result::unwrap).collect();
        assert_eq!((found[0], &found[1..], room.begun()), (0, [1; 19].as_slice(), 2));
    }

    #[tokio::test]
    async fn who_comes_after_a_change_is_not_served_by_what_began_before_it() {
        let room = Fixture::new();
        let (first, second, ()) = tokio::join!(
            room.find(0, 0),
            async {
                room.snapshots.forget(&room.jid);
                room.find(0, 0).await
            },
            async { room.gate.add_permits(2) },
        );
        assert_eq!((first.unwrap(), second.unwrap()), (0, 1));
        assert!(room.snapshots.open.lock().is_empty());
    }

    #[tokio::test]
    async fn where_one_fails_for_the_link_or_leaves_the_next_looks_himself() {
        let room = Fixture::new();
        room.gate.add_permits(2);
        let (first, second) = tokio::join!(room.find(0, 1), room.find(0, 1));
        assert!(matches!(first, Err(ChatError::Link(LinkError::Timeout))), "{first:?}");
        assert_eq!(second.unwrap(), 1);
        let (left, stayed) = (room.find(0, 0), room.find(0, 0));
        let mut left = Box::pin(left);
        assert!(futures::poll!(&mut left).is_pending());
        let mut stayed = Box::pin(stayed);
        assert!(futures::poll!(&mut stayed).is_pending());
        drop(left);
        room.gate.add_permits(1);
        assert_eq!(stayed.await.unwrap(), 3);
        drop(futures::poll!(Box::pin(room.find(0, 0))));
        assert!(room.snapshots.open.lock().is_empty());
    }
}
