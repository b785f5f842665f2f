//! Log-ins with passwords: whoever guesses has to wait, and the user at whose password they guess does not.
//!
//! Three things are counted, each apart from the others, and none of them alone locks anybody out everywhere:
//!
//! - wrong passwords of one user from one network, so that one guesser is slow;
//! - wrong passwords from one network, whoever the users, so that trying one password on all users is slow. An IPv6 network
//!   is a /64, which every customer has; who has a whole /48 counts together as well;
//! - wrong passwords of one user from all networks together, so that many networks guess no faster than a few. This one
//!   holds up strangers only: a network from which that user has logged in before never has to wait for what others do. And one network, or /48, has but a small part of that budget, so that no single stranger uses it up.
//!
//! A wrong password is one until it is known to be right: many attempts at once do not slip through.

use std::collections::HashSet;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use ipnet::IpNet;
use jid::BareJid;
use parking_lot::Mutex;

use super::client_addr::{network_of, site_of};
use super::limiter::Attempts;

/// Of one user from one network.
const OF_PAIR: u32 = 10;
/// From one network.
const OF_NETWORK: u32 = 100;
/// From one IPv6 site, the /48.
const OF_SITE: u32 = 400;
/// How long these count.
const WINDOW: Duration = Duration::from_secs(60);
/// Of one user from all networks from which they never logged in.
const OF_USER: u32 = 100;
/// Of these, from one address, or IPv6 site.
const SHARE: u32 = 20;
/// How long these count.
const LONG_WINDOW: Duration = Duration::from_secs(600);
/// Subjects whose failures are remembered, of each kind; and networks of users.
const REMEMBERED: usize = 100_000;

/// The latest failures, and whence users came.
#[derive(Debug)]
pub struct Logins {
    pairs: Attempts<(BareJid, IpNet)>,
    users: Attempts<BareJid>,
    shares: Attempts<(BareJid, IpNet)>,
    /// By network and by site; `None` where callers are servers that ask for their users, all from one address.
    networks: Option<(Attempts<IpNet>, Attempts<IpNet>)>,
    homes: Mutex<Recent<(BareJid, IpNet)>>,
}

/// One attempt. Dropped, it was wrong.
#[must_use]
pub struct Attempt<'a> {
    logins: &'a Logins,
    subject: (BareJid, IpNet),
    site: IpNet,
    /// Whether the user has logged in from there before.
    home: bool,
}

impl Logins {
    /// For users who call themselves, each from a network of their own.
    pub fn of_users() -> Logins {
        let by = |max| Attempts::new(max, WINDOW, REMEMBERED);
        Logins { networks: Some((by(OF_NETWORK), by(OF_SITE))), ..Logins::of_servers() }
    }

    /// For servers that ask in their users' names: what comes from one network is not counted across users.
    pub fn of_servers() -> Logins {
        Logins {
            pairs: Attempts::new(OF_PAIR, WINDOW, REMEMBERED),
            users: Attempts::new(OF_USER, LONG_WINDOW, REMEMBERED),
            shares: Attempts::new(SHARE, LONG_WINDOW, REMEMBERED),
            networks: None,
            homes: Mutex::new(Recent::new(REMEMBERED)),
        }
    }

    /// Begins an attempt.
    ///
    /// # Errors
    /// How long to wait.
    pub fn begin(&self, user: &BareJid, from: IpAddr) -> Result<Attempt<'_>, Duration> {
        self.begin_at(user, from, Instant::now())
    }

    fn begin_at(&self, user: &BareJid, from: IpAddr, now: Instant) -> Result<Attempt<'_>, Duration> {
        let (near, site) = (network_of(from), site_of(from));
        let subject = (user.clone(), near);
        let home = self.homes.lock().contains(&subject);
        let mut attempt = Attempt { logins: self, subject, site, home };
        self.pairs.begin_at(&attempt.subject, now)?;
        if !home {
            // One who has to wait uses up no attempt of the others.
            attempt.begin_as_stranger(now)?;
        }
        Ok(attempt)
    }
}

