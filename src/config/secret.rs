//! Secrets: given in place, or as the path of a file that holds them.

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::error::ConfigError;

/// What is printed for a secret.
const MASK: &str = "(secret)";

/// A secret in the configuration: `"text"`, or `{ file = "path" }` for a file whose content, without the trailing line
/// break, is the secret. The file is read when the configuration is loaded. Never printed.
#[derive(Debug, Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// A secret given as text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// Reads a secret from a file.
    ///
    /// # Errors
    /// A file that cannot be read, or is empty, or is not UTF-8.
    pub fn from_file(path: &Path) -> Result<Self, ConfigError> {
        let refuse = |what: String| ConfigError::one(path.display().to_string(), "", what);
        let text = std::fs::read_to_string(path).map_err(|e| refuse(format!("cannot read this secret file: {e}")))?;
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() {
            return Err(refuse("this secret file is empty".into()));
        }
        Ok(Self::new(text))
    }

    /// The secret, for those who keep it.
    pub fn secret(&self) -> SecretString {
        self.0.clone()
    }

    /// The secret's text, for the moment of its use.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretVisitor)
    }
}

/// Whoever prints a configuration is shown that there is one.
impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

struct SecretVisitor;

impl<'de> Visitor<'de> for SecretVisitor {
    type Value = Secret;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a secret as \"text\" or { file = \"path\" }")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Secret, E> {
        Ok(Secret::new(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Secret, A::Error> {
        let mut secret = None;
        while let Some(key) = map.next_key::<String>()? {
            if key != "file" {
                return Err(de::Error::unknown_field(&key, &["file"]));
            }
            let path: std::path::PathBuf = map.next_value()?;
            secret = Some(Secret::from_file(&path).map_err(de::Error::custom)?);
        }
        secret.ok_or_else(|| de::Error::missing_field("file"))
    }
}
