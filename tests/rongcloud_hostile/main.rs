//! What hostile callers, callers in a hurry and failing machines do to the API of RongCloud-backed groups, on each of the
//! four servers.
//!
//! Whatever is asked, the answer is the API's own, and what was refused left nothing behind: what is there afterwards is
//! asked of the server, past the API.

#[path = "../fake_server/mod.rs"]
mod fake_server;
#[path = "../numbers/gateways.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod gateways;
#[path = "../support/mod.rs"]
mod support;

mod covers;
mod faults;
mod fields;
mod ids;
mod limits;
mod races;
mod replicas;
mod stage;
mod tokens;
