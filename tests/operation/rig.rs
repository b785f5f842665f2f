//! The rig itself, on real servers: clients talk, a restart keeps what was there, the end leaves nothing.

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;
use stanzagate::config::sessions::Grant;

use crate::on_all_servers;
use crate::support::element::{body, child, says, show};
use crate::support::{Client, LoginError, Server, account, fresh, stanza};

on_all_servers!(
    is_the_generation_it_is_named_for,
    delivers_a_message_between_two_clients,
    tells_a_wrong_password,
    keeps_rooms_and_archives,
    survives_restarts_and_cleans_up,
    grants_sessions_and_nothing_else,
);

async fn is_the_generation_it_is_named_for(server: Server) {
    let rig = server.shared();
    let user = Client::login(rig, &account(rig, "user")).await;
    let query = "<query xmlns='jabber:iq:version'/>";
    let reply = user.iq(stanza(&format!("<iq type='get' to='{}'>{query}</iq>", rig.domain()))).await;
    let query = child(&reply, "query").expect("an answer to the version query");
    let version = child(query, "version").expect("a version").text();
    let expected = match server {
        Server::Ejabberd23 => "23.",
        Server::Prosody012 => "0.12",
        Server::Ejabberd24 => "24.",
        Server::Prosody13 | Server::Prosody136 => "13.0.",
        Server::Ejabberd26 => "26.",
    };
    assert!(version.starts_with(expected), "{version}");
    if server == Server::Prosody136 {
        let patch = version[expected.len()..].split(|c: char| !c.is_ascii_digit()).next().expect("a number");
        assert!(patch.parse::<u32>().expect("a number") >= 6, "{version}");
    }
}

async fn delivers_a_message_between_two_clients(server: Server) {
    let rig = server.shared();
    let (alice, bob) = (account(rig, "alice"), account(rig, "bob"));
    let (alice, bob) = (Client::login(rig, &alice).await, Client::login(rig, &bob).await);
    let secret = fresh("hello");
    alice.send(stanza(&format!("<message to='{}' type='chat'><body>{secret}</body></message>", bob.bare())));
    let message = bob.wait_for("the message", says(&secret)).await;
    assert_eq!(message.attr("from"), Some(alice.jid()));
    bob.expect_none("it twice", Duration::from_millis(100), says(&secret)).await;
    alice.close().await;
    bob.close().await;
}

async fn tells_a_wrong_password(server: Server) {
    let rig = server.shared();
    let user = account(rig, "user");
    match Client::try_connect(rig, &user.name, "wrong", None).await {
        Err(LoginError::Refused(_)) => {}
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("logged in with a wrong password"),
    }
    Client::connect(rig, &user, Some("phone")).await.close().await;
}

async fn keeps_rooms_and_archives(server: Server) {
    let rig = server.shared();
    let (alice, bob) = (account(rig, "alice"), account(rig, "bob"));
    let (alice, bob) = (Client::login(rig, &alice).await, Client::login(rig, &bob).await);
    let room = format!("{}@{}", fresh("room"), rig.rooms());
    alice.make_room(&room, "Alice").await;
    bob.join(&room, "Bob").await.unwrap_or_else(|error| panic!("{}", show(&error)));
    alice.send(stanza(&format!("<message to='{room}' type='groupchat'><body>in the room</body></message>")));
    bob.wait_for("the room's message", says("in the room")).await;
    let archive = bob.mam(Some(&room)).await;
    assert_eq!(archive.iter().filter_map(body).collect::<Vec<_>>(), ["in the room"]);

    alice.send(stanza(&format!("<message to='{}' type='chat'><body>just us</body></message>", bob.bare())));
    bob.wait_for("the message", says("just us")).await;
    assert_eq!(bob.mam(None).await.iter().filter_map(body).collect::<Vec<_>>(), ["just us"]);
    assert_eq!(bob.bookmarks().await, []);
}

async fn survives_restarts_and_cleans_up(server: Server) {
    let rig = server.start(Grant::Oauth);
    let carol = crate::support::Account {
        name: "carol".to_owned(),
        password: rig.users()["carol"].clone(),
        jid: format!("carol@{}", rig.domain()),
    };
    Client::login(&rig, &carol).await.close().await;
    let (before, address) = (rig.pid(), rig.c2s_addr());
    rig.stop_server().expect("the server stops");
    assert_eq!(rig.pid(), None);
    rig.start_server().expect("the server starts again");
    assert_ne!(rig.pid(), before);
    assert_eq!(rig.c2s_addr(), address);
    Client::login(&rig, &carol).await.close().await;
    rig.kill_server().expect("the server ends");
    rig.start_server().expect("the server starts after a crash");
    Client::login(&rig, &carol).await.close().await;

    let dir = rig.dir().to_owned();
    assert!(dir.exists());
    rig.stop().expect("the rig stops");
    assert!(!dir.exists());
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

/// The two grants of `config/ejabberd.yml`. Prosody has none to give, and its configuration opens no HTTP port.
async fn grants_sessions_and_nothing_else(server: Server) {
    let rig = server.shared();
    let Some(api) = rig.http_api() else {
        assert!(!server.is_ejabberd());
        return;
    };
    let post = |command: &'static str, body: serde_json::Value| {
        let url = format!("{api}/{command}");
        async move { reqwest::Client::new().post(url).json(&body).send().await.expect("an answer of the API") }
    };
    let scopes = if server == Server::Ejabberd23 { json!("sasl_auth") } else { json!(["sasl_auth"]) };
    let user = account(rig, "user");
    let answer = post("oauth_issue_token", json!({"jid": user.jid, "ttl": 60, "scopes": scopes})).await;
    assert_eq!(answer.status(), 200);
    assert!(answer.json::<serde_json::Value>().await.expect("JSON")["token"].is_string());
    for (command, body) in [
        ("check_account", json!({"user": user.name, "host": rig.domain()})),
        ("unregister", json!({"user": user.name, "host": rig.domain()})),
        ("stop", json!({})),
    ] {
        assert_ne!(post(command, body).await.status(), 200, "{command} is allowed");
    }
    Client::login(rig, &user).await.close().await;

    let rig = server.start(Grant::Jwt);
    let Some(key) = rig.gateway_config().sessions.jwt_key else { panic!("no key in the configuration") };
    let key = EncodingKey::from_secret(key.expose().as_bytes());
    let expires = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("a clock").as_secs() + 60;
    let claims = json!({"sub": "dave@example.org", "exp": expires});
    let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).expect("a token");
    match Client::try_connect(&rig, "dave", &token, None).await {
        Ok(client) => client.close().await,
        Err(error) => panic!("{error:?}"),
    }
    assert!(Client::try_connect(&rig, "carol", &token, None).await.is_err(), "dave's token opens carol's session");
}
