//! The HTTP APIs, one folder each. They know `chat`, never each other.

pub mod qtalk;
