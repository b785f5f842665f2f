//! Who may call: keys, their domains, networks, proxies. One server is enough: none of this depends on it.

use serde_json::json;
use stanzagate::app;
use stanzagate::config::access::{Auth, Key};
use stanzagate::config::secret::Secret;
use stanzagate::config::sessions::Grant;
use stanzagate::dev::Rig;

use super::attack::{Gateway, Judge, Reply};
use crate::support::Server;

const KEY: &str = "key-of-the-crm-0123456789";
const LIMITED: &str = "key-of-the-erp-0123456789";
const BODY: &str = "<message type='chat'><body>x</body></message>";

fn key(name: &str, key: &str, domains: &[&str]) -> Key {
    let domains = domains.iter().map(|domain| (*domain).to_owned()).collect();
    Key { name: name.into(), key: Secret::new(key), domains, requests_per_second: None }
}

async fn send(gateway: &Gateway, headers: &[(&str, &str)]) -> Reply {
    let body = json!({"from": "alice@example.org", "to": "bob@example.org", "message": BODY}).to_string();
    let asked = gateway.request(|http, url| {
        let request = http.post(format!("{url}/qtalk/send_thirdmessage")).body(body);
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
    });
    asked.await.shaped("send_thirdmessage")
}

async fn rig() -> Rig {
    tokio::task::spawn_blocking(|| Server::Prosody012.start(Grant::None)).await.expect("a server")
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_admit_their_callers_and_nobody_else() {
    let rig = rig().await;
    let gateway = Gateway::start(&rig, |config| {
        config.server.domains = vec!["other.example".into()];
        config.qtalk.auth = Auth::Key;
        config.qtalk.keys = vec![key("crm", KEY, &[]), key("erp", LIMITED, &["other.example"])];
    })
    .await;
    let bearer = format!("Bearer {KEY}");
    for right in [("authorization", bearer.as_str()), ("x-api-key", KEY), ("authorization", &bearer.replace("B", "b"))]
    {
        send(&gateway, &[right]).await.expect_success();
    }
    let wrong = [
        vec![],
        vec![("x-api-key", "")],
        vec![("x-api-key", "key-of-the-crm-012345678")],
        vec![("x-api-key", "KEY-OF-THE-CRM-0123456789")],
        vec![("authorization", KEY)],
        vec![("authorization", "Bearer")],
        vec![("authorization", "Bearer  ")],
        vec![("authorization", "Basic a2V5LW9mLXRoZS1jcm0tMDEyMzQ1Njc4OTo=")],
        // A wrong Authorization is not made good by the other header.
        vec![("authorization", "Bearer wrong"), ("x-api-key", KEY)],
    ];
    for headers in wrong {
        let reply = send(&gateway, &headers).await;
        assert_eq!((reply.status.as_u16(), reply.errcode()), (401, 17), "{headers:?}: {}", reply.text);
        assert!(!reply.text.contains("bob") && reply.headers.contains_key("www-authenticate"), "{}", reply.text);
    }
    send(&gateway, &[("x-api-key", LIMITED)]).await.refused("a key of another domain", &[15]);
    for (endpoint, body) in [
        ("send_notify", json!({"from": "alice@example.org", "to": "bob@example.org", "category": "1", "data": ""})),
        ("send_message", json!({"From": "alice", "To": [{"User": "bob"}], "Body": "x"})),
        ("create_muc", json!({"muc_id": "limited", "muc_owner": "alice", "muc_domain": rig.rooms()})),
        (
            "add_muc_user",
            json!({"muc_id": "limited", "muc_owner": "alice", "muc_domain": rig.rooms(), "muc_member": ["bob"]}),
        ),
        (
            "del_muc_user",
            json!({"muc_id": "limited", "muc_owner": "alice", "muc_domain": rig.rooms(), "muc_member": ["bob"]}),
        ),
        ("destroy_muc", json!({"muc_id": "limited", "muc_owner": "alice", "muc_domain": rig.rooms()})),
        ("clear_staff", json!({"users": ["bob"], "host": "EXAMPLE.org"})),
        ("muc_users", json!({"muc_id": "limited", "muc_domain": rig.rooms()})),
        ("get_user_nick", json!({"ID": "alice", "Domain": "example.org"})),
        ("get_user_nick", json!({"ID": "alice@EXAMPLE.org", "Domain": "other.example"})),
        ("get_user_nick", json!({"ID": "nobody1", "Domain": "example.org"})),
    ] {
        let post = |http: &reqwest::Client, url: &str| {
            http.post(format!("{url}/qtalk/{endpoint}")).header("x-api-key", LIMITED).body(body.to_string())
        };
        gateway.request(post).await.refused(endpoint, &[15]);
    }
    for user in ["alice", "alice@example.org", "nobody1"] {
        for key in [rig.users()["alice"].as_str(), "wrong"] {
            let path = format!("/qtalk/auth_uk?u={user}&k={key}");
            let ask = |http: &reqwest::Client, url: &str| http.get(format!("{url}{path}")).header("x-api-key", LIMITED);
            gateway.request(ask).await.refused("auth_uk", &[15]);
        }
    }
    let path = gateway.get("/qtalk/no_such_endpoint").await;
    assert_eq!(path.status.as_u16(), 401, "{}", path.text);
    gateway.shutdown().await;
}

/// A key of the rooms' own domain: whom it may bring in, take out and be told about.
#[tokio::test(flavor = "multi_thread")]
async fn a_limited_key_brings_in_its_own_users_only() {
    let rig = rig().await;
    let gateway = Gateway::start(&rig, |config| {
        config.server.domains = vec!["other.example".into()];
        config.qtalk.auth = Auth::Key;
        config.qtalk.keys = vec![key("crm", KEY, &[]), key("erp", LIMITED, &["EXAMPLE.org"])];
    })
    .await;
    let post = async |key: &str, endpoint: &str, body: serde_json::Value| {
        let url = format!("/qtalk/{endpoint}");
        gateway
            .request(|http, base| http.post(format!("{base}{url}")).header("x-api-key", key).body(body.to_string()))
            .await
    };
    let with = |more: serde_json::Value| {
        let mut body = json!({"muc_id": "own", "muc_domain": rig.rooms(), "muc_owner": "alice"});
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        body
    };
    post(LIMITED, "create_muc", with(json!({}))).await.expect_success();
    let foreign = with(json!({"muc_id": "foreign", "muc_owner_host": "other.example"}));
    post(LIMITED, "create_muc", foreign).await.refused("an owner of another domain", &[15]);
    let added =
        post(LIMITED, "add_muc_user", with(json!({"muc_member": ["bob", "eve@other.example", "eve@OTHER.example"]})));
    let added = added.await;
    let added = added.refused("a member of another domain", &[15]);
    assert_eq!(added.json["data"]["failed"].as_array().map(Vec::len), Some(2), "{}", added.text);
    // The same as for a user of no account, when the key covers the domain.
    let unknown = with(json!({"muc_member": ["eve@other.example"]}));
    post(KEY, "add_muc_user", unknown.clone()).await.refused("nobody", &[2, 7, 9]);
    // To take out of an own room is to change the room: it is not the key that refuses it, but the rig's server, which has no
    // such domain where a bookmark could be removed.
    post(LIMITED, "del_muc_user", unknown).await.refused("a bookmark at a domain that is not there", &[7]);
    let listed = post(LIMITED, "muc_users", with(json!({}))).await;
    assert_eq!(listed.json["data"].as_array().map(Vec::len), Some(2), "{}", listed.text);
    let nick = json!({"ID": "eve", "Domain": "other.example"});
    post(LIMITED, "get_user_nick", nick).await.refused("a nick of another domain", &[15]);
    gateway.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn proxies_are_believed_only_where_they_are_named() {
    let rig = rig().await;
    let forwarded = |address| ("x-forwarded-for", address);
    let gateway = Gateway::start(&rig, |_| {}).await;
    send(&gateway, &[]).await.expect_success();
    // A proxy in front that the gateway was not told of: the world would be "this machine".
    for header in [
        forwarded("192.0.2.1"),
        forwarded("127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("via", "1.1 proxy"),
        ("forwarded", "for=127.0.0.1"),
    ] {
        let reply = send(&gateway, &[header]).await;
        assert_eq!((reply.status.as_u16(), reply.errcode()), (403, 18), "{header:?}: {}", reply.text);
    }
    gateway.shutdown().await;

    let gateway = Gateway::start(&rig, |config| {
        config.http.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
        config.qtalk.allow = vec!["192.0.2.0/24".parse().expect("a network")];
    })
    .await;
    send(&gateway, &[forwarded("192.0.2.7")]).await.expect_success();
    send(&gateway, &[forwarded("198.51.100.1, 192.0.2.7")]).await.expect_success();
    send(&gateway, &[("x-real-ip", "192.0.2.7")]).await.expect_success();
    let refused = [
        vec![],
        vec![forwarded("198.51.100.1")],
        vec![forwarded("192.0.2.7, 198.51.100.1")],
        vec![forwarded("192.0.2.7"), forwarded("198.51.100.1")],
        vec![forwarded("192.0.2.7"), ("x-real-ip", "198.51.100.1")],
        vec![forwarded("192.0.2.7, nonsense")],
        vec![forwarded("")],
    ];
    for headers in refused {
        let reply = send(&gateway, &headers).await;
        assert_eq!((reply.status.as_u16(), reply.errcode()), (403, 18), "{headers:?}: {}", reply.text);
    }
    gateway.shutdown().await;

    for open in [vec![], vec!["0.0.0.0/0"], vec!["0.0.0.0/1", "128.0.0.0/1"], vec!["::/0"]] {
        let mut config = rig.gateway_config();
        config.http.listen = ([0, 0, 0, 0], 0).into();
        config.qtalk.allow = open.iter().map(|network| network.parse().expect("a network")).collect();
        let started = app::Gateway::start(config).await;
        let error = started.err().unwrap_or_else(|| panic!("it is open to the world with {open:?}")).to_string();
        assert!(error.contains("open to the world"), "{error}");
    }
}
