//! What is tried with any bytes: each `run` panics where something is not as it should be. The fuzzers call it, and so does
//! `tests/xml` with the inputs that are kept.

pub mod fragment;
pub mod json;
pub mod stream;
pub mod tree;
