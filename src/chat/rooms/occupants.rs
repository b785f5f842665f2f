//! Occupants: users who were found entitled to speak in a room, with their nick and resource there, kept for a while.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jid::BareJid;
use parking_lot::Mutex;
use tokio::sync::OnceCell;

/// Occupants at most; beyond it the least recently used are given up.
const MOST: usize = 4096;

/// One user in one room.
#[derive(Debug)]
pub(in crate::chat) struct Occupant {
    /// Their nick there.
    pub(in crate::chat) nick: String,
    /// The resource with which they were made an occupant (Prosody).
    pub(in crate::chat) resource: Option<String>,
    /// Whether the room keeps an archive, so that a reflection's id is an archive id.
    pub(in crate::chat) archived: bool,
    taken: Instant,
    used: Mutex<Instant>,
}

impl Occupant {
    pub(in crate::chat) fn new(nick: String, resource: Option<String>, archived: bool) -> Occupant {
        let now = Instant::now();
        Occupant { nick, resource, archived, taken: now, used: Mutex::new(now) }
    }
}

/// The slot of an occupant: empty until the first caller has found the user entitled; those who come meanwhile wait for them.
pub(in crate::chat) type Slot = Arc<OnceCell<Arc<Occupant>>>;

type Rooms = HashMap<BareJid, HashMap<BareJid, Slot>>;

/// An occupant that was given up, which must leave on the server where it has a resource.
pub(in crate::chat) struct Departed {
    pub(in crate::chat) room: BareJid,
    pub(in crate::chat) user: BareJid,
    pub(in crate::chat) occupant: Arc<Occupant>,
}

/// All occupants.
#[derive(Debug)]
pub(in crate::chat) struct Occupants {
    life: Duration,
    rooms: Mutex<Rooms>,
}

impl Occupants {
    pub(in crate::chat) fn new(life: Duration) -> Occupants {
        Occupants { life, rooms: Mutex::default() }
    }

    /// The slot of `user` in `room`. An occupant that was taken longer ago than its life is given up first.
    pub(in crate::chat) fn slot(&self, room: &BareJid, user: &BareJid) -> (Slot, Option<Departed>) {
        let mut rooms = self.rooms.lock();
        if let Some(slot) = rooms.get(room).and_then(|users| users.get(user)) {
            match slot.get() {
                Some(occupant) if occupant.taken.elapsed() >= self.life => {}
                Some(occupant) => {
                    *occupant.used.lock() = Instant::now();
                    return (slot.clone(), None);
                }
                None => return (slot.clone(), None),
            }
        }
        let slot = Slot::default();
        let old = rooms.entry(room.clone()).or_default().insert(user.clone(), slot.clone());
        (slot, old.and_then(|old| departed(room, user, &old)))
    }

    /// Gives up one occupant.
    pub(in crate::chat) fn remove(&self, room: &BareJid, user: &BareJid) -> Option<Departed> {
        let mut rooms = self.rooms.lock();
        let users = rooms.get_mut(room)?;
        let slot = users.remove(user)?;
        if users.is_empty() {
            rooms.remove(room);
        }
        departed(room, user, &slot)
    }

    /// Gives up one occupant if it is still `occupant`: another caller may have taken a new one since.
    pub(in crate::chat) fn remove_if(
        &self,
        room: &BareJid,
        user: &BareJid,
        occupant: &Arc<Occupant>,
    ) -> Option<Departed> {
        let mut rooms = self.rooms.lock();
        let users = rooms.get_mut(room)?;
        if !users.get(user)?.get().is_some_and(|now| Arc::ptr_eq(now, occupant)) {
            return None;
        }
        users.remove(user);
        if users.is_empty() {
            rooms.remove(room);
        }
        Some(Departed { room: room.clone(), user: user.clone(), occupant: occupant.clone() })
    }

    /// Gives up a slot whose occupant could not be taken, unless others still wait there to take it.
    pub(in crate::chat) fn abandon(&self, room: &BareJid, user: &BareJid, slot: &Slot) {
        let mut rooms = self.rooms.lock();
        let Some(users) = rooms.get_mut(room) else { return };
        // Ours and the table's: nobody gets another without the lock.
        let alone = Arc::strong_count(slot) <= 2 && slot.get().is_none();
        if alone && users.get(user).is_some_and(|now| Arc::ptr_eq(now, slot)) {
            users.remove(user);
            if users.is_empty() {
                rooms.remove(room);
            }
        }
    }

    /// Gives up all occupants of a room.
    pub(in crate::chat) fn clear(&self, room: &BareJid) -> Vec<Departed> {
        let users = self.rooms.lock().remove(room).unwrap_or_default();
        users.iter().filter_map(|(user, slot)| departed(room, user, slot)).collect()
    }