impl Attempt<'_> {
    fn begin_as_stranger(&mut self, now: Instant) -> Result<(), Duration> {
        let Attempt { logins, subject, site, .. } = self;
        let share = (subject.0.clone(), *site);
        let mut undo: Vec<Box<dyn Fn() + '_>> = vec![Box::new(|| logins.pairs.withdrawn(subject))];
        let outcome = (|| {
            if let Some((networks, sites)) = &logins.networks {
                networks.begin_at(&subject.1, now)?;
                undo.push(Box::new(|| networks.withdrawn(&subject.1)));
                sites.begin_at(site, now)?;
                undo.push(Box::new(|| sites.withdrawn(site)));
            }
            logins.shares.begin_at(&share, now)?;
            undo.push(Box::new(|| logins.shares.withdrawn(&share)));
            logins.users.begin_at(&subject.0, now)
        })();
        if outcome.is_err() {
            undo.iter().for_each(|undo| undo());
        }
        outcome
    }

    /// The password was right: its user is at home there.
    pub fn succeeded(self) {
        self.take_back();
        self.logins.pairs.succeeded(&self.subject);
        self.logins.homes.lock().insert(self.subject);
    }

    /// It could not be judged (the server was not reachable): it does not count.
    pub fn withdrawn(self) {
        self.take_back();
        self.logins.pairs.withdrawn(&self.subject);
    }

    fn take_back(&self) {
        if self.home {
            return;
        }
        let (user, near) = &self.subject;
        if let Some((networks, sites)) = &self.logins.networks {
            networks.withdrawn(near);
            sites.withdrawn(&self.site);
        }
        self.logins.shares.withdrawn(&(user.clone(), self.site));
        self.logins.users.withdrawn(user);
    }
}

/// The latest of many: at least half of `capacity`, at most all of it.
#[derive(Debug)]
struct Recent<K> {
    half: usize,
    young: HashSet<K>,
    old: HashSet<K>,
}

impl<K: Hash + Eq + Clone> Recent<K> {
    fn new(capacity: usize) -> Self {
        Self { half: (capacity / 2).max(1), young: HashSet::new(), old: HashSet::new() }
    }

    fn contains(&mut self, key: &K) -> bool {
        let old = self.old.contains(key);
        if old {
            // In use: it stays.
            self.insert(key.clone());
        }
        old || self.young.contains(key)
    }

