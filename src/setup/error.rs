//! Why `setup` changes nothing: each a sentence with the place and the way out.

use std::path::Path;

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A file that cannot be understood, or into which the gateway's part cannot be put without a guess.
    #[error("{place}: {why}")]
    Refused {
        /// `FILE:LINE`, or `FILE`.
        place: String,
        /// What is there and what to do about it.
        why: String,
    },
    /// A file that cannot be read or written.
    #[error("{what}: {source}")]
    Io {
        /// What was done to which file.
        what: String,
        /// Why not.
        source: std::io::Error,
    },
    /// What the server's own checker says of the result, which was taken back.
    #[error("{0}")]
    Checker(String),
}

impl SetupError {
    /// What to do where more rights are all it takes.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            SetupError::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
                ": run it as root"
            }
            _ => "",
        }
    }

    /// A refusal for what stands in `line`, counted from 0.
    pub(super) fn refused(file: &str, line: usize, why: impl Into<String>) -> SetupError {
        SetupError::Refused { place: format!("{file}:{}", line + 1), why: why.into() }
    }

    /// A refusal for a whole file.
    pub(super) fn file(file: &Path, why: impl Into<String>) -> SetupError {
        SetupError::Refused { place: file.display().to_string(), why: why.into() }
    }

    /// For `map_err`.
    pub(super) fn io(what: &'static str, file: &Path) -> impl Fn(std::io::Error) -> SetupError {
        let what = format!("{what} {}", file.display());
        move |source| SetupError::Io { what: what.clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_more_rights_would_do() {
        let hint = |kind: std::io::ErrorKind| SetupError::io("reading", Path::new("/f"))(kind.into()).hint();
        assert_eq!(hint(std::io::ErrorKind::PermissionDenied), ": run it as root");
        assert_eq!(hint(std::io::ErrorKind::NotFound), "");
    }
}
