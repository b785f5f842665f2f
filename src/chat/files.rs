//! Files: uploads, their labels, thumbnails.

pub mod file;
pub mod image;
pub(in crate::chat) mod label;
