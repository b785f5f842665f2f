//! The qtalk API on real servers.

#[path = "../support/mod.rs"]
mod support;

mod cases;
mod members;
mod members_late;
mod messages;
mod profiles;
mod rooms;
mod seats;
mod staff;
mod websocket;
mod wire;
