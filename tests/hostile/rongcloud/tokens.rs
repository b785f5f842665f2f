//! Tokens that are forged, out of time, of others, of nobody: none of them is anybody's.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::stage::{Gateway, NULL, address, any, call, group, of, refused, stage};
use crate::on_oldest_and_newest;
use crate::support::gateways::{Gateways, nothing};
use crate::support::{Account, Client, Server, account, fresh};

on_oldest_and_newest!(
    nobody_else_gets_in,
    a_deleted_user_is_out,
    a_token_goes_with_its_account,
    what_is_for_xmpp_is_for_nothing_else,
);

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs()
}

fn made(key: &str, header: &Header, claims: &Value) -> String {
    jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(key.as_bytes())).expect("a token")
}

fn part(value: Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// Tokens for `user` that are none.
fn forgeries(gateway: &Gateway, user: &str) -> Vec<(&'static str, String)> {
    let (kid, key) = gateway.rongcloud_key();
    let header = |alg| Header { kid: Some(kid.to_owned()), ..Header::new(alg) };
    let usual = header(Algorithm::HS256);
    let good = json!({"sub": user, "exp": now() + 3600});
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        made(key, &usual, &claims)
    };
    let right = made(key, &usual, &good);
    let [head, claims, signature] = right.split('.').collect::<Vec<_>>().try_into().expect("three parts");
    let none = |alg: &str| part(json!({"alg": alg, "typ": "JWT", "kid": kid}));
    let local = user.split('@').next().expect("a localpart");
    let mut flipped = right.clone().into_bytes();
    let middle = flipped.len() - 10;
    flipped[middle] = if flipped[middle] == b'A' { b'B' } else { b'A' };
    vec![
        ("other key", made("another key of thirty-two letters, or more", &usual, &good)),
        ("flipped", String::from_utf8(flipped).expect("text")),
        ("other claims", format!("{head}.{}.{signature}", part(json!({"sub": user, "exp": now() + 9999})))),
        ("no signature", format!("{head}.{claims}.")),
        ("two parts", format!("{head}.{claims}")),
        ("four parts", format!("{right}.{signature}")),
        ("none", format!("{}.{claims}.", none("none"))),
        ("None", format!("{}.{claims}.", none("None"))),
        ("none, signed", format!("{}.{claims}.{signature}", none("none"))),
        ("no algorithm", format!("{}.{claims}.{signature}", part(json!({"kid": kid})))),
        ("HS512", made(key, &header(Algorithm::HS512), &good)),
        ("HS384", made(key, &header(Algorithm::HS384), &good)),
        ("RS256", format!("{}.{claims}.{signature}", none("RS256"))),
        ("unknown kid", made(key, &Header { kid: Some("another".into()), ..Header::new(Algorithm::HS256) }, &good)),
        ("path as kid", made(key, &Header { kid: Some("../../dev/null".into()), ..usual.clone() }, &good)),
        ("expired", with("exp", json!(now() - 60))),
        ("exp 0", with("exp", json!(0))),
        ("exp negative", with("exp", json!(-1))),
        ("exp text", with("exp", json!("never"))),
        ("exp null", with("exp", NULL)),
        ("nbf", with("nbf", json!(now() + 600))),
        ("other domain", with("sub", json!(format!("{local}@example.com")))),
        ("subdomain", with("sub", json!(format!("{local}@conference.example.org")))),
        ("the component", with("sub", json!("gw.example.org"))),
        ("the domain", with("sub", json!("example.org"))),
        ("resource", with("sub", json!(format!("{user}/phone")))),
        ("localpart", with("sub", json!(local))),
        ("empty", with("sub", json!(""))),
        ("list", with("sub", json!([user]))),
        ("number", with("sub", json!(1))),
        ("null", with("sub", NULL)),
        ("NUL", with("sub", json!(format!("{user}\u{0}")))),
        ("padded", format!("{right}=")),
        ("long", "a".repeat(8_000)),
        ("dots", "..".into()),
        ("JSON", good.to_string().replace(' ', "")),
        ("40 hex", "11eb2b41ead9af78cd4c0b9375cb893ed2004d1e".into()),
    ]
}

