//! The recipients: independent clients that are online and count what they receive.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::Notify;
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

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

/// What the clients are to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Order {
    /// Wait until so many messages have come since the start, at most so long; answered with the [`Count`].
    Wait(u64, Duration),
    /// The recipients enter these rooms.
    Enter(Vec<String>),
}

impl Order {
    /// Asks what has come by now.
    pub const NOW: Order = Order::Wait(0, Duration::ZERO);
}

#[derive(Default)]
struct Received {
    count: RefCell<Count>,
    wanted: Cell<u64>,
    enough: Notify,
    lost: Cell<bool>,
    /// Rooms that are still to be entered, all clients together.
    entering: Cell<usize>,
}

/// Pause between reads. Messages are taken several at a time, as from a network card: a read for each would take more of
/// the machine from what is measured than the clients of a real machine do.
const PAUSE: Duration = Duration::from_millis(5);
/// Longest wait for rooms to let all in.
const ENTERING: Duration = Duration::from_secs(30);
/// What a room says to whoever has entered it (XEP-0045).
const ENTERED: &[u8] = b"code='110'";

/// Logs in, then does what it is ordered.
pub async fn run() -> Fallible {
    let Some(plan) = order::<Plan>().await? else { return Ok(()) };
    let received = Rc::new(Received::default());
    received.wanted.set(u64::MAX);
    let (tasks, mut writers) = (LocalSet::new(), Vec::new());
    for (logins, counted) in [(&plan.recipients, true), (&plan.bystanders, false)] {
        for login in logins {
            let (read, write) = login.connect().await?.into_split();
            if counted {
                writers.push((login.user.clone(), write));
            } else {
                // A closed half would end the stream.
                write.forget();
            }
            let received = received.clone();
            tasks.spawn_local(async move { received.read(read, counted).await });
        }
    }
    child::write(&())?;
    let orders = async {
        while let Some(order) = order::<Order>().await? {
            match order {
                Order::Enter(rooms) => {
                    received.entering.set(writers.len() * rooms.len());
                    for (nick, write) in &mut writers {
                        for room in &rooms {
                            write.write_all(entry(room, nick).as_bytes()).await?;
                        }
                    }
                    timeout(ENTERING, received.enough.notified()).await.map_err(|_| "a room does not let all in")?;
                    child::write(&())?;
                }
                Order::Wait(messages, patience) => {
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
            }
        }
        Ok(())
    };
    tasks.run_until(orders).await
}

impl Received {
    async fn read(&self, mut stream: OwnedReadHalf, counted: bool) {
        let (mut finder, mut piece, mut entering) = (Finder::default(), vec![0; 64 * 1024], Vec::new());
        loop {
            match stream.read(&mut piece).await {
                Ok(read @ 1..) if counted => {
                    let piece = piece.get(..read).unwrap_or_default();
                    if self.entering.get() > 0 {
                        entering.extend_from_slice(piece);
                        self.look_for_entries(&mut entering);
                    }
                    let mut count = self.count.borrow_mut();
                    finder.find(piece, &mut count);
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
            sleep(PAUSE).await;
        }
    }

    /// Takes what rooms say to those who have entered out of what has come.
    fn look_for_entries(&self, text: &mut Vec<u8>) {
        while let Some(at) = text.windows(ENTERED.len()).position(|piece| piece == ENTERED) {
            text.drain(..at + ENTERED.len());
            self.entering.set(self.entering.get().saturating_sub(1));
            if self.entering.get() == 0 {
                self.enough.notify_one();
            }
        }
    }
}

fn entry(room: &str, nick: &str) -> String {
    let history = "<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x>";
    format!("<presence to='{room}/{nick}'>{history}</presence>")
}
