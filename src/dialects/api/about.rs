//! What an API is as a whole: who may call it, in which form bodies come, and how its calls fail.

use super::call::{About, Kind};

/// An API, beside its calls.
#[derive(Debug, Clone, Copy)]
pub struct Api {
    /// Its name in metrics and log.
    pub name: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
    /// What all its calls have in common.
    pub says: &'static str,
    /// The same in Chinese.
    pub zh: &'static str,
    /// What a caller shows: all of one of these lists.
    pub keys: &'static [&'static [Key]],
    /// The media types of bodies; the first is the usual one.
    pub bodies: &'static [&'static str],
    /// The body of a failure.
    pub failure: Kind,
    /// How calls fail.
    pub faults: &'static [Fault],
}

/// Something that a caller shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// What it is called in the description.
    pub name: &'static str,
    /// Where it stands.
    pub place: Place,
    /// What it is.
    pub says: &'static str,
    /// The same in Chinese.
    pub zh: &'static str,
}

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In `Authorization: Bearer`.
    Bearer,
    /// In the header of this name.
    Header(&'static str),
    /// In the query, under this name.
    Query(&'static str),
}

/// A way to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The code in the body, 0 where the API has none.
    pub code: u16,
    /// The statuses that it comes with.
    pub statuses: &'static [u16],
    /// What has happened.
    pub says: &'static str,
    /// The same in Chinese.
    pub zh: &'static str,
}

/// An API as a gateway serves it.
#[derive(Debug, Clone)]
pub struct Served {
    /// The API.
    pub api: &'static Api,
    /// What stands before the paths of its calls.
    pub prefix: String,
    /// Its calls.
    pub calls: Vec<&'static About>,
}

impl Fault {
    /// A way to fail.
    pub const fn new(code: u16, statuses: &'static [u16], says: &'static str, zh: &'static str) -> Fault {
        Fault { code, statuses, says, zh }
    }
}