async fn nobody_else_gets_in(server: Server) {
    let (rig, stage) = (Gateways::rig(server), stage(server).await);
    let gateway = &stage.gateway;
    let user = account(rig, "alice");
    let id = group(gateway, &user, "1234").await;
    let ask = async |method, path: &str, header: &[u8], from: &str| {
        let value = reqwest::header::HeaderValue::from_bytes(header).expect("a header");
        let build = |request: reqwest::RequestBuilder| {
            request.header("x-forwarded-for", from).header("authorization", value).header("accept-language", "en")
        };
        any(gateway, method, path, build).await
    };
    for (n, (what, token)) in forgeries(gateway, &user.jid).into_iter().enumerate() {
        let from = address();
        let header = format!("Token {token}");
        for path in ["/api/im/group/", "/api/im/token", &of(id, "users"), &format!("/api/im/retrieve/{id}/")] {
            let reply = ask(Method::GET, path, header.as_bytes(), &from).await;
            refused(what, &reply, &[403]);
            assert_eq!(reply.json["detail"], "Invalid token.", "{what} {path}");
        }
        let endpoint = ["dismiss", "quit"][n % 2];
        refused(what, &ask(Method::GET, &of(id, endpoint), header.as_bytes(), &from).await, &[403]);
    }
    let from = address();
    let token = gateway.rongcloud_token(&user.jid);
    for (header, text) in [
        (b"Token".to_vec(), "Invalid token header. No credentials provided."),
        (b"Token  ".to_vec(), "Invalid token header. No credentials provided."),
        (
            format!("Token {token} {token}").into_bytes(),
            "Invalid token header. Token string should not contain spaces.",
        ),
        (b"Token \xff\xfe".to_vec(), "Invalid token."),
        (format!("Basic {token}").into_bytes(), "Authentication credentials were not provided."),
        (token.clone().into_bytes(), "Authentication credentials were not provided."),
        (Vec::new(), "Authentication credentials were not provided."),
        (b"Token ".iter().chain([b'a'; 20_000].iter()).copied().collect(), "Invalid token."),
    ] {
        let reply = ask(Method::GET, "/api/im/group/", &header, &from).await;
        refused(text, &reply, &[403]);
        assert_eq!(reply.json["detail"], text);
    }
    for header in [format!("token {token}"), format!("TOKEN   {token}"), format!("bearer {token}")] {
        let listed = ask(Method::GET, "/api/im/group/", header.as_bytes(), &from).await.expect_json(200);
        assert_eq!(listed["results"][0]["id"], id, "{listed}");
    }
    assert_eq!(stage.rooms_of(&user).await.into_iter().collect::<Vec<_>>(), [id.to_string()]);
}

async fn a_deleted_user_is_out(server: Server) {
    let (rig, stage) = (Gateways::rig(server), stage(server).await);
    // Otherwise it is so once the gateway asks again.
    let gateway = &stage.another(server, nothing(), |config| config.server.cache_seconds = 0).await;
    let (owner, gone) = (account(rig, "alice"), account(rig, "bob"));
    let id = group(gateway, &owner, "1234").await;
    let code = json!({"code": "1234"});
    call(gateway, &gone.jid, Method::POST, &of(id, "invite"), &code).await.expect_json(200);
    let shown = call(gateway, &gone.jid, Method::GET, &format!("/api/im/retrieve/{id}/"), &NULL).await.expect_json(200);
    assert_eq!(shown["code"], "1234");
    stage.delete(&gone).await;
    let never = format!("{}@example.org", fresh("nobody"));
    for user in [&gone.jid, &never] {
        for (method, path, body) in [
            (Method::GET, "/api/im/group/".to_owned(), NULL),
            (Method::POST, "/api/im/group/".to_owned(), json!({"name": "late"})),
            (Method::GET, "/api/im/token/".to_owned(), NULL),
            (Method::GET, of(id, "users"), NULL),
            (Method::GET, of(id, "quit"), NULL),
            (Method::GET, of(id, "dismiss"), NULL),
            (Method::POST, of(id, "join"), json!({"userid": 1})),
            (Method::POST, of(id, "invite"), code.clone()),
            (Method::GET, format!("/api/im/retrieve/{id}/"), NULL),
        ] {
            let reply = call(gateway, user, method, &path, &body).await;
            refused(&path, &reply, &[403]);
            assert_eq!(reply.json["detail"], "用户未激活或者已删除。", "{path}");
        }
    }
    assert_eq!(stage.rooms_of(&owner).await.len(), 1);
}

