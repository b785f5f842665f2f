//! Inputs that once failed, each with the value that is right, on each of the six servers: one file for each kind.

#[path = "../support/mod.rs"]
mod support;

mod forms;
mod notifications;
mod references;
mod shown;
mod texts;
