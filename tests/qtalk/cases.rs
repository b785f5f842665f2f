//! Inputs that once failed, each with the value that is right, on each of the six servers: one file for each kind.

mod bookmarks;
mod forms;
mod gone;
mod names;
mod notifications;
mod password;
mod references;
mod rooms;
mod shown;
mod texts;
mod topic;
mod twice;
