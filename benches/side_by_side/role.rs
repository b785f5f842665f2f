//! The helper processes by name.

use clap::ValueEnum;

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
