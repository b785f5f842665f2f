//! The helper processes.

pub mod allocations;
pub mod fake;
pub mod link;
pub mod load;
pub mod push;
pub mod sink;

use clap::ValueEnum;

use super::{Fallible, child};

/// What a helper process is.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Role {
    /// Makes HTTP requests and measures them.
    Load,
    /// Clients that are online and count what they receive.
    Sink,
    /// A component that sends as fast as the server takes it.
    Push,
    /// A server that answers at once.
    Fake,
    /// Callers on the gateway's own link.
    Link,
    /// A gateway that counts what it allocates.
    Allocations,
}

impl Role {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Role::Load => "load",
            Role::Sink => "sink",
            Role::Push => "push",
            Role::Fake => "fake",
            Role::Link => "link",
            Role::Allocations => "allocations",
        }
    }
}

/// Runs the helper until its input ends.
pub fn run(role: Role) -> Fallible {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        match role {
            Role::Load => load::run().await,
            Role::Sink => sink::run().await,
            Role::Push => push::run().await,
            Role::Fake => fake::run().await,
            Role::Link => link::run().await,
            Role::Allocations => allocations::run().await,
        }
    });
    if let Err(error) = &done {
        child::fail(error);
    }
    // A thread may still wait for orders.
    runtime.shutdown_background();
    done
}

/// Reads the next order without holding up the other tasks.
async fn order<Order: serde::de::DeserializeOwned + Send + 'static>() -> Fallible<Option<Order>> {
    tokio::task::spawn_blocking(child::read).await?
}
