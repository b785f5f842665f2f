//! The recipients: independent clients that are online and count what they receive.

use std::cell::{Cell, RefCell};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

use crate::child::{self, order};
use crate::count::{Count, Finder};
use crate::fallible::Fallible;
use crate::xmpp::Login;

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

/// One client's stream.
struct Client {
    stream: TcpStream,
    counted: bool,
    finder: Finder,
    /// What has come while rooms are being entered, from the last entry on.
    entering: Vec<u8>,
}

/// What all clients have received.
#[derive(Default)]
struct Received {
    count: RefCell<Count>,
    wanted: Cell<u64>,
    enough: Notify,
    lost: Cell<bool>,
    /// Rooms that are still to be entered, all clients together.
    entering: Cell<usize>,
}

/// Pause between rounds over all clients. Nothing is registered with the kernel's poll, which would wake this process for
/// each message: that takes more of the machine from what is measured than clients on machines of their own do.
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
    let (mut clients, mut writers) = (Vec::new(), Vec::new());
    for (logins, counted) in [(&plan.recipients, true), (&plan.bystanders, false)] {
        for login in logins {
            let stream = login.connect().await?.into_std()?;
            if counted {
                writers.push((login.user.clone(), stream.try_clone()?));
            }
            clients.push(Client { stream, counted, finder: Finder::default(), entering: Vec::new() });
        }
    }
    let tasks = LocalSet::new();
    let reading = received.clone();
    tasks.spawn_local(async move { reading.read(clients).await });
    child::write(&())?;
    let orders = async {
        while let Some(order) = order::<Order>().await? {
            match order {
                Order::Enter(rooms) => {
                    received.entering.set(writers.len() * rooms.len());
                    for (nick, writer) in &mut writers {
                        for room in &rooms {
                            write(writer, entry(room, nick).as_bytes()).await?;
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
    /// Takes what has come, again and again, until a client loses its connection.
    async fn read(&self, mut clients: Vec<Client>) {
        let mut piece = vec![0; 64 * 1024];
        while clients.iter_mut().all(|client| self.read_one(client, &mut piece)) {
            sleep(PAUSE).await;
        }
        self.lost.set(true);
        self.enough.notify_one();
    }

    /// Takes what has come for one client; false when its connection is lost.
    fn read_one(&self, client: &mut Client, piece: &mut [u8]) -> bool {
        loop {
            let read = match client.stream.read(piece) {
                Ok(0) => return false,
                Ok(read) => read,
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            };
            if client.counted {
                self.take(client, piece.get(..read).unwrap_or_default());
            }
            if read < piece.len() {
                return true;
            }
        }
    }

    fn take(&self, client: &mut Client, piece: &[u8]) {
        if self.entering.get() > 0 {
            client.entering.extend_from_slice(piece);
            self.look_for_entries(&mut client.entering);
        }
        let mut count = self.count.borrow_mut();
        client.finder.find(piece, &mut count);
        if count.messages >= self.wanted.get() {
            self.enough.notify_one();
            self.wanted.set(u64::MAX);
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

/// Writes to a stream that does not wait by itself.
async fn write(stream: &mut TcpStream, mut bytes: &[u8]) -> Fallible {
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => sleep(PAUSE).await,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn entry(room: &str, nick: &str) -> String {
    let history = "<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x>";
    format!("<presence to='{room}/{nick}'>{history}</presence>")
}
