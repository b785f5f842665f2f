//! User ids of HTTP APIs, in which case counts, as localparts, in which it does not: one localpart for each id and back.

/// The localpart of an id; `None` when no account can have that id.
pub fn localpart(id: &str) -> Option<String> {
    todo!("{id}")
}

/// The id of a localpart.
pub fn id(localpart: &str) -> String {
    todo!("{localpart}")
}