    /// Gives up the occupants that were not used for `idle`, and as many more as are over the bound; and the places whose
    /// callers all left before an occupant was taken.
    pub(in crate::chat) fn sweep(&self, idle: Duration) -> Vec<Departed> {
        let used = |slot: &Slot| slot.get().map(|occupant| *occupant.used.lock());
        let mut rooms = self.rooms.lock();
        let mut times: Vec<Instant> = rooms.values().flat_map(HashMap::values).filter_map(used).collect();
        let over = times.len().saturating_sub(MOST);
        let latest_over = over.checked_sub(1).map(|last| *times.select_nth_unstable(last).1);
        let mut given_up = Vec::new();
        rooms.retain(|room, users| {
            users.retain(|user, slot| {
                let Some(used) = used(slot) else { return Arc::strong_count(slot) > 1 };
                let kept = used.elapsed() < idle && latest_over.is_none_or(|latest| used > latest);
                if !kept {
                    given_up.extend(departed(room, user, slot));
                }
                kept
            });
            !users.is_empty()
        });
        given_up
    }

    /// Gives up everything.
    pub(in crate::chat) fn drain(&self) -> Vec<Departed> {
        let rooms = std::mem::take(&mut *self.rooms.lock());
        rooms
            .iter()
            .flat_map(|(room, users)| users.iter().filter_map(move |(user, slot)| departed(room, user, slot)))
            .collect()
    }
}

fn departed(room: &BareJid, user: &BareJid, slot: &Slot) -> Option<Departed> {
    Some(Departed { room: room.clone(), user: user.clone(), occupant: slot.get()?.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jid(text: &str) -> BareJid {
        BareJid::new(text).unwrap()
    }

    async fn enter(occupants: &Occupants, room: &BareJid, user: &BareJid) {
        let (slot, _) = occupants.slot(room, user);
        slot.get_or_init(|| async { Arc::new(Occupant::new("n".into(), None, true)) }).await;
    }

    #[tokio::test]
    async fn a_seat_is_kept_for_its_life_and_given_up_when_idle() {
        let (occupants, room, user) = (Occupants::new(Duration::from_secs(60)), jid("r@c"), jid("u@h"));
        enter(&occupants, &room, &user).await;
        assert!(occupants.slot(&room, &user).0.get().is_some());
        assert!(occupants.sweep(Duration::from_secs(60)).is_empty());
        assert_eq!(occupants.sweep(Duration::ZERO).len(), 1);
        assert!(occupants.slot(&room, &user).0.get().is_none());
    }

    #[tokio::test]
    async fn over_the_bound_the_least_recently_used_are_given_up() {
        let (occupants, room) = (Occupants::new(Duration::from_secs(60)), jid("r@c"));
        for n in 0..MOST + 10 {
            enter(&occupants, &room, &jid(&format!("u{n}@h"))).await;
        }
        occupants.slot(&room, &jid("u0@h"));
        let given_up = occupants.sweep(Duration::from_secs(3600));
        let mut users: Vec<String> = given_up.into_iter().map(|departed| departed.user.to_string()).collect();
        users.sort_by_key(|user| (user.len(), user.clone()));
        let wanted: Vec<String> = (1..=10).map(|n| format!("u{n}@h")).collect();
        assert_eq!(users, wanted);
    }

    #[tokio::test]
    async fn a_place_without_a_seat_lasts_as_long_as_somebody_wants_it() {
        let (occupants, room, user) = (Occupants::new(Duration::from_secs(60)), jid("r@c"), jid("u@h"));
        let (first, second) = (occupants.slot(&room, &user).0, occupants.slot(&room, &user).0);
        occupants.abandon(&room, &user, &first);
        drop(first);
        assert!(Arc::ptr_eq(&second, &occupants.slot(&room, &user).0));
        occupants.sweep(Duration::ZERO);
        assert!(Arc::ptr_eq(&second, &occupants.slot(&room, &user).0));
        occupants.abandon(&room, &user, &second);
        assert!(occupants.rooms.lock().is_empty());
        drop(occupants.slot(&room, &user));
        occupants.sweep(Duration::ZERO);
        assert!(occupants.rooms.lock().is_empty());
    }

    #[tokio::test]
    async fn a_seat_that_was_taken_anew_is_not_given_up_for_the_old_one() {
        let (occupants, room, user) = (Occupants::new(Duration::from_secs(60)), jid("r@c"), jid("u@h"));
        enter(&occupants, &room, &user).await;
        let old = occupants.remove(&room, &user).unwrap().occupant;
        enter(&occupants, &room, &user).await;
        assert!(occupants.remove_if(&room, &user, &old).is_none());
        let now = occupants.slot(&room, &user).0.get().unwrap().clone();
        assert!(occupants.remove_if(&room, &user, &now).is_some());
    }

    #[tokio::test]
    async fn an_old_seat_is_given_up_before_a_new_one_is_taken() {
        let (occupants, room, user) = (Occupants::new(Duration::ZERO), jid("r@c"), jid("u@h"));
        enter(&occupants, &room, &user).await;
        let (slot, old) = occupants.slot(&room, &user);
        assert!(slot.get().is_none());
        assert_eq!(old.unwrap().user, user);
    }
}
