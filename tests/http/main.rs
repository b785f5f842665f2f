//! What surrounds every request, over real connections to the real listener with a small dialect behind it.

mod bounds;
mod callers;
mod operation;
mod requests;
mod served;
