//! Files: uploads, their labels, thumbnails.

pub mod file;
pub mod image;
pub(in crate::chat) mod label;
mod round_trip;

use std::sync::Arc;

use crate::chat::files::file::Storage;
use crate::chat::server::Server;

/// Files of users, at the server's upload service.
pub struct Files {
    server: Arc<Server>,
    storage: Storage,
}

impl Files {
    /// Files at the service of `server`.
    pub(in crate::chat) fn new(server: Arc<Server>) -> Files {
        Files { server, storage: Storage::default() }
    }
}
