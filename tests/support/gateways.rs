//! Several gateways on one server, each with a memory of its own, and what they ask it.
//!
//! A server takes one component of a name. So those here share one connection, as if it were theirs alone: what they hold
//! to be the others' answers can be seen then. Gateways with names of their own are in `tests/operation/replicas.rs`.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use stanzagate::chat::types::address::Realm;
use stanzagate::chat::{Call, Chat, LinkState};
use stanzagate::config::component::Component;
use stanzagate::config::secret::Secret;
use stanzagate::dev::Rig;
use stanzagate::link::frame::Frame;
use stanzagate::link::{Link, LinkConfig};
use stanzagate::metrics::{LinkMetrics, Metrics};
use stanzagate::xml::bounds::Bounds;
use stanzagate::xml::encode::encode;
use stanzagate::xml::read::read_one;
use stanzagate::xml::{CLIENT, Element, StreamKind, element};
use tokio::io::AsyncWriteExt;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OnceCell, watch};

use super::fake_server::{FakeServer, Peer, SECRET};
use crate::support::{Server, Servers};

const BOUNDS: Bounds = Bounds { depth: 64, bytes: 8 << 20, elements: 131_072 };
const LINK: Duration = Duration::from_secs(20);
const CALL: Duration = Duration::from_secs(60);

/// What is done about a stanza of a gateway before the server sees it.
pub type Before = Arc<dyn Fn(&Element) -> BoxFuture<'static, ()> + Send + Sync>;

/// Nothing.
pub fn nothing() -> Before {
    Arc::new(|_| Box::pin(std::future::ready(())))
}

/// The connection to a server, and the gateways behind it.
pub struct Gateways {
    server: Server,
    link: Link,
    seats: Arc<Mutex<Vec<UnboundedSender<Vec<u8>>>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Gateways {
    /// The server they are on, which all tests of this binary with such gateways share.
    pub fn rig(server: Server) -> &'static Rig {
        static SERVERS: Servers = Servers::new();
        SERVERS.get(server)
    }

    /// Those on this server.
    pub async fn shared(server: Server) -> &'static Gateways {
        static ALL: [OnceCell<Gateways>; Server::COUNT] = [const { OnceCell::const_new() }; Server::COUNT];
        ALL[server as usize].get_or_init(|| run(Gateways::start(server))).await
    }

    async fn start(server: Server) -> Gateways {
        let component = Gateways::rig(server).gateway_config().component;
        let config = LinkConfig {
            address: component.address,
            name: component.name,
            secret: Gateways::rig(server).component_secret().into(),
            server: Gateways::rig(server).domain().into(),
            connect_timeout: Duration::from_secs(10),
            queue_stanzas: 10_000,
            queue_bytes: 1 << 24,
            busy_wait: Duration::from_millis(50),
            grace: Duration::from_secs(5),
            iq_timeout: Duration::from_secs(30),
            pending: 10_000,
            keepalive: Duration::from_secs(30),
            keepalive_timeout: Duration::from_secs(15),
            stall: Duration::from_secs(5),
            backoff: (Duration::from_millis(200), Duration::from_secs(15)),
            bounds: BOUNDS,
            looks: None,
        };
        let seats = Arc::<Mutex<Vec<UnboundedSender<Vec<u8>>>>>::default();
        let all = seats.clone();
        let on_stanza = Arc::new(move |_: &_, stanza: Element| {
            let bytes = encode(&stanza, StreamKind::Component).expect("a stanza");
            all.lock().expect("not poisoned").retain(|seat| seat.send(bytes.clone()).is_ok());
        });
        let link = Link::start(config, on_stanza, LinkMetrics::default());
        up(link.state()).await;
        Gateways { server, link, seats, asked: Arc::default() }
    }

    /// Where one more gateway may connect. What it sends is passed on when `before` is done with it.
    pub async fn seat(&'static self, before: Before) -> Component {
        run(async move {
            let fake = FakeServer::start().await;
            let mut component = Gateways::rig(self.server).gateway_config().component;
            component.address = fake.address();
            component.secret = Some(Secret::new(SECRET));
            tokio::spawn(async move { self.serve(fake.accept().await, before).await });
            component
        })
        .await
    }

    /// One more gateway, which remembers nothing.
    pub async fn gateway(&'static self) -> (Chat, Realm) {
        run(async move {
            let mut config = Gateways::rig(self.server).gateway_config();
            config.component = self.seat(nothing()).await;
            let chat = Chat::start(Arc::new(config), Metrics::new()).expect("the verbs");
            up(chat.link_state()).await;
            let realm = chat.addresses().realm(&Default::default()).expect("the default hosts");
            (chat, realm)
        })
        .await
    }

    async fn serve(&self, peer: Peer, before: Before) {
        let Peer { mut frames, mut out } = peer;
        let (seat, mut written): (_, UnboundedReceiver<Vec<u8>>) = unbounded_channel();
        self.seats.lock().expect("not poisoned").push(seat.clone());
        tokio::spawn(async move {
            while let Some(bytes) = written.recv().await {
                if out.write_all(&bytes).await.is_err() {
                    return;
                }
            }
        });
        while let Ok(Frame::Element(stanza)) = frames.next().await {
            before(&stanza).await;
            if !matches!((stanza.name(), stanza.attr("type")), ("iq", Some("get" | "set"))) {
                self.link.send(&call(), &stanza).await.expect("a stanza that is passed on");
                continue;
            }
            let id = stanza.attr("id").expect("an id").to_owned();
            self.asked.lock().expect("not poisoned").push(id.clone());
            let (link, seat) = (self.link.clone(), seat.clone());
            tokio::spawn(async move {
                let mut reply = link.iq(&call(), stanza).await.expect("a reply");
                element::set(&mut reply, "id", id);
                // The gateway may have gone.
                let _ = seat.send(encode(&reply, StreamKind::Component).expect("a stanza"));
            });
        }
    }

    /// How many IQs the gateways have sent on behalf of a call.
    pub fn asked(&self, call: &Call) -> usize {
        let request = format!(".{}.", call.request);
        self.asked.lock().expect("not poisoned").iter().filter(|id| id.contains(&request)).count()
    }

    /// Asks the server as the component; the reply's type.
    pub async fn ask(&'static self, iq: &str) -> String {
        let iq = read_one(iq, CLIENT, BOUNDS).expect("a stanza");
        let reply = run(async move { self.link.iq(&call(), iq).await }).await.expect("a reply");
        reply.attr("type").expect("a type").to_owned()
    }
}

/// A call that no other one is mistaken for.
pub fn call() -> Call {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let request = format!("call{}", NEXT.fetch_add(1, Ordering::Relaxed));
    Call::new(request.into(), Instant::now() + CALL)
}

/// Waits for a link.
pub async fn up(mut state: watch::Receiver<LinkState>) {
    let up = state.wait_for(|state| *state == LinkState::Up);
    tokio::time::timeout(LINK, up).await.expect("a link within the time").expect("a link");
}

/// Runs what uses the shared gateways where they live: on a runtime that outlasts the single test's.
pub async fn run<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime =
        RUNTIME.get_or_init(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime"));
    let work: Pin<Box<dyn Future<Output = T> + Send>> = Box::pin(work);
    match runtime.spawn(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
