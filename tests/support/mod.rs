//! What the tests on real servers share: the servers, the accounts, and an independent XMPP client.
//!
//! There are six servers: ejabberd and Prosody from the packages of this system (Debian 12: ejabberd 23.01, Prosody 0.12),
//! both from a root of Debian 13 (ejabberd 24.12, Prosody 13.0.1) and both from one with its backports (ejabberd 26.07,
//! Prosody 13.0.6 or later). `STANZAGATE_TRIXIE_ROOT` and `STANZAGATE_BACKPORTS_ROOT` name the roots that `scripts/test`
//! makes. Every case runs on the newest of each product; `on_all_servers!` is for what depends on the version,
//! `on_oldest_and_newest!` for what hardly does. A server that is missing fails the test, it is never skipped.
//!
//! Run with `cargo test`: the tests of one binary are threads of one process and share one server of each kind. Under
//! nextest each test would start its own, which works but takes a second more for every test on ejabberd.
//!
//! Tests share servers but nothing on them: take accounts of your own with [`account`] and rooms with [`fresh`] names.
//! A test that stops its server takes a server of its own with [`Server::start`].
#![allow(dead_code, unused_macros, unused_imports, reason = "each test binary uses its own part")]

pub mod breaker;
pub mod client;
pub mod element;
pub mod fake_server;
pub mod gateway;
pub mod gateways;
pub mod libraries;
pub mod maxleap;
pub mod people;
pub mod postgres;
pub mod rongcloud;
pub mod room;
pub mod servers;
pub mod stock;
pub mod upload;
pub mod verbs;
pub mod wire;
pub mod xuanxuan;

pub use client::{Bookmark, Client, LoginError};
pub use element::stanza;
pub use gateway::{Gateway, Reply};
pub use servers::{Account, Server, Servers, account, fresh};
pub use stock::Stock;
pub use verbs::Verbs;
