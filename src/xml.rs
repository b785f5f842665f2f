//! Elements to bytes and back: a bounded, iterative builder and an encoder that cannot emit broken XML.

pub mod bounds;
pub mod build;
pub mod draft;
pub mod element;
pub mod encode;
mod escape;
pub mod lenient;
pub mod namespaces;
pub mod plain;
pub mod read;
pub mod received;
#[cfg(test)]
mod samples;
mod scan;
pub mod split;
mod tag;
pub mod text;
pub mod token;
mod unescape;
pub mod verbatim;

pub use minidom::Element;

/// Who made an error that the gateway itself puts in the place of an answer: its attribute `by` (RFC 6120 section 8.3.1).
pub const GATEWAY: &str = "the gateway";
/// The namespace every stanza has inside the gateway. The component stream's own namespace exists only on the wire.
pub const CLIENT: &str = "jabber:client";
/// The namespace of stanzas on a component stream (XEP-0114 section 3).
pub const COMPONENT: &str = "jabber:component:accept";
/// The namespace of stream headers and stream errors (RFC 6120 section 4).
pub const STREAMS: &str = "http://etherx.jabber.org/streams";

/// Which namespace stanzas have on a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    /// `jabber:client`: a user's own session.
    Client,
    /// `jabber:component:accept`: the component link.
    Component,
}
