//! What a user says of himself: vCard nick name and photo.

/// From a user's vCard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// NICKNAME, else FN, else the localpart.
    pub nick: String,
    /// The photo.
    pub photo: Option<PhotoRef>,
}

/// Where a photo is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PhotoRef {
    /// A URL in the vCard (`PHOTO/EXTVAL`).
    Url(String),
    /// Binary in the vCard (`PHOTO/BINVAL`): its SHA-256 in hex, under which the gateway serves it.
    Binary {
        /// SHA-256 of the decoded bytes, lower-case hex.
        sha256: String,
        /// Media type, one of `image/{png,jpeg,gif,webp}` by the content's first bytes; never what the vCard says.
        media_type: &'static str,
    },
}

/// A photo's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Photo {
    /// SHA-256 of the bytes, lower-case hex.
    pub sha256: String,
    /// Media type.
    pub media_type: &'static str,
    /// The image.
    pub bytes: Vec<u8>,
}
