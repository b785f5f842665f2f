//! The connections to the server, component link and users' sessions, against scripted servers and real ones.

#[path = "../support/mod.rs"]
mod support;

mod extra_links;
mod flow;
mod hazards;
mod link;
mod link_support;
mod session;
mod session_hostile;
mod session_password;
mod session_support;
mod session_tls;
