//! Seats: users who were found entitled to speak in a room, and as what they sit there, for a while.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jid::BareJid;
use parking_lot::Mutex;
use tokio::sync::OnceCell;

/// Seats at most; beyond it the least recently used are given up.
const MOST: usize = 4096;

/// One user's place in one room.
#[derive(Debug)]
pub(in crate::chat) struct Seat {
    /// Their nick there.
    pub(in crate::chat) nick: String,
    /// The resource with which they were made an occupant (Prosody).
    pub(in crate::chat) resource: Option<String>,
    /// Whether the room keeps an archive, so that a reflection's id is an archive id.
    pub(in crate::chat) archived: bool,
    taken: Instant,
    used: Mutex<Instant>,
}

impl Seat {
    pub(in crate::chat) fn new(nick: String, resource: Option<String>, archived: bool) -> Seat {
        let now = Instant::now();
        Seat { nick, resource, archived, taken: now, used: Mutex::new(now) }
    }
}

/// The place of a seat: empty until the first caller has found the user entitled; those who come meanwhile wait for them.
pub(in crate::chat) type Place = Arc<OnceCell<Arc<Seat>>>;

type Rooms = HashMap<BareJid, HashMap<BareJid, Place>>;

/// A seat that was given up, to be vacated on the server where it has a resource.
pub(in crate::chat) struct Left {
    pub(in crate::chat) room: BareJid,
    pub(in crate::chat) user: BareJid,
    pub(in crate::chat) seat: Arc<Seat>,
}

/// All seats.
#[derive(Debug)]
pub(in crate::chat) struct Seats {
    life: Duration,
    rooms: Mutex<Rooms>,
}

impl Seats {
    pub(in crate::chat) fn new(life: Duration) -> Seats {
        Seats { life, rooms: Mutex::default() }
    }

    /// The place of `user` in `room`. A seat that was taken longer ago than its life is given up first.
    pub(in crate::chat) fn place(&self, room: &BareJid, user: &BareJid) -> (Place, Option<Left>) {
        let mut rooms = self.rooms.lock();
        if let Some(place) = rooms.get(room).and_then(|users| users.get(user)) {
            match place.get() {
                Some(seat) if seat.taken.elapsed() >= self.life => {}
                Some(seat) => {
                    *seat.used.lock() = Instant::now();
                    return (place.clone(), None);
                }
                None => return (place.clone(), None),
            }
        }
        let place = Place::default();
        let old = rooms.entry(room.clone()).or_default().insert(user.clone(), place.clone());
        (place, old.and_then(|old| left(room, user, &old)))
    }

    /// Gives up one seat.
    pub(in crate::chat) fn leave(&self, room: &BareJid, user: &BareJid) -> Option<Left> {
        let mut rooms = self.rooms.lock();
        let users = rooms.get_mut(room)?;
        let place = users.remove(user)?;
        if users.is_empty() {
            rooms.remove(room);
        }
        left(room, user, &place)
    }

    /// Gives up one seat if it is still `seat`: another caller may have taken a new one since.
    pub(in crate::chat) fn leave_old(&self, room: &BareJid, user: &BareJid, seat: &Arc<Seat>) -> Option<Left> {
        let mut rooms = self.rooms.lock();
        let users = rooms.get_mut(room)?;
        if !users.get(user)?.get().is_some_and(|now| Arc::ptr_eq(now, seat)) {
            return None;
        }
        users.remove(user);
        if users.is_empty() {
            rooms.remove(room);
        }
        Some(Left { room: room.clone(), user: user.clone(), seat: seat.clone() })
    }

    /// Gives up a place whose seat could not be taken, unless others still wait there to take it.
    pub(in crate::chat) fn abandon(&self, room: &BareJid, user: &BareJid, place: &Place) {
        let mut rooms = self.rooms.lock();
        let Some(users) = rooms.get_mut(room) else { return };
        // Ours and the table's: nobody gets another without the lock.
        let alone = Arc::strong_count(place) <= 2 && place.get().is_none();
        if alone && users.get(user).is_some_and(|now| Arc::ptr_eq(now, place)) {
            users.remove(user);
            if users.is_empty() {
                rooms.remove(room);
            }
        }
    }

    /// Gives up all seats of a room.
    pub(in crate::chat) fn clear(&self, room: &BareJid) -> Vec<Left> {
        let users = self.rooms.lock().remove(room).unwrap_or_default();
        users.iter().filter_map(|(user, place)| left(room, user, place)).collect()
    }

