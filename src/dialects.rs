//! The HTTP APIs, one folder each. They know `chat`, never each other.

pub mod api;
pub mod maxleap;
pub mod qtalk;
pub mod rongcloud;
pub mod xuanxuan;

use std::sync::Arc;

use axum::Router;

use crate::chat::Chat;
use crate::chat::types::right::Right;
use crate::config::Config;
use crate::config::server::Wait;
use crate::http::Web;

/// The routes of every API that the configuration enables.
pub fn router(chat: &Chat, config: &Arc<Config>, web: &Web) -> Router {
    let mut router = Router::new();
    if config.qtalk.enabled {
        router = router.merge(qtalk::router(chat.clone(), Arc::clone(config), web.clone()));
    }
    if config.maxleap.enabled {
        router = router.merge(maxleap::router(chat.clone(), Arc::clone(config), web.clone()));
    }
    if config.xuanxuan.enabled {
        router = router.merge(xuanxuan::router(chat.clone(), Arc::clone(config), web.clone()));
    }
    if config.rongcloud.enabled {
        router = router.merge(rongcloud::router(chat.clone(), Arc::clone(config), web.clone()));
    }
    router
}

/// Each enabled endpoint with the rights it cannot work without, and those it does less without.
pub fn needs(config: &Config) -> Vec<(String, &'static [Right], &'static [Right])> {
    type Needs = &'static [(&'static str, &'static [Right], &'static [Right])];
    let apis: [(bool, &str, Needs); 4] = [
        (config.qtalk.enabled, "qtalk", qtalk::needs::NEEDS),
        (config.maxleap.enabled, "maxleap", maxleap::needs::NEEDS),
        (config.xuanxuan.enabled, "xuanxuan", xuanxuan::needs::NEEDS),
        (config.rongcloud.enabled, "rongcloud", rongcloud::needs::needs(&config.rongcloud)),
    ];
    let enabled = apis.into_iter().filter(|(enabled, _, _)| *enabled);
    let archived: &[(String, &[Right], &[Right])] = match config.server.wait {
        Wait::Archived => &[("server.wait = \"archived\"".to_owned(), &[Right::Accounts, Right::Histories], &[])],
        Wait::Written | Wait::Routed => &[],
    };
    enabled
        .flat_map(|(_, api, needs)| {
            needs.iter().map(move |(endpoint, needed, wanted)| (format!("{api}/{endpoint}"), *needed, *wanted))
        })
        .chain(archived.iter().cloned())
        .collect()
}
