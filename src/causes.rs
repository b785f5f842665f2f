//! What is behind an error: of the outermost alone nobody sees what to do.

use std::error::Error;
use std::fmt::Write as _;

/// The innermost cause: of reqwest's errors what is around it says only that sending failed.
pub fn innermost(error: &dyn Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// An error with all that is behind it, the outermost first.
pub fn all(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}
