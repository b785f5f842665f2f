//! What is known of a message before it is called sent: `server.wait`, and the header X-Stanzagate-Wait.

use std::time::{Duration, Instant};

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use reqwest::Method;
use serde_json::{Value, json};
use stanzagate::config::server::Wait;
use stanzagate::config::sessions::Grant;
use stanzagate::dev::{Rig, RigOptions};

use super::room::{Room, group};
use super::{Own, SEND, archived, chat, entry, send, shown};
use crate::support::element::{body, says};
use crate::support::xuanxuan::titled;
use crate::support::{Account, Client, Gateway, Reply, Server, account, fresh, stanza};

crate::on_oldest_and_newest!(
    archived_is_found_in_the_recipients_archive,
    what_is_not_kept_is_not_waited_for,
    the_setting_holds_where_a_call_says_nothing,
    a_message_that_is_not_archived_is_of_unknown_outcome,
    a_right_that_is_missing_is_named_before_anything_is_sent,
);
crate::on_newest!(every_api_knows_the_header);

const TEXT: &str = "/qtalk/send_message";
const WAIT: &str = "x-stanzagate-wait";
const ARCHIVE_ID: &str = "x-stanzagate-archive-id";

async fn post(gateway: &Gateway, path: &str, wait: &str, body: &Value) -> Reply {
    let body = body.to_string();
    gateway.request(|http, url| http.post(format!("{url}{path}")).header(WAIT, wait).body(body)).await
}

/// The ids that an answer gives.
fn ids(reply: &Reply) -> Vec<String> {
    let ids = reply.json["data"]["archive_ids"].as_array().unwrap_or_else(|| panic!("{}", reply.text));
    ids.iter().map(|id| id.as_str().unwrap_or_else(|| panic!("{}", reply.text)).to_owned()).collect()
}

/// The id that the archive of `by` gave a message.
fn stanza_id(message: &tokio_xmpp::minidom::Element, by: &str) -> Option<String> {
    let id = |el: &&tokio_xmpp::minidom::Element| el.name() == "stanza-id" && el.attr("by") == Some(by);
    message.children().find(id)?.attr("id").map(str::to_owned)
}

