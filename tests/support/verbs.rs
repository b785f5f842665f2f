//! The verbs under test without the HTTP APIs above them: one link for each server that all tests of a binary share.
//!
//! They live on a runtime that outlasts the single test's, and so must what uses them: see [`Verbs::run`].

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use stanzagate::chat::types::address::Realm;
use stanzagate::chat::{Call, Chat, LinkState};
use stanzagate::config::Config;
use stanzagate::dev::Rig;
use stanzagate::metrics::Metrics;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::OnceCell;

use super::servers::Server;

/// Longest wait for the link.
const LINK: Duration = Duration::from_secs(20);
/// Time of one call: generous, for servers in debug builds on a loaded machine.
const CALL: Duration = Duration::from_secs(60);

/// The verbs and the hosts they are used with.
pub struct Verbs {
    pub chat: Chat,
    pub realm: Realm,
}

impl Verbs {
    /// The verbs on the server that all tests of this binary share.
    pub async fn shared(server: Server) -> &'static Verbs {
        static VERBS: [OnceCell<Verbs>; Server::COUNT] = [const { OnceCell::const_new() }; Server::COUNT];
        VERBS[server as usize].get_or_init(|| Verbs::start(server.shared())).await
    }

    /// The verbs on a server of the caller's own.
    pub async fn start(rig: &Rig) -> Verbs {
        Verbs::start_with(rig.gateway_config()).await
    }

    /// The verbs with a configuration of the caller's own.
    pub async fn start_with(config: Config) -> Verbs {
        let config = Arc::new(config);
        let started = async move {
            let chat = Chat::start(config, Metrics::new()).expect("the verbs");
            let mut state = chat.link_state();
            let up = state.wait_for(|state| *state == LinkState::Up);
            tokio::time::timeout(LINK, up).await.expect("a link within the time").expect("a link");
            let addresses = chat.addresses();
            let realm = addresses.realm(&Default::default()).expect("the default hosts");
            Verbs { chat, realm }
        };
        Self::spawned(started).await
    }

    /// Runs what uses the verbs where they live.
    pub async fn run<T: Send + 'static>(&'static self, work: impl Future<Output = T> + Send + 'static) -> T {
        Self::spawned(work).await
    }

    /// Boxed, so that the runtime is compiled for each kind of outcome and not for each piece of work.
    async fn spawned<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
        let work: Pin<Box<dyn Future<Output = T> + Send>> = Box::pin(work);
        match background().spawn(work).await {
            Ok(done) => done,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

/// A call of a test.
pub fn call() -> Call {
    Call::new("test".into(), Instant::now() + CALL)
}

fn background() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a tokio runtime"))
}
