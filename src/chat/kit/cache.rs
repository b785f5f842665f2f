//! A bounded cache of facts that may be believed for a while.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

use parking_lot::RwLock;

/// Keeps entries for `life`; when full, the older half of what it holds is forgotten, in constant time.
#[derive(Debug)]
pub struct Cache<K, V> {
    life: Duration,
    half: usize,
    generations: RwLock<Generations<K, V>>,
}

#[derive(Debug)]
struct Generations<K, V> {
    young: HashMap<K, (Instant, V)>,
    old: HashMap<K, (Instant, V)>,
}

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    /// A cache of at most `capacity` entries.
    pub fn new(life: Duration, capacity: usize) -> Self {
        let generations = Generations { young: HashMap::new(), old: HashMap::new() };
        Self { life, half: (capacity / 2).max(1), generations: RwLock::new(generations) }
    }

    /// The value, while it may be believed.
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
    {
        let generations = self.generations.read();
        let (since, value) = generations.young.get(key).or_else(|| generations.old.get(key))?;
        (since.elapsed() < self.life).then(|| value.clone())
    }

    /// Learns a value.
    pub fn insert(&self, key: K, value: V) {
        let mut generations = self.generations.write();
        if generations.young.len() >= self.half {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(key, (Instant::now(), value));
    }

    /// Forgets a value.
    pub fn remove<Q: Hash + Eq + ?Sized>(&self, key: &Q)
    where
        K: std::borrow::Borrow<Q>,
    {
        let mut generations = self.generations.write();
        generations.young.remove(key);
        generations.old.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_within_its_capacity_and_keeps_the_young() {
        let cache = Cache::new(Duration::from_secs(60), 10);
        for n in 0..1000 {
            cache.insert(n, n);
        }
        assert_eq!(cache.get(&999), Some(999));
        assert_eq!(cache.get(&0), None);
        assert!((0..1000).filter(|n| cache.get(n).is_some()).count() <= 10);
    }

    #[test]
    fn forgets_after_its_life_and_on_request() {
        let cache = Cache::new(Duration::ZERO, 10);
        cache.insert("a", ());
        assert_eq!(cache.get("a"), None);
        let cache = Cache::new(Duration::from_secs(60), 10);
        cache.insert("a", ());
        cache.remove("a");
        assert_eq!(cache.get("a"), None);
    }
}
