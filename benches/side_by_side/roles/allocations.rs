//! The gateway within this process, on an allocator that counts: what a request allocates, which cannot be seen from
//! outside. Its speed is not looked at.
#![expect(unsafe_code, reason = "an allocator cannot be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use stanzagate::app::Gateway;
use stanzagate::config::Config;
use stanzagate::config::access::Auth;
use stanzagate::config::secret::Secret;
use stanzagate::config::server::Kind;

use crate::child::{self, order};
use crate::fallible::Fallible;

/// What was allocated so far, freed or not.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Allocated {
    /// Number of allocations.
    pub blocks: u64,
    /// Their bytes.
    pub bytes: u64,
}

static BLOCKS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: everything is passed on to the system's allocator as it comes.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BLOCKS.fetch_add(1, Ordering::Relaxed);
        BYTES.fetch_add(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(place, layout) }
    }
}

/// Reads the fake server's address, starts the gateway on it, says where it listens, and answers each `null` with
/// [`Allocated`].
pub async fn run() -> Fallible {
    let Some(fake) = order::<SocketAddr>().await? else { return Ok(()) };
    let mut config = Config::default();
    config.server.domain = "example.org".to_owned();
    config.server.kind = Kind::Ejabberd;
    config.component.address = fake.to_string();
    config.component.name = "gw.example.org".to_owned();
    config.component.secret = Some(Secret::new("not looked at"));
    config.http.listen.set_port(0);
    config.qtalk.auth = Auth::None;
    config.qtalk.sender_copy = false;
    let gateway = Gateway::start(config).await?;
    gateway.ready(std::time::Duration::from_secs(20)).await?;
    child::write(&gateway.addr())?;
    while let Some(()) = order::<()>().await? {
        child::write(&Allocated { blocks: BLOCKS.load(Ordering::Relaxed), bytes: BYTES.load(Ordering::Relaxed) })?;
    }
    Ok(())
}
