//! The verbs below the HTTP APIs, on real servers.

#[path = "../support/mod.rs"]
mod support;

mod accounts;
mod cards;
mod friends;
mod groups;
mod history;
mod login_token;
mod many_profiles;
mod records;
mod room_avatar;
mod uploads;
