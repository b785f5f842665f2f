//! The qtalk (Startalk) API.

pub mod needs;
