//! The HTTP APIs, one folder each. They know `chat`, never each other.

pub mod qtalk;

use std::sync::Arc;

use axum::Router;

use crate::chat::Chat;
use crate::chat::check::Right;
use crate::config::Config;
use crate::http::Web;

/// The routes of every API that the configuration enables.
pub fn router(_chat: &Chat, _config: &Arc<Config>, _web: &Web) -> Router {
    Router::new()
}

/// Each enabled endpoint with the rights it cannot work without, and those it does less without.
pub fn needs(config: &Config) -> Vec<(String, &'static [Right], &'static [Right])> {
    let qtalk = config.qtalk.enabled.then_some(qtalk::needs::NEEDS).into_iter().flatten();
    qtalk.map(|(endpoint, needed, wanted)| (format!("qtalk/{endpoint}"), *needed, *wanted)).collect()
}
