//! What older versions left on a server: numbers that do not say whose they are, and records that anybody could read.

use jid::BareJid;
use stanzagate::chat::records::Subject;

use super::{Gateway, PUBSUB, creation, derived, user};
use crate::support::gateways::{Gateways, call, run};
use crate::support::{self, Client, Server, account, fresh, stanza};

/// One after the other, for both look after all records of the server.
pub async fn mends_what_was_left(server: Server) {
    gives_back_a_number_that_was_lost(server).await;
    closes_records_that_were_open(server).await;
}

/// What older versions left on ejabberd's SQL storage: the node of a user's number does not say whose it is, and the user
/// was given a second number by another gateway.
async fn gives_back_a_number_that_was_lost(server: Server) {
    let all = Gateways::shared(server).await;
    let [asked, found] = ["asked", "found"].map(|name| user(&fresh(name)));
    for user in [&asked, &found] {
        assert!(all.hold(derived(user, 0), "").await);
        assert!(all.hold(derived(user, 1), user.as_str()).await);
    }
    // At both at once, and without anybody having looked after the records.
    let (one, other) = (Gateway::new(all).await, Gateway::new(all).await);
    let users = [asked.clone()];
    let (here, there) = tokio::join!(one.numbers(&users), other.numbers(&users));
    assert_eq!((here, there), (vec![derived(&asked, 0)], vec![derived(&asked, 0)]));
    // Whoever kept the second number is understood still.
    let third = Gateway::new(all).await;
    let numbers = [0, 1].map(|n| derived(&asked, n));
    assert_eq!(third.users(&numbers).await, [Some(asked.clone()), Some(asked)]);

    // One that nobody asks for is found when a gateway starts.
    let this = third.clone();
    run(async move { this.chat.records.maintain_records() }).await;
    let back = async || third.user(derived(&found, 0)).await.expect("an answer");
    assert_eq!(support::people::until("the number's holder", back).await, found);
    let (one, other) = (Gateway::new(all).await, Gateway::new(all).await);
    for gateway in [&one, &other] {
        assert_eq!(gateway.numbers(std::slice::from_ref(&found)).await, [derived(&found, 0)]);
    }
}

async fn closes_records_that_were_open(server: Server) {
    let all = Gateways::shared(server).await;
    let gateway = Gateway::new(all).await;
    let rig = Gateways::rig(server);
    let alice = Client::login(rig, &account(rig, "alice")).await;
    let read = async |user: &BareJid| {
        let items = format!("<items node='stanzagate/user/{user}'/>");
        let pubsub = format!("<pubsub xmlns='{PUBSUB}'>{items}</pubsub>");
        let reply = alice.iq(stanza(&format!("<iq type='get' to='pubsub.example.org'>{pubsub}</iq>"))).await;
        support::element::show(&reply).contains("secret")
    };
    let [written, found] = ["written", "found"].map(|name| user(&fresh(name)));
    for user in [&written, &found] {
        let node = format!("node='stanzagate/user/{user}'");
        let open = creation("from='gw.example.org'", 0, "open", "").replace("node='stanzagate/number/0'", &node);
        assert_eq!(all.ask(&open).await, "result");
        let item = "<item id='a:x'><json xmlns='urn:xmpp:json:0'>\"secret\"</json></item>";
        let publish = format!("<pubsub xmlns='{PUBSUB}'><publish {node}>{item}</publish></pubsub>");
        let publish = format!("<iq type='set' from='gw.example.org' to='pubsub.example.org'>{publish}</iq>");
        assert_eq!(all.ask(&publish).await, "result");
        assert!(read(user).await, "the node is not open");
    }
    let (this, subject) = (gateway.clone(), Subject::User(written.clone()));
    let attributes = serde_json::json!({"y": 1});
    let attributes = attributes.as_object().expect("an object").clone();
    let set = async move { this.chat.records.merge_attributes(&call(), &this.realm, &subject, &attributes).await };
    run(set).await.expect("an attribute that is set");
    assert!(!read(&written).await, "something was written to an open node");

    let this = gateway.clone();
    run(async move { this.chat.records.maintain_records() }).await;
    let closed = async || (!read(&found).await).then_some(());
    support::people::until("the node that is closed", closed).await;
    let (this, subject) = (gateway.clone(), Subject::User(written));
    let record = run(async move { this.chat.records.record(&call(), &this.realm, &subject).await }).await;
    let attributes = serde_json::Value::Object(record.expect("a record").attributes);
    assert_eq!(attributes, serde_json::json!({"x": "secret", "y": 1}));
}
