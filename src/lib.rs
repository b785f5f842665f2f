//! Stanzagate: HTTP chat APIs in, XMPP stanzas out, over one external component connection (XEP-0114).
//!
//! Layers, each of which may use only what stands below it:
//!
//! ```text
//! TCP -> http -> dialects -> chat -> xmpp            -> xml
//!                                 -> session -> link -> xml -> TCP
//! ```
//!
//! - [`dialects`]: one folder per HTTP API: its calls, wire types, authentication and errors exactly as on that API's wire;
//!   [`dialects::api`] is what they have in common.
//! - [`chat`]: the verbs (send, create a room, add members ...): the order of stanzas, acknowledgement, and, inside its
//!   rooms, where ejabberd and Prosody differ.
//! - [`xmpp`]: one file per XEP family, pure functions between structs and elements.
//! - [`link`]: the component connection: frame, queue, IQ tracking, reconnect, drain.
//! - [`session`]: a user's own c2s stream, where a server offers no other way.
//! - [`xml`]: bounded parsing and safe encoding of elements.
//!
//! [`app`] puts these together; [`config`], [`metrics`], [`clock`], [`causes`] and [`log_limit`] serve all of them; [`check`] says what
//! the server grants, [`admin`] serves that and more to those who run the gateway; [`dev`] is the rig behind `stanzagate dev`
//! and the tests; [`setup`] puts the gateway's part into a server that is there; [`args`] is the
//! command line.
#![forbid(unsafe_code)]
// One panic would cost all who call through this process. Cargo.toml has the lints that hold for tests and benches too.
#![deny(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unreachable,
    clippy::unwrap_used
)]

pub mod admin;
pub mod app;
pub mod args;
pub mod causes;
pub mod chat;
pub mod check;
pub mod clock;
pub mod config;
pub mod dev;
pub mod dialects;
pub mod http;
pub mod link;
pub mod log_limit;
pub mod metrics;
pub mod openapi;
pub mod session;
pub mod setup;
pub mod xml;
pub mod xmpp;