    fn insert(&mut self, key: K) {
        if self.young.len() >= self.half && !self.young.contains(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> BareJid {
        BareJid::new(&format!("{name}@example.org")).unwrap()
    }

    /// So many wrong passwords were looked at, of `tries`.
    fn wrong(logins: &Logins, user: &BareJid, from: &str, tries: u32, now: Instant) -> u32 {
        let from = from.parse().unwrap();
        (0..tries).filter(|_| logins.begin_at(user, from, now).is_ok()).count().try_into().unwrap()
    }

    fn right(logins: &Logins, user: &BareJid, from: &str, now: Instant) -> bool {
        logins.begin_at(user, from.parse().unwrap(), now).map(Attempt::succeeded).is_ok()
    }

    #[test]
    fn a_stranger_locks_nobody_out() {
        let (logins, now, alice) = (Logins::of_users(), Instant::now(), user("alice"));
        for minute in 0..9 {
            let now = now + minute * WINDOW;
            assert!(wrong(&logins, &alice, "192.0.2.1", 1_000, now) <= OF_PAIR);
            // Neither where the user was before, nor anywhere else.
            assert!(right(&logins, &alice, "198.51.100.1", now));
            assert!(right(&logins, &alice, &format!("203.0.113.{minute}"), now));
        }
        // Nor does one with a whole /48.
        for n in 0..1_000 {
            wrong(&logins, &alice, &format!("2001:db8:7:{n:x}::1"), 1, now);
        }
        assert!(right(&logins, &alice, "203.0.113.77", now));
    }

    #[test]
    fn many_addresses_guess_no_faster_than_a_few() {
        let (logins, now, alice) = (Logins::of_users(), Instant::now(), user("alice"));
        assert!(right(&logins, &alice, "2001:db8:aaaa:1::1", now));
        let guessed: u32 =
            (0..5_000_u32).map(|n| wrong(&logins, &alice, &format!("10.{}.{}.1", n / 250, n % 250), 3, now)).sum();
        assert_eq!(guessed, OF_USER);
        // Where she was before she gets in, at any address of that network; elsewhere she waits with the guessers.
        assert!(right(&logins, &alice, "2001:db8:aaaa:1:ffff::9", now));
        assert!(!right(&logins, &alice, "2001:db8:aaaa:2::1", now));
        assert!(right(&logins, &alice, "2001:db8:aaaa:2::1", now + LONG_WINDOW));
        assert!(right(&logins, &user("bob"), "2001:db8:aaaa:2::1", now));
    }

    #[test]
    fn a_48_is_one_guesser() {
        let (logins, now, alice) = (Logins::of_users(), Instant::now(), user("alice"));
        let address = |n: u32| format!("2001:db8:7:{n:x}::{n:x}");
        assert_eq!(wrong(&logins, &alice, "2001:db8:7:1::1", 50, now), OF_PAIR);
        assert_eq!(wrong(&logins, &alice, "2001:db8:7:1:2:3:4:5", 50, now), 0, "the same /64");
        let guessed: u32 = (2..1_000).map(|n| wrong(&logins, &alice, &address(n), 20, now)).sum();
        assert_eq!(guessed + OF_PAIR, SHARE);
        // One password for many users.
        let sprayed: u32 = (0..2_000).map(|n| wrong(&logins, &user(&format!("u{n}")), &address(n), 1, now)).sum();
        assert_eq!(sprayed + SHARE, OF_SITE);
        assert_eq!(wrong(&logins, &alice, "2001:db8:8::1", 1, now), 1);
    }

    #[test]
    fn one_password_for_many_users_is_slow_but_where_they_are_at_home() {
        let (logins, now) = (Logins::of_users(), Instant::now());
        assert!(right(&logins, &user("alice"), "192.0.2.1", now));
        let sprayed: u32 = (0..500).map(|n| wrong(&logins, &user(&format!("u{n}")), "192.0.2.1", 1, now)).sum();
        assert_eq!(sprayed, OF_NETWORK);
        assert!(!right(&logins, &user("bob"), "192.0.2.1", now));
        assert!(right(&logins, &user("alice"), "192.0.2.1", now));
        let servers = Logins::of_servers();
        let asked: u32 = (0..500).map(|n| wrong(&servers, &user(&format!("u{n}")), "192.0.2.1", 1, now)).sum();
        assert_eq!(asked, 500, "a server asks for all its users");
    }

    #[test]
    fn what_was_right_or_not_judged_does_not_count() {
        let (logins, now, alice) = (Logins::of_users(), Instant::now(), user("alice"));
        let from: IpAddr = "192.0.2.1".parse().unwrap();
        for n in 0..500 {
            logins.begin_at(&user(&format!("u{n}")), from, now).unwrap().succeeded();
            logins.begin_at(&alice, from, now).unwrap().withdrawn();
        }
        assert_eq!(wrong(&logins, &alice, "192.0.2.1", 50, now), OF_PAIR);
        // Those that had to wait used up nothing of what all users of the network have.
        assert_eq!(wrong(&logins, &user("bob"), "192.0.2.1", 50, now), OF_PAIR);
        let more: u32 = (0..500).map(|n| wrong(&logins, &user(&format!("v{n}")), "192.0.2.1", 1, now)).sum();
        assert_eq!(more, OF_NETWORK - 2 * OF_PAIR);
    }

    #[test]
    fn homes_are_bounded_and_those_in_use_stay() {
        let mut recent = Recent::new(100);
        for n in 0..10_000 {
            recent.insert(n);
            assert!(recent.contains(&0), "{n}");
            assert!(recent.young.len() + recent.old.len() <= 101);
        }
        assert!(recent.contains(&9_999) && !recent.contains(&5_000));
    }
}
