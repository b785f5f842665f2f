//! What hostile callers, callers in a hurry and failing machines do to the MaxLeap API, on real servers.
//!
//! Whatever is asked, the answer is the API's own, and what was refused left nothing behind: what is there afterwards is
//! asked of the API, and of an ordinary client.

mod apps;
mod bodies;
mod faults;
mod fields;
mod hang_ups;
mod ids;
mod passengers;
mod races;
mod stage;
