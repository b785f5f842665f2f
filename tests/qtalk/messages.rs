//! Messages on real servers: what is posted to the gateway, what an independent client receives, and what
//! the archives hold.

mod batch;
mod copies;
mod crash;
mod failures;
mod notify;
mod offline;
mod one_to_one;
mod original;
mod replies;
mod room;
mod room_crowd;
mod room_removed;
mod text;
mod wait;

use serde_json::{Value, json};
use stanzagate::config::Config;
use stanzagate::dev::Rig;
use tokio::sync::{Mutex, MutexGuard};
use tokio_xmpp::minidom::Element;

use crate::support::element::{MAM, child, forwarded, says};
use crate::support::{Client, Gateway, Reply, Server, Servers};

const SEND: &str = "/qtalk/send_thirdmessage";
const MARKS: &str = "urn:stanzagate:qtalk:0";

/// A chat message as callers write it.
fn chat(text: &str) -> String {
    format!("<message type='chat'><body id='m1' msgType='1' maType='20'>{text}</body></message>")
}

/// One entry of `send_thirdmessage`.
fn entry(from: &str, to: &str, message: &str) -> Value {
    json!({"from": from, "to": to, "message": message})
}

/// Sends a chat message.
async fn send(gateway: &Gateway, from: &str, to: &str, text: &str) -> Reply {
    gateway.post(SEND, &entry(from, to, &chat(text))).await
}

/// The child that carries qtalk's marks.
fn marks(message: &Element) -> &Element {
    match message.get_child("qtalk", MARKS) {
        Some(marks) => marks,
        None => panic!("no marks in {}", String::from(message)),
    }
}

/// How often `client` was shown a message that says `text`: sent to it, as a carbon, or in a MucSub event. What it asked
/// of an archive does not count.
async fn shown(client: &Client, text: &str) -> usize {
    client.ping().await;
    let received = client.received();
    let live =
        received.iter().filter(|el| el.name() == "message" && child(el, "result").is_none_or(|r| !r.has_ns(MAM)));
    live.filter(|el| says(text)(el) || forwarded(el).is_some_and(says(text)) || event(el).is_some_and(says(text)))
        .count()
}

/// The message in a MucSub event.
fn event(element: &Element) -> Option<&Element> {
    let item = child(child(child(element, "event")?, "items")?, "item")?;
    child(item, "message")
}

/// How often the archive of `client`, or of a room, holds `text`.
async fn archived(client: &Client, room: Option<&str>, text: &str) -> usize {
    client.mam(room).await.iter().filter(|el| says(text)(el)).count()
}

/// A gateway with a configuration of its own on a second server, which the tests use one after another.
struct Own {
    rig: &'static Rig,
    gateway: Gateway,
    _turn: MutexGuard<'static, ()>,
}

impl Own {
    async fn start(server: Server, edit: impl FnOnce(&mut Config)) -> Own {
        static SERVERS: Servers = Servers::new();
        static TURNS: [Mutex<()>; Server::COUNT] = [const { Mutex::const_new(()) }; Server::COUNT];
        let turn = TURNS[server as usize].lock().await;
        let rig = SERVERS.get(server);
        Own { rig, gateway: Gateway::start(rig, edit).await, _turn: turn }
    }

    /// Lets the next test have the server.
    async fn end(self) {
        self.gateway.shutdown().await;
    }
}
