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

use self::api::call::{About, Call};

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

/// All calls of the APIs that the configuration enables, each with the name of its API.
pub fn calls(config: &Config) -> Vec<(&'static str, &'static About)> {
    fn rows<R>(api: &'static str, calls: &'static [Call<R>]) -> impl Iterator<Item = (&'static str, &'static About)> {
        calls.iter().map(move |call| (api, &call.about))
    }
    let mut calls = Vec::new();
    if config.qtalk.enabled {
        calls.extend(rows("qtalk", qtalk::calls::CALLS));
    }
    if config.maxleap.enabled {
        calls.extend(maxleap::calls::CALLS.iter().flat_map(|family| rows("maxleap", family)));
    }
    if config.xuanxuan.enabled {
        calls.extend(rows("xuanxuan", xuanxuan::calls::CALLS));
    }
    if config.rongcloud.enabled {
        calls.extend(rows("rongcloud", rongcloud::calls::CALLS));
    }
    calls
}

/// Each enabled call with the rights it cannot work without, and those it does less without.
pub fn needs(config: &Config) -> Vec<(String, &'static [Right], &'static [Right])> {
    let named = |(api, about): (&str, &'static About)| {
        let name = format!("{api}/{}", about.name);
        about.rights.iter().filter(|rights| (rights.when)(config)).map(move |rights| {
            let name = if rights.case.is_empty() { name.clone() } else { format!("{name} ({})", rights.case) };
            (name, rights.needs, rights.wants)
        })
    };
    let archived: Option<(String, &[Right], &[Right])> = match config.server.wait {
        Wait::Archived => Some(("server.wait = \"archived\"".to_owned(), &[Right::Accounts, Right::Histories], &[])),
        Wait::Written | Wait::Routed => None,
    };
    calls(config).into_iter().flat_map(named).chain(archived).collect()
}
