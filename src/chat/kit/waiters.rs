//! Who waits for a stanza that is not the reply to an IQ: a room's reflection, one's own presence in a room.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::oneshot;

type Table<K, T> = Arc<Mutex<HashMap<K, oneshot::Sender<T>>>>;

/// Waiting callers by key.
#[derive(Debug)]
pub struct Waiters<K, T> {
    table: Table<K, T>,
}

impl<K, T> Default for Waiters<K, T> {
    fn default() -> Self {
        Self { table: Arc::default() }
    }
}

impl<K: Hash + Eq + Clone, T> Waiters<K, T> {
    /// Waits for `key` from now on; dropping the result stops waiting.
    pub fn register(&self, key: K) -> Waiting<K, T> {
        let (sender, receiver) = oneshot::channel();
        self.table.lock().insert(key.clone(), sender);
        Waiting { key, receiver, table: self.table.clone() }
    }

    /// Gives `value` to whoever waits for `key`; the value back when nobody does.
    pub fn resolve(&self, key: &K, value: T) -> Option<T> {
        let sender = self.table.lock().remove(key);
        match sender {
            Some(sender) => sender.send(value).err(),
            None => Some(value),
        }
    }
}

/// One waiting caller.
#[derive(Debug)]
pub struct Waiting<K: Hash + Eq, T> {
    key: K,
    receiver: oneshot::Receiver<T>,
    table: Table<K, T>,
}

impl<K: Hash + Eq, T> Waiting<K, T> {
    /// Waits until `deadline`; `None` when nothing came.
    pub async fn until(&mut self, deadline: Instant) -> Option<T> {
        tokio::time::timeout_at(deadline.into(), &mut self.receiver).await.ok()?.ok()
    }
}

impl<K: Hash + Eq, T> Drop for Waiting<K, T> {
    fn drop(&mut self) {
        self.table.lock().remove(&self.key);
    }
}
