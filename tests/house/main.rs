//! What needs no XMPP server: the import rule, the pages, the settings, the HTTP listener.

mod config;
mod docs;
mod http;
mod layers;
