//! What operators see: the program and its commands, `check`, the rig, servers that fail, gateways side by side.

#[path = "../support/mod.rs"]
mod support;

mod admin;
mod check;
mod check_proves;
mod check_rights;
mod cli;
mod description;
mod metrics;
mod outage;
mod proxies;
mod records_sql;
mod replicas;
mod rig;
mod setup;
