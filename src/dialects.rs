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

use self::api::about::Served;
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

/// The APIs that the configuration enables.
pub fn apis(config: &Config) -> Vec<Served> {
    fn rows<R>(calls: &'static [Call<R>]) -> impl Iterator<Item = &'static About> {
        calls.iter().map(|call| &call.about)
    }
    let mut apis = Vec::new();
    let mut add = |enabled: bool, api, prefix: &str, calls: Vec<&'static About>| {
        if enabled {
            apis.push(Served { api, prefix: prefix.to_owned(), calls });
        }
    };
    let Config { qtalk, maxleap, xuanxuan, rongcloud, .. } = config;
    add(qtalk.enabled, &qtalk::about::API, &qtalk.prefix, rows(qtalk::calls::CALLS).collect());
    let families = maxleap::calls::CALLS.iter().flat_map(|family| rows(family));
    add(maxleap.enabled, &maxleap::about::API, &maxleap.prefix, families.collect());
    add(xuanxuan.enabled, &xuanxuan::about::API, &xuanxuan.prefix, rows(xuanxuan::calls::CALLS).collect());
    add(rongcloud.enabled, &rongcloud::about::API, &rongcloud.prefix, rows(rongcloud::calls::CALLS).collect());
    apis
}

/// All calls of the APIs that the configuration enables, each with the name of its API.
pub fn calls(config: &Config) -> Vec<(&'static str, &'static About)> {
    let calls = |served: Served| served.calls.into_iter().map(move |call| (served.api.name, call));
    apis(config).into_iter().flat_map(calls).collect()
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
