//! The pool's books: who has a session, who is opening one, and which unused one goes first. No I/O, and no operation
//! looks at more than it changes.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use jid::BareJid;

/// One user's slot at one time. A slot that was given up and taken again has another generation, so what an old ticket
/// says no longer counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ticket {
    /// The user.
    pub user: BareJid,
    generation: u64,
}

enum State<S, W> {
    Opening(W),
    Open(S),
}

struct Slot<S, W> {
    generation: u64,
    uses: usize,
    idle: Option<(Instant, u64)>,
    state: State<S, W>,
}

/// What [`Slots::lease`] found.
pub(super) enum Lease<S, W> {
    /// An open session; release the ticket after use.
    Open(Ticket, S),
    /// Somebody is opening it: wait there; release the ticket after use.
    Opening(Ticket, W),
    /// Nothing.
    Absent,
}

/// Sessions `S` and those who wait for them to open `W`, by user.
pub(super) struct Slots<S, W> {
    max: usize,
    closed: bool,
    next: u64,
    slots: HashMap<BareJid, Slot<S, W>>,
    /// Open and unused sessions, the longest unused first.
    idle: BTreeMap<(Instant, u64), BareJid>,
}

impl<S: Clone, W: Clone> Slots<S, W> {
    /// Books of at most `max` sessions.
    pub fn new(max: usize) -> Self {
        Slots { max: max.max(1), closed: false, next: 0, slots: HashMap::new(), idle: BTreeMap::new() }
    }

    /// Takes part in the user's session, if there is one.
    pub fn lease(&mut self, user: &BareJid) -> Lease<S, W> {
        let Some(slot) = self.slots.get_mut(user) else { return Lease::Absent };
        slot.uses += 1;
        if let Some(key) = slot.idle.take() {
            self.idle.remove(&key);
        }
        let ticket = Ticket { user: user.clone(), generation: slot.generation };
        match &slot.state {
            State::Open(session) => Lease::Open(ticket, session.clone()),
            State::Opening(waiter) => Lease::Opening(ticket, waiter.clone()),
        }
    }

    /// Makes a slot for a session about to be opened, in use once. `Some` is the session that has to go for it. `None`
    /// as a whole: all sessions are in use.
    pub fn reserve(&mut self, user: &BareJid, waiter: W) -> Option<(Ticket, Option<S>)> {
        let evicted = if self.slots.len() >= self.max {
            let (_, longest) = self.idle.pop_first()?;
            self.remove(&longest)
        } else {
            None
        };
        let generation = self.number();
        let slot = Slot { generation, uses: 1, idle: None, state: State::Opening(waiter) };
        self.slots.insert(user.clone(), slot);
        Some((Ticket { user: user.clone(), generation }, evicted))
    }

    /// The session is open. It comes back when the slot was given up meanwhile.
    pub fn opened(&mut self, ticket: &Ticket, session: S, now: Instant) -> Option<S> {
        match self.current(ticket) {
            None => Some(session),
            Some(slot) => {
                slot.state = State::Open(session);
                if slot.uses == 0 {
                    self.rest(ticket, now);
                }
                None
            }
        }
    }

    /// One use less.
    pub fn release(&mut self, ticket: &Ticket, now: Instant) {
        if let Some(slot) = self.current(ticket) {
            slot.uses = slot.uses.saturating_sub(1);
            if slot.uses == 0 && matches!(slot.state, State::Open(_)) {
                self.rest(ticket, now);
            }
        }
    }

    /// Gives up the slot of this ticket: opening failed, or the session died.
    pub fn discard(&mut self, ticket: &Ticket) -> Option<S> {
        self.current(ticket)?;
        self.remove(&ticket.user)
    }

    /// Gives up the user's slot, whatever its state.
    pub fn remove(&mut self, user: &BareJid) -> Option<S> {
        let slot = self.slots.remove(user)?;
        if let Some(key) = slot.idle {
            self.idle.remove(&key);
        }
        match slot.state {
            State::Open(session) => Some(session),
            State::Opening(_) => None,
        }
    }

