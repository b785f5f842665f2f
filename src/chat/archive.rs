//! Messages from the archives (XEP-0313).

pub mod history;
mod reading;
mod stored;
mod timeline;
