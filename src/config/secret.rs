//! Secrets: given in place, or as the path of a file that holds them.
use secrecy::SecretString;
use serde::Deserialize;

/// A secret in the configuration: `"text"` or `{ file = "path" }`. Never printed.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Secret {
    /// The secret itself.
    Text(SecretString),
    /// A file whose content, without the trailing line break, is the secret.
    File {
        /// Path of the file.
        file: std::path::PathBuf,
    },
}
