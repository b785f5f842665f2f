//! The stage of every case: a gateway on a shared server, an innocent request beside the attack, a witness who receives.

use reqwest::StatusCode;
use serde_json::{Value, json};
use stanzagate::dev::Rig;
use tokio_xmpp::minidom::Element;

use crate::support::element::{says, show};
pub use crate::support::gateway::{Gateway, Reply};
use crate::support::{Account, Client, Server, account, fresh};

/// What a reply must be, whatever was asked.
pub trait Judge {
    /// Fails unless this is the API's shape and no failure of the gateway's own.
    fn shaped(self, what: &str) -> Reply;
    /// Fails unless the API refused with one of `codes`.
    fn refused(self, what: &str, codes: &[i64]) -> Reply;
}

impl Judge for Reply {
    fn shaped(self, what: &str) -> Reply {
        assert_ne!(self.status, StatusCode::INTERNAL_SERVER_ERROR, "{what}: {}", self.text);
        let shape = (&self.json["ret"], &self.json["errcode"], &self.json["errmsg"]);
        let shape = shape.0.is_boolean() && shape.1.is_u64() && shape.2.is_string();
        assert!(shape && self.ret() == (self.errcode() == 0), "{what}: {} {}", self.status, self.text);
        self
    }

    fn refused(self, what: &str, codes: &[i64]) -> Reply {
        let reply = self.shaped(what);
        assert!(!reply.ret() && codes.contains(&reply.errcode()), "{what}: {} {}", reply.status, reply.text);
        reply
    }
}

/// One test's actors: a sender, and a recipient who is logged in and sees all that comes.
pub struct Attack {
    pub server: Server,
    pub rig: &'static Rig,
    pub gateway: &'static Gateway,
    pub sender: Account,
    pub recipient: Account,
    pub witness: Client,
}

impl Attack {
    pub async fn on(server: Server) -> Attack {
        let rig = server.shared();
        let gateway = Gateway::shared(server).await;
        let (sender, recipient) = (account(rig, "mallory"), account(rig, "victim"));
        let witness = Client::login(rig, &recipient).await;
        Attack { server, rig, gateway, sender, recipient, witness }
    }

    /// Posts to an endpoint; the reply must be of the API's shape.
    pub async fn post(&self, endpoint: &str, body: impl Into<reqwest::Body>) -> Reply {
        self.gateway.post_raw(&format!("/qtalk/{endpoint}"), body).await.shaped(endpoint)
    }

    pub async fn post_json(&self, endpoint: &str, body: &Value) -> Reply {
        self.post(endpoint, body.to_string()).await
    }

    /// Sends a caller's XML from the sender to the recipient.
    pub async fn send_xml(&self, xml: &str) -> Reply {
        self.send_xml_to(&self.recipient.jid, xml).await
    }

    pub async fn send_xml_to(&self, to: &str, xml: &str) -> Reply {
        let body = json!({"from": self.sender.jid, "to": to, "message": xml});
        self.post_json("send_thirdmessage", &body).await
    }

    /// Runs an attack beside an innocent request: that one must succeed and arrive, and the connection must live on.
    pub async fn beside<T>(&self, what: &str, attack: impl Future<Output = T>) -> T {
        let text = fresh("innocent");
        let xml = format!("<message type='chat'><body>{text}</body></message>");
        let (outcome, sent) = tokio::join!(attack, self.send_xml(&xml));
        assert!(sent.ret(), "an innocent message beside {what}: {}", sent.text);
        self.witness.wait_for(format!("the message beside {what}"), says(&text)).await;
        self.assert_same_connection(what).await;
        outcome
    }

    /// The connection to the server is up and is the first one.
    pub async fn assert_same_connection(&self, what: &str) {
        assert_eq!(self.metric("stanzagate_link_reconnects_total").await, 0.0, "the connection fell: {what}");
        assert_eq!(
            self.metric("stanzagate_link_up{component=\"gw.example.org\"}").await,
            1.0,
            "the connection is down: {what}"
        );
    }

    pub async fn metric(&self, name: &str) -> f64 {
        let text = self.gateway.get("/metrics").await.text;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().expect("a number")
    }

    /// All that the recipient got so far and that mentions `marker`. What was sent before has arrived: the link and the
    /// server keep the order.
    pub async fn evidence(&self, marker: &str) -> Vec<Element> {
        let last = fresh("last");
        let xml = format!("<message type='chat'><body>{last}</body></message>");
        assert!(self.send_xml(&xml).await.ret());
        self.witness.wait_for("the last message", says(&last)).await;
        self.witness.received().into_iter().filter(|stanza| show(stanza).contains(marker)).collect()
    }

    /// Creates a room of the sender's with the recipient as a member, and returns its address.
    pub async fn room(&self) -> (String, String) {
        let id = fresh("hostileroom");
        self.create(&id, json!({})).await.expect_success();
        let members = json!({"muc_id": id, "muc_domain": self.rig.rooms(), "muc_owner": self.sender.name,
            "muc_member": [self.recipient.name], "system": "test"});
        self.post_json("add_muc_user", &members).await.expect_success();
        (format!("{id}@{}", self.rig.rooms()), id)
    }

    /// Asks for a room of the sender's; `more` are further fields.
    pub async fn create(&self, id: &str, more: Value) -> Reply {
        let mut body =
            json!({"muc_id": id, "muc_domain": self.rig.rooms(), "muc_owner": self.sender.name, "system": "test"});
        if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
            body.extend(more);
        }
        self.post_json("create_muc", &body).await
    }

    /// The members of a room, none where there is no such room.
    pub async fn members(&self, id: &str) -> Option<Value> {
        let reply = self.post_json("muc_users", &json!({"muc_id": id, "muc_domain": self.rig.rooms()})).await;
        match reply.errcode() {
            0 => Some(reply.json["data"].clone()),
            4 => None,
            _ => panic!("muc_users {id:?}: {}", reply.text),
        }
    }

    /// The prefix of this gateway's stanza ids, which every recipient sees.
    pub async fn instance(&self) -> String {
        let text = fresh("id");
        self.send_xml(&format!("<message type='chat'><body>{text}</body></message>")).await.expect_success();
        let message = self.witness.wait_for("a message with an id", says(&text)).await;
        message.attr("id").and_then(|id| id.split('.').next()).unwrap_or_default().to_owned()
    }
}