    /// Gives up the sessions that nobody has used since `before`.
    pub fn expired(&mut self, before: Instant) -> Vec<S> {
        let mut expired = Vec::new();
        while let Some((&(since, _), user)) = self.idle.first_key_value() {
            if since > before {
                break;
            }
            let user = user.clone();
            self.idle.pop_first();
            expired.extend(self.remove(&user));
        }
        expired
    }

    /// Gives up everything, for good.
    pub fn close(&mut self) -> Vec<S> {
        self.closed = true;
        self.idle.clear();
        let slots = self.slots.drain();
        slots.filter_map(|(_, slot)| if let State::Open(session) = slot.state { Some(session) } else { None }).collect()
    }

    /// True after [`Slots::close`].
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Slots taken.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn current(&mut self, ticket: &Ticket) -> Option<&mut Slot<S, W>> {
        self.slots.get_mut(&ticket.user).filter(|slot| slot.generation == ticket.generation)
    }

    fn rest(&mut self, ticket: &Ticket, now: Instant) {
        let key = (now, self.number());
        if let Some(slot) = self.current(ticket)
            && slot.idle.is_none()
        {
            slot.idle = Some(key);
            self.idle.insert(key, ticket.user.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    type Books = Slots<&'static str, ()>;

    fn user(name: &str) -> BareJid {
        BareJid::new(&format!("{name}@example.org")).unwrap()
    }

    fn open(books: &mut Books, name: &'static str, now: Instant) -> (Ticket, Option<&'static str>) {
        let (ticket, evicted) = books.reserve(&user(name), ()).expect("room");
        assert!(books.opened(&ticket, name, now).is_none());
        (ticket, evicted)
    }

    #[test]
    fn the_longest_unused_goes_first_and_a_used_one_never() {
        let now = Instant::now();
        let mut books = Books::new(2);
        let (a, _) = open(&mut books, "a", now);
        let (b, _) = open(&mut books, "b", now);
        assert!(books.reserve(&user("c"), ()).is_none(), "both are in use");
        books.release(&b, now);
        books.release(&a, now + Duration::from_secs(1));
        let (c, evicted) = open(&mut books, "c", now);
        assert_eq!(evicted, Some("b"));
        assert!(matches!(books.lease(&user("a")), Lease::Open(_, "a")));
        assert!(books.reserve(&user("d"), ()).is_none(), "a is in use again");
        books.release(&c, now);
        assert_eq!(open(&mut books, "d", now).1, Some("c"));
    }

    #[test]
    fn a_given_up_slot_is_not_touched_by_its_old_ticket() {
        let now = Instant::now();
        let mut books = Books::new(2);
        let (old, _) = books.reserve(&user("a"), ()).expect("room");
        assert!(books.remove(&user("a")).is_none(), "it was not open yet");
        assert_eq!(books.opened(&old, "late", now), Some("late"), "to be closed by whoever opened it");
        let (new, _) = open(&mut books, "a", now);
        books.release(&old, now);
        assert!(books.discard(&old).is_none());
        assert!(books.expired(now + Duration::from_secs(9)).is_empty(), "the new one is in use");
        books.release(&new, now);
        assert_eq!(books.expired(now), vec!["a"]);
        assert_eq!((books.len(), books.idle.len()), (0, 0));
    }

    #[test]
    fn a_session_whose_callers_all_left_while_it_opened_is_idle() {
        let now = Instant::now();
        let mut books = Books::new(2);
        let (ticket, _) = books.reserve(&user("a"), ()).expect("room");
        books.release(&ticket, now);
        assert!(books.expired(now).is_empty());
        books.opened(&ticket, "a", now);
        assert!(matches!(books.lease(&user("a")), Lease::Open(..)));
        books.release(&ticket, now);
        assert_eq!(books.close(), vec!["a"]);
        assert!(books.is_closed());
    }
}
