//! What is wrong with a configuration, and where it was said.

use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: `FILE:LINE`, the name of an environment variable or of a flag; empty when it was said nowhere.
    pub place: String,
    /// The key, such as `http.listen`; empty when the text is not TOML at all.
    pub key: String,
    /// What is wrong and what to do about it. Never contains a value that may be secret.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.place, &self.key] {
            if !part.is_empty() {
                write!(f, "{part}: ")?;
            }
        }
        f.write_str(&self.what)
    }
}

/// A configuration with which the gateway does not start: every problem that was found, one a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// At least one.
    pub problems: Vec<Problem>,
}

impl ConfigError {
    /// An error of one problem.
    pub fn one(place: impl Into<String>, key: impl Into<String>, what: impl Into<String>) -> Self {
        Self { problems: vec![Problem { place: place.into(), key: key.into(), what: what.into() }] }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// Collects what the sections' checks find.
#[derive(Debug, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Notes that the value of `key` cannot work.
    pub fn add(&mut self, key: impl Into<String>, what: impl Into<String>) {
        self.0.push(Problem { place: String::new(), key: key.into(), what: what.into() });
    }

    /// Notes a number that must not be zero.
    pub fn not_zero(&mut self, key: &str, value: u64) {
        if value == 0 {
            self.add(key, "must be at least 1");
        }
    }

    /// The error, when something was found.
    ///
    /// # Errors
    /// Everything that was noted, each at the place that `place_of` gives for its key.
    pub fn into_result(self, place_of: impl Fn(&str) -> String) -> Result<(), ConfigError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let problems = self.0.into_iter().map(|p| Problem { place: place_of(&p.key), ..p }).collect();
        Err(ConfigError { problems })
    }
}
