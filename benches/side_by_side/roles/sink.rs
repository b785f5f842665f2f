//! The recipients: independent clients that are online and count what they receive.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::LocalSet;
use tokio::time::timeout;

use super::order;
use crate::count::{Count, Finder};
use crate::xmpp::Login;
use crate::{Fallible, child};

/// Who logs in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// Those whose messages count.
    pub recipients: Vec<Login>,
    /// Those who are merely online, so that nothing is stored for them.
    pub bystanders: Vec<Login>,
}

/// Waits until `messages` have come in all, at most `patience`; zero asks what has come by now.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Wait {
    /// Messages since the start.
    pub messages: u64,
    /// Longest wait.
    pub patience: Duration,
}

#[derive(Default)]
struct Received {
    count: RefCell<Count>,
    wanted: Cell<u64>,
    enough: Notify,
    lost: Cell<bool>,
}

/// Logs in, then answers each [`Wait`] with the [`Count`].
pub async fn run() -> Fallible {
    let Some(plan) = order::<Plan>().await? else { return Ok(()) };
    let received = Rc::new(Received::default());
    received.wanted.set(u64::MAX);
    let tasks = LocalSet::new();
    for (logins, counted) in [(&plan.recipients, true), (&plan.bystanders, false)] {
        for login in logins {
            let stream = login.connect().await?;
            let received = received.clone();
            tasks.spawn_local(async move { received.read(stream, counted).await });
        }
    }
    child::write(&())?;
    let orders = async {
        while let Some(Wait { messages, patience }) = order::<Wait>().await? {
            received.wanted.set(messages);
            if received.count.borrow().messages < messages {
                let _ = timeout(patience, received.enough.notified()).await;
            }
            received.wanted.set(u64::MAX);
            if received.lost.get() {
                return Err("a recipient lost its connection".into());
            }
            child::write(&*received.count.borrow())?;
        }
        Ok(())
    };
    tasks.run_until(orders).await
}

impl Received {
    async fn read(&self, mut stream: TcpStream, counted: bool) {
        let (mut finder, mut piece) = (Finder::default(), vec![0; 64 * 1024]);
        loop {
            match stream.read(&mut piece).await {
                Ok(read @ 1..) if counted => {
                    let mut count = self.count.borrow_mut();
                    finder.find(piece.get(..read).unwrap_or_default(), &mut count);
                    if count.messages >= self.wanted.get() {
                        self.enough.notify_one();
                        self.wanted.set(u64::MAX);
                    }
                }
                Ok(1..) => {}
                Ok(0) | Err(_) => {
                    self.lost.set(true);
                    return self.enough.notify_one();
                }
            }
        }
    }
}
