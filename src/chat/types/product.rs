//! The two products of which the gateway knows the ways.

/// The server's product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// ejabberd.
    Ejabberd,
    /// Prosody.
    Prosody,
}
