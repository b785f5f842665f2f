//! The log at its most talkative: no bodies, no secrets, and one search for a request's id finds all of it.

use serde_json::{Value, json};
use stanzagate::config::sessions::Grant;

use super::process::Process;
use crate::on_oldest_and_newest;
use crate::support::element::says;
use crate::support::{Client, Server, fresh};

on_oldest_and_newest!(the_log_holds_ids_and_no_secrets);

const KEY: &str = "a-callers-key-0123456789";
const UK_SECRET: &str = "uk-signing-secret-0123456789";

async fn the_log_holds_ids_and_no_secrets(server: Server) {
    let rig = server.start(Grant::Oauth);
    let keys = format!("[{{ name = \"crm\", key = \"{KEY}\" }}]");
    let settings = [
        ("LOG__LEVEL", "trace"),
        ("QTALK__AUTH", "key"),
        ("QTALK__KEYS", keys.as_str()),
        ("QTALK__UK_SECRET", UK_SECRET),
    ];
    let mut process = Process::start(&rig, &settings).await;
    let password = rig.users()["bob"].clone();
    let account =
        crate::support::Account { name: "bob".into(), jid: "bob@example.org".into(), password: password.clone() };
    let bob = Client::login(&rig, &account).await;
    let http = reqwest::Client::new();
    let post = async |endpoint: &str, id: &str, key: &str, body: Value| {
        let request = http.post(format!("{}/qtalk/{endpoint}", process.url)).bearer_auth(key);
        let answer = request.header("x-request-id", id).body(body.to_string()).send().await.expect("an answer");
        answer.json::<Value>().await.expect("JSON")
    };
    let text = fresh("confidential");
    let xml = format!("<message type='chat'><body>{text}</body></message>");
    let letter = |to: &str| json!({"from": "alice@example.org", "to": to, "message": xml});
    assert_eq!(post("send_thirdmessage", "req-sent", KEY, letter("bob@example.org")).await["ret"], true);
    let received = bob.wait_for("the message", says(&text)).await;
    let stanza = received.attr("id").expect("an id").to_owned();
    assert_eq!(post("send_thirdmessage", "req-bounced", KEY, letter("nobody@example.org")).await["errcode"], 2);
    // Of several messages in one call the line says how many there were, and how many of them failed.
    let mut several: Vec<_> = ["bob@example.org", "nobody@example.org", "bob@example.org"].map(letter).into();
    several.push(json!("no letter"));
    assert_eq!(post("send_thirdmessage", "req-several", KEY, json!(several)).await["ret"], false);
    let to = json!([{"User": "bob"}, {"User": "nobody"}, {"User": "a@b@c"}]);
    let shared = json!({"From": "alice", "To": to, "Body": text, "Host": "example.org", "Domain": "example.org"});
    assert_eq!(post("send_message", "req-shared", KEY, shared).await["ret"], false);
    let broken = json!({"from": "alice@example.org", "to": "bob@example.org", "message": format!("<message>{text}")});
    assert_eq!(post("send_thirdmessage", "req-broken", KEY, broken).await["errcode"], 11);
    assert_eq!(
        post("send_thirdmessage", "req-wrong", "wrong-key-0123456789", letter("bob@example.org")).await["errcode"],
        17
    );
    // Names as long as they may be are not written out, in whatever line they come to stand.
    let long = format!("{}@example.org", "x".repeat(1000));
    let xml = "<message type='chat'><body>long</body></message>";
    for (from, to) in [(long.as_str(), "bob@example.org"), ("alice@example.org", long.as_str())] {
        let letter = json!({"from": from, "to": to, "message": xml});
        assert_eq!(post("send_thirdmessage", "req-long", KEY, letter).await["errcode"], 2);
    }
    let room = json!({"muc_id": "x".repeat(1000), "muc_owner": "alice", "muc_domain": rig.rooms(), "muc_name": "long"});
    post("create_muc", "req-long", KEY, room).await;
    let room = json!({"muc_id": "logroom", "muc_owner": "alice", "muc_domain": rig.rooms(), "muc_name": text});
    assert_eq!(post("create_muc", "req-room", KEY, room).await["ret"], true);
    let wrong = fresh("wrongpassword");
    for (user_password, right) in [(password.as_str(), true), (wrong.as_str(), false)] {
        let url = format!("{}/qtalk/auth_uk?u=bob&k={user_password}", process.url);
        let answer =
            http.get(url).bearer_auth(KEY).send().await.expect("an answer").json::<Value>().await.expect("JSON");
        assert_eq!(answer["ret"], right, "{answer}");
    }
    let key =
        bob.iq(crate::support::stanza("<iq type='get' to='gw.example.org'><key xmlns='urn:xmpp:key'/></iq>")).await;
    let token = key.children().next().and_then(|key| key.attr("value")).expect("a token").to_owned();
    process.terminate();
    assert_eq!(process.ended().await.code(), Some(0), "{}", process.log());

    let log = process.log();
    for secret in
        [text.as_str(), KEY, "wrong-key-0123456789", UK_SECRET, &password, &wrong, &token, rig.component_secret()]
    {
        let line = log.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret:?} is in the log: {line:?}");
    }
    let line = log.lines().find(|line| line.contains(&"x".repeat(65)));
    assert!(line.is_none(), "{line:?}");
    assert!(!log.lines().filter(|line| line.contains("req-long")).collect::<Vec<_>>().is_empty());
    let about = |id: &str| log.lines().filter(|line| line.contains(id)).collect::<Vec<_>>();
    assert!(about("req-sent").iter().any(|line| line.contains("\"status\":200")), "{log}");
    assert!(
        about("req-sent").iter().any(|line| line.contains(&stanza)),
        "no line names {stanza}: {:#?}",
        about("req-sent")
    );
    assert!(about("req-bounced").iter().any(|line| line.contains("unknown_user")), "{:#?}", about("req-bounced"));
    assert!(!about("req-sent").iter().any(|line| line.contains("\"messages\"")), "{:#?}", about("req-sent"));
    for (id, counts) in [("req-several", "\"messages\":4,\"failed\":2"), ("req-shared", "\"messages\":3,\"failed\":2")]
    {
        assert!(about(id).iter().any(|line| line.contains(counts)), "{:#?}", about(id));
    }
    assert!(about("req-wrong").iter().any(|line| line.contains("unauthorized")), "{:#?}", about("req-wrong"));
}
