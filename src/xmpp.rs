//! One file per XEP family: namespace, build, read. Pure functions between structs and elements, no I/O.
//!
//! Reading is tolerant: what a server adds or leaves out beyond what is needed never makes an answer unreadable.

pub mod account_mark;
pub mod addresses;
pub mod bookmarks;
pub mod card;
pub mod commands;
pub mod data_form;
pub mod directory;
pub mod disco;
pub mod entity_time;
pub mod helper;
pub mod invite;
pub mod iq;
pub mod jid_escape;
pub mod listed_bookmarks;
pub mod mam;
pub mod message;
pub mod muc;
pub mod muc_admin;
pub mod mucsub;
pub mod privilege;
pub mod pubsub;
pub mod roster;
pub mod rsm;
pub mod stanza_error;
pub mod upload;
pub mod vcard;
pub mod version;
