//! The rig behind `stanzagate dev`, which the tests use too: a private XMPP server and a gateway on it.

mod ejabberd;
mod error;
mod guard;
mod logs;
mod place;
mod ports;
mod prosody;
mod rig;
mod settings;

pub use error::DevError;
pub use rig::{Product, Rig, RigOptions};
pub use settings::{COMPONENT, DOMAIN, ROOMS, USERS};