/// Whoever gets the name next is somebody else, whichever way the account went.
async fn a_token_goes_with_its_account(server: Server) {
    let (rig, stage) = (Gateways::rig(server), stage(server).await);
    // Otherwise it is so once the gateway asks again.
    let gateway = &stage.another(server, nothing(), |config| config.server.cache_seconds = 0).await;
    let mut user = account(rig, "alice");
    let log_in = async |user: &Account| {
        let body = json!({"username": user.name, "password": user.password});
        let reply = any(gateway, Method::POST, "/api/auth/login/", |request| {
            request.header("x-forwarded-for", address()).json(&body)
        });
        reply.await.expect_json(200)["key"].as_str().expect("a token").to_owned()
    };
    // As the organisation's own back end signs them.
    let signed = |issued: u64| {
        let (kid, key) = gateway.rongcloud_key();
        let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::HS256) };
        made(key, &header, &json!({"sub": user.jid, "iat": issued, "exp": now() + 3600}))
    };
    let calls = async |token: &str| {
        let mut said = Vec::new();
        for path in ["/api/im/group/", "/api/im/token/", "/api/im/retrieve/1/"] {
            let build = |request: RequestBuilder| {
                let request = request.header("x-forwarded-for", address()).header("accept-language", "en");
                request.header("authorization", format!("Token {token}"))
            };
            let reply = any(gateway, Method::GET, path, build).await;
            said.push((reply.status.as_u16(), reply.json["detail"].as_str().unwrap_or_default().to_owned()));
        }
        said
    };
    let is_in = async |token: &str| calls(token).await.iter().all(|(status, _)| *status != 403);
    let is_out = async |token: &str| {
        let said = calls(token).await;
        assert!(said.iter().all(|(status, text)| *status == 403 && text == "Invalid token."), "{said:?}");
    };

    let (foreign, nameless) = (signed(now() - 100), gateway.rongcloud_token(&user.jid));
    let mut tokens = vec![log_in(&user).await, log_in(&user).await, foreign, nameless];
    for token in &tokens {
        assert!(is_in(token).await);
    }
    for by_gateway in [true, false] {
        if by_gateway {
            stage.delete(&user).await;
        } else {
            rig.unregister(&user.name).expect("a deletion");
        }
        user.password = rig.register(&user.name).expect("an account");
        for token in &tokens {
            is_out(token).await;
        }
        // Those of the next one, by password or by the back end.
        let (own, foreign) = (log_in(&user).await, signed(now()));
        assert!(is_in(&own).await && is_in(&foreign).await);
        tokens.push(own);
        // What the back end signed a moment before cannot be told from what it signed a moment after.
        tokio::time::sleep(Duration::from_secs(6)).await;
        tokens.push(foreign);
    }
    // A name that was never seen: of its tokens nobody knows which account they are for.
    let other = account(rig, "bob");
    let (kid, key) = gateway.rongcloud_key();
    let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::HS256) };
    let named = |mark: &str| json!({"sub": other.jid, "exp": now() + 60, "urn:stanzagate:account": mark});
    assert!(is_in(&made(key, &header, &json!({"sub": other.jid, "iat": 1, "exp": now() + 60}))).await);
    is_out(&made(key, &header, &named("another"))).await;
    is_out(&made(key, &header, &named(""))).await;
    // Nobody but the user is told of the mark.
    let stranger = Client::login(rig, &user).await;
    let asked = format!(
        "<iq xmlns='jabber:client' type='get' to='{}'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:stanzagate:account:0'/>\
         </pubsub></iq>",
        other.jid
    );
    assert_eq!(stranger.iq(asked.parse().expect("XML")).await.attr("type"), Some("error"));
}

async fn what_is_for_xmpp_is_for_nothing_else(server: Server) {
    let (rig, stage) = (Gateways::rig(server), stage(server).await);
    let gateway = &stage.gateway;
    let user = account(rig, "alice");
    let token = gateway.rongcloud_token(&user.jid);
    let handed = call(gateway, &user.jid, Method::GET, "/api/im/token/", &NULL).await;
    if let Some(key) = handed.json["key"].as_str() {
        let from = address();
        let reply = any(gateway, Method::GET, "/api/im/group/", |request| {
            request.header("x-forwarded-for", from).header("authorization", format!("Token {key}"))
        });
        refused("a realtime key", &reply.await, &[403]);
        let login = json!({"username": user.name, "password": key});
        let reply = any(gateway, Method::POST, "/api/auth/login/", |request| {
            request.header("x-forwarded-for", address()).json(&login)
        });
        refused("a realtime key as a password", &reply.await, &[400]);
    } else {
        refused("a server that hands out no keys", &handed, &[502]);
    }
    assert!(Client::try_connect(rig, &user.name, &token, None).await.is_err(), "an API token logs in to XMPP");
    let login = json!({"username": user.name, "password": token});
    let reply = any(gateway, Method::POST, "/api/auth/login/", |request| {
        request.header("x-forwarded-for", address()).json(&login)
    });
    refused("a token as a password", &reply.await, &[400]);
}
