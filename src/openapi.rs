//! The APIs as an OpenAPI description, made from the rows of their calls and from nothing else.

mod example;
mod operation;
pub mod schema;

use serde_json::{Map, Value, json};

use crate::config::Config;
use crate::dialects;
use crate::dialects::api::about::{Api, Fault, Key, Place, Served};
use crate::dialects::api::call::{About, Method};

/// What the description begins with.
const SAYS: &str = "HTTP chat APIs in, XMPP stanzas out. 把 HTTP 聊天接口转换为 XMPP。";

/// The configuration in which every API is enabled, and all else is as it is without a file.
pub fn everything() -> Config {
    let mut config = Config::default();
    config.qtalk.enabled = true;
    config.maxleap.enabled = true;
    config.xuanxuan.enabled = true;
    config.rongcloud.enabled = true;
    config
}

/// The description, as OpenAPI 3.1, of the APIs that the configuration enables, or of the one of this name alone.
pub fn document(config: &Config, only: Option<&str>) -> Value {
    let apis: Vec<Served> =
        dialects::apis(config).into_iter().filter(|served| only.is_none_or(|name| name == served.api.name)).collect();
    let mut paths = Map::new();
    let (mut schemas, mut responses, mut keys) = (Map::new(), Map::new(), Map::new());
    for Served { api, prefix, calls } in &apis {
        schemas.insert(operation::failure_name(api), schema::of(&api.failure));
        for status in statuses(api) {
            responses.insert(operation::response_name(api, status), operation::failed(api, status));
        }
        for key in api.keys.iter().copied().flatten() {
            keys.insert(operation::key_name(api, key), scheme(key));
        }
        for (path, method, calls) in grouped(calls) {
            let item = paths.entry(format!("{prefix}{path}")).or_insert_with(|| json!({}));
            item[method.name().to_lowercase()] = operation::of(api, method, &calls);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Stanzagate",
            "version": env!("CARGO_PKG_VERSION"),
            "description": SAYS,
            "license": { "name": env!("CARGO_PKG_LICENSE"), "identifier": env!("CARGO_PKG_LICENSE") },
        },
        "servers": [{ "url": format!("http://{}", config.http.listen) }],
        "tags": apis.iter().map(|served| tag(served.api)).collect::<Value>(),
        "paths": paths,
        "components": { "schemas": schemas, "responses": responses, "securitySchemes": keys },
    })
}

/// Both languages, one paragraph each.
fn both(english: &str, chinese: &str) -> String {
    format!("{english}\n\n{chinese}")
}

fn tag(api: &Api) -> Value {
    json!({ "name": api.name, "description": format!("**{}**\n\n{}", api.title, both(api.says, api.zh)) })
}

fn scheme(key: &Key) -> Value {
    let description = both(key.says, key.zh);
    match key.place {
        Place::Bearer => json!({ "type": "http", "scheme": "bearer", "description": description }),
        Place::Header(name) => json!({ "type": "apiKey", "in": "header", "name": name, "description": description }),
        Place::Query(name) => json!({ "type": "apiKey", "in": "query", "name": name, "description": description }),
    }
}

/// The statuses of an API's failures, in their order.
fn statuses(api: &Api) -> Vec<u16> {
    let mut statuses: Vec<u16> = api.faults.iter().flat_map(|fault: &Fault| fault.statuses).copied().collect();
    statuses.sort_unstable();
    statuses.dedup();
    statuses
}

/// The calls by path and method: more than one where the query says which is meant.
fn grouped(calls: &[&'static About]) -> Vec<(&'static str, Method, Vec<&'static About>)> {
    let mut groups: Vec<(&'static str, Method, Vec<&'static About>)> = Vec::new();
    for call in calls {
        for method in call.methods {
            match groups.iter_mut().find(|(path, known, _)| *path == call.path && known == method) {
                Some((_, _, group)) => group.push(call),
                None => groups.push((call.path, *method, vec![call])),
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every place in a description that refers to another one.
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn each_call_stands_there_once_and_each_reference_leads_somewhere() {
        let config = everything();
        let document = document(&config, None);
        let mut ids = Vec::new();
        for item in document["paths"].as_object().unwrap().values() {
            for operation in item.as_object().unwrap().values() {
                ids.push(operation["operationId"].as_str().unwrap());
            }
        }
        // Three calls of Xuanxuan share two operations.
        let methods = dialects::calls(&config).iter().map(|(_, about)| about.methods.len()).sum::<usize>();
        assert_eq!(ids.len(), methods - 4);
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), methods - 4, "an id stands there twice");
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 500);
        for reference in found {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
    }

    #[test]
    fn one_api_alone_has_its_calls_behind_its_prefix() {
        let mut config = everything();
        config.maxleap.prefix = "/im".into();
        let document = document(&config, Some("maxleap"));
        let paths = document["paths"].as_object().unwrap();
        assert!(paths.keys().all(|path| path.starts_with("/im/")) && paths.contains_key("/im/ctx/{user}"));
        assert_eq!(document["tags"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn every_code_of_every_api_is_there() {
        let codes = |api: &Api| api.faults.iter().map(|fault| fault.code).collect::<Vec<_>>();
        assert_eq!(codes(&dialects::qtalk::about::API), (1..=23).collect::<Vec<_>>());
        assert_eq!(codes(&dialects::maxleap::about::API), (5001..=5012).collect::<Vec<_>>());
    }
}
