//! The HTTP APIs, one folder each. They know `chat`, never each other.

pub mod qtalk;

use std::sync::Arc;

use axum::Router;

use crate::chat::Chat;
use crate::config::Config;
use crate::http::Web;

/// The routes of every API that the configuration enables.
pub fn router(_chat: &Chat, _config: &Arc<Config>, _web: &Web) -> Router {
    Router::new()
}
