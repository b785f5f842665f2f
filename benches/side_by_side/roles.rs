//! The helper processes.

pub mod allocations;
pub mod fake;
pub mod link;
pub mod load;
pub mod push;
pub mod sink;

use super::child;
use super::fallible::Fallible;
use super::role::Role;

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