    /// Gives up the seats that were not used for `idle`, and as many more as are over the bound; and the places whose
    /// callers all left before a seat was taken.
    pub(in crate::chat) fn sweep(&self, idle: Duration) -> Vec<Left> {
        let used = |place: &Place| place.get().map(|seat| *seat.used.lock());
        let mut rooms = self.rooms.lock();
        let mut times: Vec<Instant> = rooms.values().flat_map(HashMap::values).filter_map(used).collect();
        let over = times.len().saturating_sub(MOST);
        let latest_over = over.checked_sub(1).map(|last| *times.select_nth_unstable(last).1);
        let mut given_up = Vec::new();
        rooms.retain(|room, users| {
            users.retain(|user, place| {
                let Some(used) = used(place) else { return Arc::strong_count(place) > 1 };
                let kept = used.elapsed() < idle && latest_over.is_none_or(|latest| used > latest);
                if !kept {
                    given_up.extend(left(room, user, place));
                }
                kept
            });
            !users.is_empty()
        });
        given_up
    }

    /// Gives up everything.
    pub(in crate::chat) fn drain(&self) -> Vec<Left> {
        let rooms = std::mem::take(&mut *self.rooms.lock());
        rooms
            .iter()
            .flat_map(|(room, users)| users.iter().filter_map(move |(user, place)| left(room, user, place)))
            .collect()
    }
}

fn left(room: &BareJid, user: &BareJid, place: &Place) -> Option<Left> {
    Some(Left { room: room.clone(), user: user.clone(), seat: place.get()?.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jid(text: &str) -> BareJid {
        BareJid::new(text).unwrap()
    }

    async fn sit(seats: &Seats, room: &BareJid, user: &BareJid) {
        let (place, _) = seats.place(room, user);
        place.get_or_init(|| async { Arc::new(Seat::new("n".into(), None, true)) }).await;
    }

    #[tokio::test]
    async fn a_seat_is_kept_for_its_life_and_given_up_when_idle() {
        let (seats, room, user) = (Seats::new(Duration::from_secs(60)), jid("r@c"), jid("u@h"));
        sit(&seats, &room, &user).await;
        assert!(seats.place(&room, &user).0.get().is_some());
        assert!(seats.sweep(Duration::from_secs(60)).is_empty());
        assert_eq!(seats.sweep(Duration::ZERO).len(), 1);
        assert!(seats.place(&room, &user).0.get().is_none());
    }

    #[tokio::test]
    async fn over_the_bound_the_least_recently_used_are_given_up() {
        let (seats, room) = (Seats::new(Duration::from_secs(60)), jid("r@c"));
        for n in 0..MOST + 10 {
            sit(&seats, &room, &jid(&format!("u{n}@h"))).await;
        }
        seats.place(&room, &jid("u0@h"));
        let given_up = seats.sweep(Duration::from_secs(3600));
        let mut users: Vec<String> = given_up.into_iter().map(|left| left.user.to_string()).collect();
        users.sort_by_key(|user| (user.len(), user.clone()));
        let wanted: Vec<String> = (1..=10).map(|n| format!("u{n}@h")).collect();
        assert_eq!(users, wanted);
    }

    #[tokio::test]
    async fn a_place_without_a_seat_lasts_as_long_as_somebody_wants_it() {
        let (seats, room, user) = (Seats::new(Duration::from_secs(60)), jid("r@c"), jid("u@h"));
        let (first, second) = (seats.place(&room, &user).0, seats.place(&room, &user).0);
        seats.abandon(&room, &user, &first);
        drop(first);
        assert!(Arc::ptr_eq(&second, &seats.place(&room, &user).0));
        seats.sweep(Duration::ZERO);
        assert!(Arc::ptr_eq(&second, &seats.place(&room, &user).0));
        seats.abandon(&room, &user, &second);
        assert!(seats.rooms.lock().is_empty());
        drop(seats.place(&room, &user));
        seats.sweep(Duration::ZERO);
        assert!(seats.rooms.lock().is_empty());
    }

    #[tokio::test]
    async fn a_seat_that_was_taken_anew_is_not_given_up_for_the_old_one() {
        let (seats, room, user) = (Seats::new(Duration::from_secs(60)), jid("r@c"), jid("u@h"));
        sit(&seats, &room, &user).await;
        let old = seats.leave(&room, &user).unwrap().seat;
        sit(&seats, &room, &user).await;
        assert!(seats.leave_old(&room, &user, &old).is_none());
        let now = seats.place(&room, &user).0.get().unwrap().clone();
        assert!(seats.leave_old(&room, &user, &now).is_some());
    }

    #[tokio::test]
    async fn an_old_seat_is_given_up_before_a_new_one_is_taken() {
        let (seats, room, user) = (Seats::new(Duration::ZERO), jid("r@c"), jid("u@h"));
        sit(&seats, &room, &user).await;
        let (place, old) = seats.place(&room, &user);
        assert!(place.get().is_none());
        assert_eq!(old.unwrap().user, user);
    }
}
