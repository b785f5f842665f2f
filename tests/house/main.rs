//! What needs no XMPP server: the import rule, the pages, the settings, the rows of calls, the HTTP listener.

mod calls;
mod config;
mod docs;
mod http;
mod layers;
mod openapi;
