//! What hostile callers, callers in a hurry and failing machines do to the API of RongCloud-backed groups, on each of the
//! four servers.
//!
//! Whatever is asked, the answer is the API's own, and what was refused left nothing behind: what is there afterwards is
//! asked of the server, past the API.

mod covers;
mod faults;
mod fields;
mod ids;
mod limits;
mod races;
mod replicas;
mod stage;
mod tokens;
