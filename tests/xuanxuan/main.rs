//! The API of Xuanxuan on real servers.

#[path = "../support/mod.rs"]
mod support;

mod lists;
mod notify;
