//! What surrounds every request, over real connections to the real listener with a small dialect behind it.

mod bounds;
mod callers;
mod crowds;
mod operation;
mod pages;
mod requests;
mod served;
