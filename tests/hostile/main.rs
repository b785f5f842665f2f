//! What hostile callers, hostile users and failing machines do to the gateway, on real servers.
//!
//! All cases of one server share one gateway and its one connection. Each runs beside an innocent request that must
//! arrive, and the connection must be the first one afterwards: what harms it fails every case that is under way.

#[path = "../support/mod.rs"]
mod support;

mod access;
mod addresses;
mod attack;
mod crowd;
mod faults;
mod fields;
mod fragments;
mod http;
mod logs;
mod maxleap;
mod odd_xml;
mod process;
mod properties;
mod raw;
mod rongcloud;
mod rooms;
mod same_name;
mod sizes;
mod users;
