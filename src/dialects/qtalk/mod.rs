//! The qtalk (Startalk) API.
