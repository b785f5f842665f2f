//! Nick names, photos and auth_uk on real servers.

use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use stanzagate::config::secret::Secret;
use stanzagate::dev::Rig;
use tokio::sync::OnceCell;

use crate::on_oldest_and_newest;
use crate::support::element::{child, show};
use crate::support::{Account, Client, Gateway, Reply, Server, Servers, account, fresh, stanza};

on_oldest_and_newest!(
    tells_nick_names,
    serves_photos,
    serves_no_other_media,
    takes_passwords,
    takes_tokens_it_issued,
    slows_down_guessing,
);

const KEY: &str = "a key that signs tokens for auth_uk";
/// One transparent pixel.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// The servers of these tests: their gateway is configured in its own way.
fn rig(server: Server) -> &'static Rig {
    static SERVERS: Servers = Servers::new();
    SERVERS.get(server)
}

/// A gateway that issues tokens, shared by this file's tests.
async fn gateway(server: Server) -> &'static Gateway {
    static GATEWAYS: [OnceCell<Gateway>; Server::COUNT] = [const { OnceCell::const_new() }; Server::COUNT];
    logs();
    let start = || {
        Gateway::start(rig(server), |config| {
            config.qtalk.uk_secret = Some(Secret::new(KEY));
            // What the server itself deletes is otherwise gone once the gateway asks again.
            config.server.cache_seconds = 0;
        })
    };
    GATEWAYS[server as usize].get_or_init(start).await
}

#[derive(Clone, Default)]
struct Logs(Arc<Mutex<Vec<u8>>>);

impl Write for Logs {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("the log").extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// All that the gateway logs, at the finest level it has.
fn logs() -> &'static Logs {
    static LOGS: OnceLock<Logs> = OnceLock::new();
    LOGS.get_or_init(|| {
        let logs = Logs::default();
        let writer = logs.clone();
        let filter = "stanzagate=trace,info";
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || writer.clone()).init();
        logs
    })
}

async fn nick(gateway: &Gateway, user: &str) -> Reply {
    gateway.post("/qtalk/get_user_nick", &json!({"ID": user, "Domain": "example.org"})).await
}

