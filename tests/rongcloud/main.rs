//! The API of RongCloud-backed groups on real servers.

#[path = "../support/mod.rs"]
mod support;

mod groups;
mod numbers;
mod people;
mod scale;
mod settings;
mod wire;
