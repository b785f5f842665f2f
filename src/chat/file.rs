//! Files: a slot of the upload service (XEP-0363), and the file put there.

use std::path::PathBuf;

use super::{Call, Chat, ChatError, Realm};

/// A file to upload, on disk.
#[derive(Debug, Clone)]
pub struct NewFile {
    /// Its name as clients see it in the URL; only the last part of a path, made harmless.
    pub name: String,
    /// Its media type.
    pub content_type: String,
    /// Where it is now.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
}

impl Chat {
    /// Uploads a file, streamed from disk, and returns the URL under which anybody can get it.
    pub async fn upload(&self, call: &Call, realm: &Realm, file: &NewFile) -> Result<String, ChatError> {
        todo!("{call:?} {realm:?} {file:?}")
    }
}
