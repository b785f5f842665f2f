//! Errors: what goes wrong here ends the run and is only said.

/// The outcome of what may go wrong.
pub type Fallible<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
