//! The rows of the APIs' calls: each is reached by its own example, counted under its own name, and whole.

use std::collections::HashSet;

use reqwest::{Client, Method};
use stanzagate::app::Gateway;
use stanzagate::config::{Config, load};
use stanzagate::dialects;
use stanzagate::dialects::api::call::{About, Location, Who};

const KEY: &str = "0123456789abcdef-key-0123456789abcdef";

/// All APIs, and an XMPP server that is not there: what is reached answers that it is not.
fn config() -> Config {
    let text = format!(
        "[server]\ndomain = \"example.org\"\n[component]\naddress = \"127.0.0.1:1\"\nname = \"gw.example.org\"\n\
         secret = \"s\"\n[http]\nlisten = \"127.0.0.1:0\"\n[[qtalk.keys]]\nname = \"crm\"\nkey = \"{KEY}\"\n\
         [maxleap]\nenabled = true\n[[maxleap.apps]]\nid = \"app\"\nkeys = [\"{KEY}\"]\n\
         [xuanxuan]\nenabled = true\n[[xuanxuan.entries]]\ncode = \"ci\"\nkey = \"{KEY}\"\n\
         [rongcloud]\nenabled = true\n[[rongcloud.keys]]\nid = \"k\"\nkey = \"{KEY}\"\n"
    );
    load::parse("gw.toml", &text, &[]).unwrap_or_else(|error| panic!("{error}"))
}

/// How many requests were counted of a call.
async fn counted(http: &Client, url: &str, api: &str, about: &About) -> u64 {
    let metrics = http.get(format!("{url}/metrics")).send().await.unwrap().text().await.unwrap();
    let (dialect, endpoint) = (format!("dialect=\"{api}\""), format!("endpoint=\"{}\"", about.name));
    let lines = metrics.lines().filter(|line| line.contains("_requests_total{"));
    let of_call = lines.filter(|line| line.contains(&dialect) && line.contains(&endpoint));
    of_call.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

#[tokio::test]
async fn each_row_is_reached_by_each_of_its_methods() {
    let config = config();
    let calls = dialects::calls(&config);
    assert_eq!(calls.len(), 12 + 53 + 3 + 11);
    let gateway = Gateway::start(config).await.unwrap_or_else(|error| panic!("{error}"));
    let (http, url) = (Client::new(), format!("http://{}", gateway.addr()));
    for (api, about) in calls {
        let path = about.example.path.replace("{domain}", "example.org");
        for method in about.methods {
            let before = counted(&http, &url, api, about).await;
            let method = Method::from_bytes(method.name().as_bytes()).unwrap();
            let body =
                about.example.body.replace("{domain}", "example.org").replace("{rooms}", "conference.example.org");
            let request = http.request(method, format!("{url}{path}"));
            let request = if body.is_empty() { request } else { request.body(body) };
            request.send().await.unwrap();
            assert_eq!(counted(&http, &url, api, about).await, before + 1, "{api} {} {path}", about.name);
        }
    }
    gateway.shutdown().await;
}

#[test]
fn a_row_says_all_that_there_is_to_say() {
    let mut names = HashSet::new();
    for (api, about) in dialects::calls(&config()) {
        let name = format!("{api}/{}", about.name);
        assert!(names.insert(name.clone()), "{name} stands there twice");
        assert!(about.says.ends_with('.') && about.says.len() > 10, "{name} does not say what it does");
        assert!(about.zh.ends_with('。'), "{name} does not say it in Chinese");
        assert!(!about.methods.is_empty() && about.path.starts_with('/') && !about.path.ends_with('/'), "{name}");
        let in_path: Vec<&str> =
            about.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        let said = about.takes.iter().filter(|parameter| parameter.location == Location::Path);
        assert_eq!(said.map(|parameter| parameter.name).collect::<Vec<_>>(), in_path, "{name}");
        assert!(about.takes.iter().all(|parameter| parameter.says.ends_with('.')), "{name}");
        assert!(about.takes.iter().all(|parameter| parameter.zh.ends_with('。')), "{name}");
        // Whatever is not open needs something of the server, and `check` has a line for it.
        assert!(about.who == Who::Anybody || !about.rights.is_empty(), "{name} needs nothing");
    }
}
