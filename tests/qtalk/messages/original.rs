//! With `replies = "original"` the bodies are the original's, byte for byte; what is delivered is the same.

use serde_json::{Value, json};
use stanzagate::config::qtalk::Replies;

use super::{Own, SEND, chat, entry, shown};
use crate::support::element::says;
use crate::support::{Client, Server, account, fresh};

crate::on_oldest_and_newest!(the_originals_bodies_are_exact,);

const SUCCESS: &str = r#"{"ret":true,"errcode":0,"errmsg":"success","data":""}"#;
const UNREADABLE: &str = r#"{"ret":false,"errcode":1,"errmsg":"Josn parse error","data":""}"#;
const NOTIFY: &str = "/qtalk/send_notify";
const MESSAGE: &str = "/qtalk/send_message";

fn said(errmsg: &str) -> String {
    format!(r#"{{"ret":false,"errcode":1,"errmsg":"{errmsg}"}}"#)
}

async fn the_originals_bodies_are_exact(server: Server) {
    let own = Own::start(server, |config| config.qtalk.replies = Replies::Original).await;
    let gateway = &own.gateway;
    let (alice, bob) = (account(own.rig, "alice"), Client::login(own.rig, &account(own.rig, "bob")).await);
    let (text, never) = (fresh("said"), fresh("never"));
    let xml = chat(&never);

    let exact = async |path: &str, body: &Value, wanted: &str| {
        let reply = gateway.post(path, body).await;
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (200, wanted), "{body}");
    };
    exact(SEND, &entry(&alice.jid, bob.bare(), &chat(&text)), SUCCESS).await;
    bob.wait_for("the message", says(&text)).await;
    for (from, to, message) in [
        (alice.jid.as_str(), "nobody@example.org", xml.as_str()),
        ("ghost@example.org", bob.bare(), &xml),
        ("not an address", bob.bare(), &xml),
        ("alice@elsewhere.example", bob.bare(), &xml),
        (&alice.jid, "nowhere@conference.example.org", &xml),
        (&alice.jid, bob.bare(), "<message"),
    ] {
        exact(SEND, &entry(from, to, message), SUCCESS).await;
    }
    exact(SEND, &json!([]), SUCCESS).await;
    exact(SEND, &json!("text"), UNREADABLE).await;

    let notify = |to: Value| json!({"from": alice.jid, "to": to, "category": "6", "data": "{}"});
    exact(NOTIFY, &notify(json!(bob.bare())), SUCCESS).await;
    exact(NOTIFY, &notify(json!("nobody@example.org")), SUCCESS).await;
    exact(NOTIFY, &json!({}), SUCCESS).await;
    exact(NOTIFY, &json!([]), UNREADABLE).await;

    let message = |to: Value, kind: &str| json!({"From": alice.name, "To": to, "Body": never, "Type": kind, "Host": "example.org", "Domain": "conference.example.org"});
    let success = r#"{"ret":true,"errcode":0,"errmsg":"success"}"#;
    exact(MESSAGE, &message(json!([{"User": "nobody"}]), "chat"), success).await;
    exact(MESSAGE, &message(json!([{"User": "nowhere"}]), "groupchat"), &said("User not in Room")).await;
    exact(MESSAGE, &message(json!([{"User": "a"}, {"User": "b"}]), "groupchat"), &said("To not suit")).await;
    exact(MESSAGE, &json!({"From": alice.name, "To": [{"User": "x"}]}), &said("Message Body is Null")).await;
    exact(MESSAGE, &json!({"From": "a b", "To": [{"User": "x"}], "Body": never}), &said("From make jid error")).await;
    exact(MESSAGE, &json!([]), UNREADABLE).await;
    assert_eq!(shown(&bob, &never).await, 0);

    let reply = gateway.get(SEND).await;
    assert_eq!(reply.text, r#"{"ret":false,"errcode":1,"errmsg":"GET is not disable","data":""}"#);
    let reply = gateway.post("/qtalk/nothing", &json!({})).await;
    assert_eq!(reply.text, r#"{"ret":false,"errcode":1,"errmsg":"request not defined","data":""}"#);
    own.end().await;
}
