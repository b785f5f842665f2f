//! What the tests on real servers share: the servers, the accounts, and an independent XMPP client.
//!
//! Every case runs on four servers: ejabberd and Prosody from the packages of this system (Debian 12: ejabberd 23.01,
//! Prosody 0.12), and both from another root file system (Debian 13: ejabberd 24.12, Prosody 13.0), whose path the
//! environment variable `STANZAGATE_TRIXIE_ROOT` gives. A server that is missing fails the test, it is never skipped.
//!
//! Run with `cargo test`: the tests of one binary are threads of one process and share one server of each kind. Under
//! nextest each test would start its own, which works but takes a second more for every test on ejabberd.
//!
//! Tests share servers but nothing on them: take accounts of your own with [`account`] and rooms with [`fresh`] names.
//! A test that stops its server takes a server of its own with [`Server::start`].
#![allow(dead_code, unused_macros, unused_imports)]

pub mod client;
pub mod element;
pub mod gateway;
pub mod libraries;
pub mod maxleap;
pub mod people;
pub mod rongcloud;
pub mod room;
pub mod servers;
pub mod upload;
pub mod verbs;
pub mod wire;
pub mod xuanxuan;

pub use client::{Bookmark, Client, LoginError};
pub use element::stanza;
pub use gateway::{Gateway, Reply};
pub use servers::{Account, Server, account, fresh};
pub use verbs::Verbs;
