//! A connection that can be made to fall: a proxy before a server's port.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the proxy does now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct State {
    /// Nothing that the server says arrives.
    mute: bool,
    /// Nothing that the gateway says arrives.
    deaf: bool,
    /// Nobody gets in.
    shut: bool,
    /// How often all connections were cut.
    cuts: usize,
}

/// The proxy. It ends with the runtime of the test.
pub struct Breaker {
    address: SocketAddr,
    state: Arc<watch::Sender<State>>,
}

impl Breaker {
    /// A proxy before `server`.
    pub async fn start(server: SocketAddr) -> Breaker {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let state = Arc::new(watch::Sender::new(State::default()));
        let now = state.subscribe();
        tokio::spawn(async move {
            while let Ok((gateway, _)) = listener.accept().await {
                if now.borrow().shut {
                    continue;
                }
                let Ok(server) = TcpStream::connect(server).await else { continue };
                let ((from_gateway, to_gateway), (from_server, to_server)) =
                    (gateway.into_split(), server.into_split());
                tokio::spawn(pass(from_gateway, to_server, now.clone(), |state| state.deaf));
                tokio::spawn(pass(from_server, to_gateway, now.clone(), |state| state.mute));
            }
        });
        Breaker { address, state }
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// From now on nothing that the server says reaches the gateway, until the connection is cut.
    pub fn mute(&self) {
        self.state.send_modify(|state| state.mute = true);
    }

    /// From now on nothing that the gateway says reaches the server, until the connection is cut.
    pub fn deafen(&self) {
        self.state.send_modify(|state| state.deaf = true);
    }

    /// Cuts all connections, and lets nobody in before [`Breaker::mend`].
    pub fn cut(&self) {
        let cuts = self.state.borrow().cuts + 1;
        self.state.send_replace(State { shut: true, cuts, ..State::default() });
    }

    /// Lets connections pass again.
    pub fn mend(&self) {
        self.state.send_modify(|state| state.shut = false);
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut now: watch::Receiver<State>,
    lost: fn(&State) -> bool,
) {
    let (mut buffer, cuts) = (vec![0; 65536], now.borrow().cuts);
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            _ = now.wait_for(|now| now.cuts != cuts) => return,
        };
        let (Ok(read @ 1..), state) = (read, *now.borrow()) else { return };
        if !lost(&state) && to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