async fn tells_nick_names(server: Server) {
    let (rig, gateway) = (rig(server), gateway(server).await);
    let alice = account(rig, "alice");
    let reply = nick(gateway, &alice.name).await;
    let body =
        |nick: &str| format!(r#"{{"ret":true,"errcode":0,"errmsg":"","data":{{"Nick":"{nick}","Vcard":null}}}}"#);
    assert_eq!(reply.text, body(&alice.name));
    let client = Client::login(rig, &alice).await;
    client.set_vcard("<FN>Alice Adams</FN>").await;
    assert_eq!(nick(gateway, &alice.name).await.text, body("Alice Adams"));
    client.set_vcard("<FN>Alice Adams</FN><NICKNAME>测试 &lt;b&gt;</NICKNAME>").await;
    assert_eq!(nick(gateway, &alice.name.to_uppercase()).await.text, body("测试 <b>"));

    nick(gateway, &fresh("nobody")).await.expect_failure(2);
    nick(gateway, "").await.expect_failure(1);
    nick(gateway, "a@b").await.expect_failure(10);
    let foreign = json!({"ID": alice.name, "Domain": "evil.example"});
    gateway.post("/qtalk/get_user_nick", &foreign).await.expect_failure(10);
}

fn photo(media_type: &str, bytes: &[u8]) -> String {
    format!("<PHOTO><TYPE>{media_type}</TYPE><BINVAL>{}</BINVAL></PHOTO>", STANDARD.encode(bytes))
}

async fn photo_url(gateway: &Gateway, user: &Account) -> Option<String> {
    let reply = nick(gateway, &user.name).await.expect_success();
    reply.json["data"]["Vcard"].as_str().map(str::to_owned)
}

async fn serves_photos(server: Server) {
    let (rig, gateway) = (rig(server), gateway(server).await);
    let alice = account(rig, "alice");
    let client = Client::login(rig, &alice).await;
    let png = STANDARD.decode(PNG).expect("base64");
    client.set_vcard(&photo("image/png", &png)).await;
    let url = photo_url(gateway, &alice).await.expect("a URL");
    let path = url.strip_prefix(gateway.url()).expect("the gateway's own URL").to_owned();
    let response = reqwest::get(&url).await.expect("an answer");
    assert_eq!(response.status(), 200);
    let headers = response.headers().clone();
    assert_eq!(headers["content-type"], "image/png");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(response.bytes().await.expect("bytes"), png);

    let (start, hash) = path.rsplit_once('/').expect("a path");
    let other: String = hash.chars().rev().collect();
    for wrong in [other.as_str(), &hash[1..], &hash.to_uppercase()] {
        assert_eq!(gateway.get(&format!("{start}/{wrong}")).await.status, 404, "{wrong}");
    }
    let elsewhere = path.replace(&alice.name, &account(rig, "bob").name);
    assert_eq!(gateway.get(&elsewhere).await.status, 404);
    assert_eq!(gateway.get(&path.replace(&alice.name, "nobody1")).await.status, 404);

    client
        .set_vcard("<NICKNAME>x</NICKNAME><PHOTO><EXTVAL>https://example.org/a.jpg?b=1&amp;c=2</EXTVAL></PHOTO>")
        .await;
    // Prosody stores profiles as vCard4 and loses the URL when it turns them back.
    match photo_url(gateway, &alice).await {
        Some(url) => assert_eq!(url, "https://example.org/a.jpg?b=1&c=2"),
        None => assert!(!server.is_ejabberd()),
    }
    for url in
        ["javascript:alert(1)", "data:image/png;base64,AAAA", "file:///etc/passwd", "//example.org/a.jpg", "a.jpg"]
    {
        client.set_vcard(&format!("<NICKNAME>{url}</NICKNAME><PHOTO><EXTVAL>{url}</EXTVAL></PHOTO>")).await;
        let reply = nick(gateway, &alice.name).await.expect_success();
        assert_eq!(reply.json["data"], json!({"Nick": url, "Vcard": null}));
    }
}

/// What a vCard calls an image need not be one.
async fn serves_no_other_media(server: Server) {
    let (rig, gateway) = (rig(server), gateway(server).await);
    let alice = account(rig, "alice");
    let client = Client::login(rig, &alice).await;
    let png = STANDARD.decode(PNG).expect("base64");
    client.set_vcard(&photo("image/png", &png)).await;
    let old = photo_url(gateway, &alice).await.expect("a URL");
    for (media_type, content) in [
        ("image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("image/png", "<html><script>alert(1)</script></html>"),
        ("text/html", "<html/>"),
    ] {
        client.set_vcard(&photo(media_type, content.as_bytes())).await;
        assert_eq!(photo_url(gateway, &alice).await, None, "{media_type}");
        // A link to what is no longer there leads nowhere.
        assert_eq!(reqwest::get(&old).await.expect("an answer").status(), 404);
    }
}

async fn auth_uk(gateway: &Gateway, user: &str, key: &str, post: bool) -> Reply {
    let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let path = format!("/qtalk/auth_uk?u={}&k={}", encoded(user), encoded(key));
    if post { gateway.post_raw(&path, "").await } else { gateway.get(&path).await }
}

async fn takes_passwords(server: Server) {
    let (rig, gateway) = (rig(server), gateway(server).await);
    let (alice, bob) = (account(rig, "alice"), account(rig, "bob"));
    for post in [true, false] {
        for user in [&alice.name, &alice.jid, &alice.name.to_uppercase()] {
            let reply = auth_uk(gateway, user, &alice.password, post).await;
            assert_eq!(reply.text, r#"{"ret":true,"errcode":0,"errmsg":"success"}"#);
        }
        auth_uk(gateway, &alice.name, "a wrong password", post).await.expect_failure(16);
        auth_uk(gateway, &alice.name, &bob.password, post).await.expect_failure(16);
    }
    let nobody = fresh("nobody");
    for (user, key) in [
        (nobody.as_str(), alice.password.as_str()),
        (&alice.name, ""),
        ("", &alice.password),
        (&format!("{}@evil.example", alice.name), &alice.password),
        (&alice.name, &format!("{}\0{}", alice.password, alice.password)),
        (&format!("{}\0x", alice.name), &alice.password),
    ] {
        auth_uk(gateway, user, key, false).await.expect_failure(16);
    }
    let plain = STANDARD.encode(format!("\0{}\0{}", alice.name, alice.password));
    let logged = String::from_utf8_lossy(&logs().0.lock().expect("the log")).into_owned();
    assert!(logged.contains("listening"), "nothing is logged");
    for secret in [alice.password.as_str(), &plain, "a wrong password", "%61%20%77", KEY] {
        assert!(!logged.contains(secret), "a secret is in the log");
    }
}

async fn takes_tokens_it_issued(server: Server) {
    let (rig, gateway) = (rig(server), gateway(server).await);
    let (alice, bob) = (account(rig, "alice"), account(rig, "bob"));
    let client = Client::login(rig, &alice).await;
    let request = "<iq type='get' to='gw.example.org'><key xmlns='urn:xmpp:key'/></iq>";
    let reply = client.iq(stanza(request)).await;
    let token = child(&reply, "key").and_then(|key| key.attr("value")).unwrap_or_else(|| panic!("{}", show(&reply)));
    auth_uk(gateway, &alice.name, token, false).await.expect_success();
    auth_uk(gateway, &alice.jid, token, true).await.expect_success();
    auth_uk(gateway, &bob.name, token, false).await.expect_failure(16);
    auth_uk(gateway, &alice.name, &token[..token.len() - 1], false).await.expect_failure(16);

    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("a clock").as_secs();
    let signed = |expires: u64, key: &str| {
        let claims: Value = json!({"sub": alice.jid, "aud": "qtalk-uk", "exp": expires});
        let key = EncodingKey::from_secret(key.as_bytes());
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).expect("a token")
    };
    auth_uk(gateway, &alice.name, &signed(now + 60, KEY), false).await.expect_success();
    auth_uk(gateway, &alice.name, &signed(now - 2, KEY), false).await.expect_failure(16);
    auth_uk(gateway, &alice.name, &signed(now + 60, "another key, as long"), false).await.expect_failure(16);

    // Whoever gets the name next is somebody else.
    drop(client);
    rig.unregister(&alice.name).expect("a deletion");
    auth_uk(gateway, &alice.name, token, false).await.expect_failure(16);
    rig.register(&alice.name).expect("an account");
    auth_uk(gateway, &alice.name, token, false).await.expect_failure(16);
}

async fn slows_down_guessing(server: Server) {
    let (rig, gateway) = (rig(server), gateway(server).await);
    let (alice, bob) = (account(rig, "alice"), account(rig, "bob"));
    for n in 0..10 {
        auth_uk(gateway, &alice.name, &format!("guess {n}"), false).await.expect_failure(16);
    }
    let reply = auth_uk(gateway, &alice.jid, &alice.password, true).await;
    assert_eq!(reply.status, 429, "{}", reply.text);
    assert_eq!((reply.ret(), reply.errcode()), (false, 19));
    let wait: u64 = reply.headers["retry-after"].to_str().expect("text").parse().expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    auth_uk(gateway, &bob.name, &bob.password, false).await.expect_success();
}
