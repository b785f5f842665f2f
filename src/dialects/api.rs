//! What the APIs have in common below their own words: how a failure ends, and what all of them read and write alike.

pub mod failing;
