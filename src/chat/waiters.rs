//! Who waits for a stanza that is not the reply to an IQ: a room's reflection, one's own presence in a room.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::oneshot;

type Table<T> = Arc<Mutex<HashMap<String, oneshot::Sender<T>>>>;

/// Waiting callers by key.
#[derive(Debug)]
pub struct Waiters<T> {
    table: Table<T>,
}

impl<T> Default for Waiters<T> {
    fn default() -> Self {
        Self { table: Arc::default() }
    }
}

impl<T> Waiters<T> {
    /// Waits for `key` from now on; dropping the result stops waiting.
    pub fn register(&self, key: String) -> Waiting<T> {
        let (sender, receiver) = oneshot::channel();
        self.table.lock().insert(key.clone(), sender);
        Waiting { key, receiver, table: self.table.clone() }
    }

    /// Gives `value` to whoever waits for `key`; the value back when nobody does.
    pub fn resolve(&self, key: &str, value: T) -> Option<T> {
        let sender = self.table.lock().remove(key);
        match sender {
            Some(sender) => sender.send(value).err(),
            None => Some(value),
        }
    }
}

/// One waiting caller.
#[derive(Debug)]
pub struct Waiting<T> {
    key: String,
    receiver: oneshot::Receiver<T>,
    table: Table<T>,
}

impl<T> Waiting<T> {
    /// Waits until `deadline`; `None` when nothing came.
    pub async fn until(&mut self, deadline: Instant) -> Option<T> {
        tokio::time::timeout_at(deadline.into(), &mut self.receiver).await.ok()?.ok()
    }
}

impl<T> Drop for Waiting<T> {
    fn drop(&mut self) {
        self.table.lock().remove(&self.key);
    }
}