async fn archived_is_found_in_the_recipients_archive(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (alice, offline) = (account(rig, "alice"), account(rig, "carol"));
    let bob = Client::login(rig, &account(rig, "bob")).await;
    let text = fresh("archived");
    let reply = post(gateway, SEND, "archived", &entry(&alice.jid, bob.bare(), &chat(&text))).await.expect_success();
    assert_eq!(archived(&bob, None, &text).await, 1, "at once");
    let got = bob.wait_for("the message", says(&text)).await;
    let id = stanza_id(&got, bob.bare()).expect("an id of the archive");
    assert_eq!(ids(&reply), [id.as_str()]);
    assert_eq!(reply.headers[ARCHIVE_ID], id.as_str());

    // Messages that have the same id of the caller's are told apart.
    let texts = [fresh("same"), fresh("same")];
    let own = |text: &String| format!("<message id='own-1' type='chat'><body>{text}</body></message>");
    let batch: Vec<Value> = texts.iter().map(|text| entry(&alice.jid, bob.bare(), &own(text))).collect();
    let same = ids(&post(gateway, SEND, "archived", &batch.into()).await.expect_success());
    for (text, id) in texts.iter().zip(&same) {
        let got = bob.wait_for(text, says(text)).await;
        assert_eq!((got.attr("id"), stanza_id(&got, bob.bare())), (Some("own-1"), Some(id.clone())));
    }

    // A batch: in its order, also to one who is offline; a room's message has its id in the room's archive.
    let room = Room::make_with(gateway, alice.clone(), vec![]).await;
    let texts: Vec<String> = (0..40).map(|_| fresh("batch")).collect();
    let to = |n: usize| [bob.bare(), offline.jid.as_str()][n % 2];
    let mut batch: Vec<Value> =
        texts.iter().enumerate().map(|(n, text)| entry(&alice.jid, to(n), &chat(text))).collect();
    batch.push(entry(&alice.jid, &room.jid, &group("in the room")));
    let ids = ids(&post(gateway, SEND, "archived", &batch.into()).await.expect_success());
    assert_eq!(ids.len(), 41);
    for (n, text) in texts.iter().enumerate().filter(|(n, _)| n.is_multiple_of(2)) {
        let got = bob.wait_for(text, says(text)).await;
        assert_eq!(stanza_id(&got, bob.bare()).as_ref(), Some(&ids[n]), "in its place");
    }
    let carol = Client::login(rig, &offline).await;
    for text in texts.iter().skip(1).step_by(2) {
        assert_eq!(archived(&carol, None, text).await, 1);
    }

    let text = fresh("both");
    let users = json!([{"User": bob.bare()}, {"User": offline.jid}]);
    let body = json!({"From": alice.name, "To": users, "Body": text});
    let reply = post(gateway, TEXT, "archived", &body).await.expect_success();
    assert_eq!(reply.json["data"]["archive_ids"].as_array().map(Vec::len), Some(2), "{}", reply.text);
    assert!(!reply.headers.contains_key(ARCHIVE_ID));
    assert_eq!((archived(&bob, None, &text).await, archived(&carol, None, &text).await), (1, 1));

    // Other levels leave the documented body as it is.
    for wait in ["written", "routed"] {
        let text = fresh(wait);
        let reply = post(gateway, SEND, wait, &entry(&alice.jid, bob.bare(), &chat(&text))).await;
        assert_eq!(reply.text, r#"{"ret":true,"errcode":0,"errmsg":"success","data":""}"#);
        bob.wait_for("the message", says(&text)).await;
        assert_eq!((shown(&bob, &text).await, archived(&bob, None, &text).await), (1, 1));
    }
}

async fn what_is_not_kept_is_not_waited_for(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let alice = account(rig, "alice");
    let bob = Client::login(rig, &account(rig, "bob")).await;
    let text = fresh("never");
    for message in [
        format!("<message type='headline'><body>{text}</body></message>"),
        format!("<message type='chat'><body>{text}</body><no-store xmlns='urn:xmpp:hints'/></message>"),
        "<message type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>".to_owned(),
    ] {
        let reply = post(gateway, SEND, "archived", &entry(&alice.jid, bob.bare(), &message)).await.expect_failure(1);
        assert!(reply.errmsg().contains("no archive keeps this"), "{}", reply.errmsg());
        // Not of the gateway's own accord, and not for a batch's other messages.
        gateway.post(SEND, &entry(&alice.jid, bob.bare(), &message.replace(&text, "passes"))).await.expect_success();
    }
    let notice = json!({"from": alice.jid, "to": bob.bare(), "category": "1", "data": "x"});
    post(gateway, "/qtalk/send_notify", "archived", &notice).await.expect_failure(1);
    let kept = fresh("kept");
    let headline = format!("<message type='headline'><body>{text}</body></message>");
    let batch = json!([entry(&alice.jid, bob.bare(), &headline), entry(&alice.jid, bob.bare(), &chat(&kept))]);
    let reply = post(gateway, SEND, "archived", &batch).await.expect_failure(1);
    assert_eq!(reply.json["data"]["failed"].as_array().map(Vec::len), Some(1), "{}", reply.text);
    bob.wait_for("the other", says(&kept)).await;
    assert_eq!(shown(&bob, &text).await, 0);
}

async fn the_setting_holds_where_a_call_says_nothing(server: Server) {
    let own = Own::start(server, |config| config.server.wait = Wait::Archived).await;
    let alice = account(own.rig, "alice");
    let bob = Client::login(own.rig, &account(own.rig, "bob")).await;
    let texts: Vec<String> = (0..20).map(|_| fresh("set")).collect();
    for text in &texts {
        let reply = send(&own.gateway, &alice.jid, bob.bare(), text).await;
        assert_eq!(reply.text, r#"{"ret":true,"errcode":0,"errmsg":"success","data":""}"#);
    }
    assert_eq!(bob.mam(None).await.iter().filter_map(body).filter(|said| texts.contains(said)).count(), texts.len());
    // What no archive keeps is routed.
    let headline = format!("<message type='headline'><body>{}</body></message>", texts[0]);
    own.gateway.post(SEND, &entry(&alice.jid, bob.bare(), &headline)).await.expect_success();
    let notice = json!({"from": alice.jid, "to": bob.bare(), "category": "1", "data": "x"});
    own.gateway.post("/qtalk/send_notify", &notice).await.expect_success();
    own.end().await;
}

async fn a_message_that_is_not_archived_is_of_unknown_outcome(server: Server) {
    let own = Own::start(server, |config| config.component.iq_timeout_seconds = 2).await;
    let alice = account(own.rig, "alice");
    let bob = Client::login(own.rig, &account(own.rig, "bob")).await;
    let never = "<iq type='set'><prefs xmlns='urn:xmpp:mam:2' default='never'><always/><never/></prefs></iq>";
    assert_eq!(bob.iq(stanza(never)).await.attr("type"), Some("result"));
    let (text, begun) = (fresh("unkept"), Instant::now());
    let letter = entry(&alice.jid, bob.bare(), &chat(&text));
    let reply = post(&own.gateway, SEND, "archived", &letter).await.expect_failure(8);
    assert!(reply.errmsg().contains("was not seen in the archive of"), "{}", reply.errmsg());
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    bob.wait_for("the message", says(&text)).await;
    own.end().await;
}

async fn a_right_that_is_missing_is_named_before_anything_is_sent(server: Server) {
    let (grant, changes, named) = match server.is_ejabberd() {
        true => (Grant::None, vec![], "sessions.grant"),
        // The module stays on the MUC and the pubsub component.
        false => {
            let all = r#"modules_enabled = { "firewall"; "stanzagate" }"#;
            (
                Grant::Oauth,
                vec![(all.to_owned(), r#"modules_enabled = { "firewall" }"#.to_owned())],
                "mod_stanzagate.lua",
            )
        }
    };
    let options = RigOptions { server: server.product(), root: server.root(), grant, changes, ..RigOptions::default() };
    let rig = Rig::start(options).expect("a server");
    let gateway = Gateway::start(&rig, |_| {}).await;
    let bob = Client::login(&rig, &account(&rig, "bob")).await;
    let text = fresh("never");
    let letter = entry("alice@example.org", bob.bare(), &chat(&text));
    let reply = post(&gateway, SEND, "archived", &letter).await.expect_failure(9);
    assert!(reply.errmsg().contains(named), "{}", reply.errmsg());
    let after = fresh("after");
    send(&gateway, "alice@example.org", bob.bare(), &after).await.expect_success();
    bob.wait_for("what came after", says(&after)).await;
    assert_eq!(shown(&bob, &text).await, 0);
    gateway.shutdown().await;
}

async fn every_api_knows_the_header(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let one = account(rig, "bob");
    let bob = Client::login(rig, &one).await;
    let (app, key) = gateway.maxleap_app();
    let maxleap = async |wait: &str, path: &str, body: &Value| {
        gateway
            .request(|http, url| {
                let request = http.post(format!("{url}{path}")).header("x-ml-appid", app).header("x-ml-apikey", key);
                request.header(WAIT, wait).json(body)
            })
            .await
    };
    let message = |text: &str| json!({"content": {"media": 0, "body": text}, "push": {}});
    let text = fresh("system");
    let reply = maxleap("archived", &format!("/system/{}", one.name), &message(&text)).await.expect_status(202);
    let got = bob.wait_for("the message", says(&text)).await;
    assert_eq!(reply.headers[ARCHIVE_ID].to_str().ok(), stanza_id(&got, bob.bare()).as_deref());
    let headline = json!({"content": {"media": 0, "body": "x"}});
    for path in [format!("/system/{}", one.name), "/system".to_owned()] {
        let reply = maxleap("archived", &path, &headline).await.expect_error(400, 5001);
        assert!(reply.text.contains("no archive keeps this"), "{}", reply.text);
    }
    maxleap("seen", &format!("/system/{}", one.name), &message("x")).await.expect_error(400, 5001);

    let notify = async |wait: &str, title: &str| {
        let data = json!({"title": title, "content": "x", "contentType": "text", "receiver": "users",
            "userList": [one.name], "sender": {"id": "bot", "name": "Bot"}});
        let (path, data) = (gateway.signed("m=chat&f=notifyMSG"), data.to_string());
        let form = format!("data={}", percent_encode(data.as_bytes(), NON_ALPHANUMERIC));
        let kind = "application/x-www-form-urlencoded";
        gateway
            .request(|http, url| {
                http.post(format!("{url}/api.php?{path}")).header("content-type", kind).header(WAIT, wait).body(form)
            })
            .await
    };
    let title = fresh("title");
    let reply = notify("archived", &title).await;
    assert_eq!((reply.status.as_u16(), reply.text.as_str()), (200, r#"{"result":"success"}"#));
    let got = bob.wait_for("the notification", |el| titled(el, &title).is_some()).await;
    assert_eq!(reply.headers[ARCHIVE_ID].to_str().ok(), stanza_id(&got, bob.bare()).as_deref());
    let reply = notify("seen", "x").await;
    assert_eq!((reply.status.as_u16(), &reply.json["result"]), (400, &json!("fail")), "{}", reply.text);

    let letter = entry(&one.jid, &one.jid, &chat("x"));
    let reply = post(gateway, SEND, "seen", &letter).await;
    assert_eq!((reply.status.as_u16(), reply.ret(), reply.errcode()), (400, false, 1), "{}", reply.text);
    let wanted = "X-Stanzagate-Wait must be written, routed or archived";
    assert_eq!(reply.errmsg(), wanted);
    // Of two that differ neither is taken.
    let both = |http: &reqwest::Client, url: &str| {
        http.post(format!("{url}{SEND}")).header(WAIT, "written").header(WAIT, "archived").body(letter.to_string())
    };
    assert_eq!(gateway.request(both).await.errmsg(), wanted);
    // What is kept in no archive is refused once, before anything is sent to anybody.
    let members = json!({"owner": one.name, "members": [bob.bare().split_once('@').expect("an address").0]});
    let group = gateway.maxleap(Method::POST, "/groups", &members).await.expect_status(201).json;
    let path = format!("/system/{}?group", group.as_str().expect("an id"));
    maxleap("archived", &path, &headline).await.expect_error(400, 5001);
    let group = |request: reqwest::RequestBuilder| request.header(WAIT, "seen");
    let reply = gateway.rongcloud_with(&one.jid, Method::GET, "/api/im/group/", group).await;
    assert!(reply.status == 400 && reply.json["detail"].is_string(), "{} {}", reply.status, reply.text);
}

/// Queues for three messages.
fn small_queue(server: Server) -> Rig {
    let changes = vec![("max_user_offline_messages: 5000".to_owned(), "max_user_offline_messages: 3".to_owned())];
    let options = RigOptions {
        server: server.product(),
        root: server.root(),
        grant: Grant::Oauth,
        changes,
        ..RigOptions::default()
    };
    Rig::start(options).expect("a server")
}

/// The queue of one who is offline is full: what does not wait for them is in their archive all the same.
async fn a_full_queue_is_not_called_a_refusal(server: Server) {
    let rig = small_queue(server);
    let gateway = Gateway::start(&rig, |_| {}).await;
    let bob: Account = account(&rig, "bob");
    let texts: Vec<String> = (0..5).map(|_| fresh("full")).collect();
    let mut codes = Vec::new();
    for text in &texts {
        let reply = send(&gateway, "alice@example.org", &bob.jid, text).await;
        println!("{server:?}: {}", reply.text);
        if reply.errcode() != 0 {
            assert!(reply.errmsg().contains("in their archive"), "{}", reply.text);
        }
        codes.push(reply.errcode());
    }
    assert_eq!(codes, [0, 0, 0, 23, 23]);
    let asked = fresh("full");
    post(&gateway, SEND, "archived", &entry("alice@example.org", &bob.jid, &chat(&asked))).await.expect_failure(23);
    // Many of one call come back at once, so that each is behind others of the same sender.
    let many: Vec<Value> = (0..20).map(|_| entry("alice@example.org", &bob.jid, &chat(&fresh("full")))).collect();
    for wait in ["routed", "archived"] {
        let reply = post(&gateway, SEND, wait, &Value::from(many.clone())).await;
        let failed = reply.json["data"]["failed"].as_array().cloned().unwrap_or_default();
        let codes: Vec<i64> = failed.iter().filter_map(|part| part["errcode"].as_i64()).collect();
        assert_eq!(codes, [23; 20], "{}", reply.text);
    }
    // An id that an earlier message had proves nothing of a later one that is refused.
    let named = |text: &str| {
        json!({"from": "alice@example.org", "to": bob.jid,
            "message": format!("<message type='chat' id='same'><body>{text}</body></message>")})
    };
    post(&gateway, "/qtalk/send_thirdmessage", "routed", &named("first")).await.expect_failure(23);
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    let bob = Client::login(&rig, &bob).await;
    bob.wait_for("the last that waited", says(&texts[2])).await;
    bob.iq(stanza("<iq type='set'><block xmlns='urn:xmpp:blocking'><item jid='alice@example.org'/></block></iq>"))
        .await;
    let reply = post(&gateway, "/qtalk/send_thirdmessage", "routed", &named("second")).await;
    assert!(reply.ret() || reply.errcode() == 7, "{}", reply.text);
    for (n, text) in texts.iter().enumerate() {
        assert_eq!((shown(&bob, text).await, archived(&bob, None, text).await), (usize::from(n < 3), 1), "{n}");
    }
    gateway.shutdown().await;
}

mod a_full_queue {
    use crate::support::Server;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn ejabberd_23() {
        super::a_full_queue_is_not_called_a_refusal(Server::Ejabberd23).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn ejabberd_26() {
        super::a_full_queue_is_not_called_a_refusal(Server::Ejabberd26).await;
    }
}
