//! What XML cannot say, or hardly: sent by ordinary users to the gateway, and stored where its calls read. Each call answers
//! with everything else, and the connection is the same afterwards.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::attack::Attack;
use super::raw::RawClient;
use crate::on_oldest_and_newest;
use crate::support::people::until;
use crate::support::{Account, Client, Server, account, fresh};

on_oldest_and_newest!(what_xml_cannot_say_spoils_no_answer, callers_send_of_xml_itself_only_the_language);

const NULL: Value = Value::Null;
/// Elements within one another: more than the gateway reads, and fewer than servers refuse.
const DEEP: usize = 100;
/// Long enough for a server that closes the stream to have done so.
const ANSWER: Duration = Duration::from_secs(5);

/// Attributes of a message, and what stands in it. Which of them a server takes from a client is its own affair.
const FORMS: [(&str, &str); 13] = [
    ("", "<xml:a/>"),
    ("", "<xml:a><b xmlns='urn:b'>c</b></xml:a>"),
    ("xml:foo='b'", ""),
    ("xml:space='preserve' xml:lang='en'", ""),
    ("", "<a xmlns='urn:a' xml:foo='b'><c xml:id='d'/></a>"),
    ("", "<p:a xmlns:p='urn:p' p:b='c' xml:base='urn:d'/>"),
    ("", "<a xmlns='http://www.w3.org/XML/1998/namespace'/>"),
    ("xmlns:n='http://www.w3.org/XML/1998/namespace' n:foo='b'", "<n:a/>"),
    ("", "<a xmlns='http://www.w3.org/2000/xmlns/' b='c'/>"),
    ("", "<a xmlns='' b='c'><d xmlns='urn:d'/></a>"),
    ("", "<a xmlns='urn:a' xmlns:xml='http://www.w3.org/XML/1998/namespace'><![CDATA[</message>]]></a>"),
    ("", "<none:a/>"),
    ("", "<a xmlns='urn:a' b='&#xfffe;'>\u{ffff}</a>"),
];

/// A user whose messages, card and bookmarks hold such things.
struct Odd {
    account: Account,
    rig: &'static stanzagate::dev::Rig,
}

impl Odd {
    /// What of these texts somebody's own client finds in an archive: ejabberd stores `<xml:a/>` in a form that it does not
    /// read again itself, and leaves out the message.
    async fn archived(&self, reader: &Account, to: &str, texts: Vec<String>) -> Vec<String> {
        let mut raw = RawClient::login(self.rig, reader).await;
        raw.write("<iq type='get' id='before'><ping xmlns='urn:xmpp:ping'/></iq>").await;
        raw.hear("before").await;
        raw.forget();
        let set = "<set xmlns='http://jabber.org/protocol/rsm'><max>100</max></set>";
        raw.write(&format!("<iq type='set' id='mam'{to}><query xmlns='urn:xmpp:mam:2'>{set}</query></iq>")).await;
        raw.hear("</fin>").await;
        let heard = raw.heard();
        texts.into_iter().filter(|text| heard.contains(&format!(">{text}</body>"))).collect()
    }

    /// Writes a stanza on a stream of its own, in a room or not; true when the server has taken it.
    async fn takes(&self, room: Option<&str>, xml: &str) -> bool {
        let mut raw = RawClient::login(self.rig, &self.account).await;
        if let Some(room) = room {
            raw.write(&format!("<presence to='{room}/odd'><x xmlns='http://jabber.org/protocol/muc'/></presence>"))
                .await;
            raw.hear("110").await;
        }
        raw.write(xml).await;
        raw.write("<iq type='get' id='behind'><ping xmlns='urn:xmpp:ping'/></iq>").await;
        raw.hear_within("behind", ANSWER).await
    }
}

fn bodies(chats: &Value) -> Vec<&str> {
    chats.as_array().expect("a list").iter().map(|chat| chat["content"]["body"].as_str().expect("a body")).collect()
}

async fn what_xml_cannot_say_spoils_no_answer(server: Server) {
    let attack = Attack::on(server).await;
    let (rig, gateway) = (attack.rig, attack.gateway);
    let get = async |path: &str| gateway.maxleap(Method::GET, path, &NULL).await.expect_status(200).json;
    let (alice, odd) = (account(rig, "alice"), Odd { account: account(rig, "odd"), rig });
    gateway
        .maxleap(Method::POST, &format!("/ctx/{}/friends/{}", alice.name, odd.account.name), &NULL)
        .await
        .expect_status(201);
    let body = json!({"owner": alice.name, "members": [odd.account.name]});
    let group = gateway.maxleap(Method::POST, "/groups", &body).await.expect_status(201).json;
    let group = group.as_str().expect("an id").to_owned();
    let room = format!("{group}@{}", rig.rooms());

    // To the gateway's own address, to a friend, and into a group: what the server takes is read again further down.
    let (mut told, mut said, mut taken) = (Vec::new(), Vec::new(), String::new());
    for (number, (attributes, content)) in FORMS.iter().enumerate() {
        let text = format!("odd{number}");
        let message = |to: &str, kind: &str| {
            format!("<message to='{to}' type='{kind}' id='{text}' {attributes}><body>{text}</body>{content}</message>")
        };
        for to in ["gw.example.org", "someone@gw.example.org/a"] {
            attack.beside(&text, odd.takes(None, &message(to, "chat"))).await;
        }
        let presence = format!("<presence to='gw.example.org' {attributes}>{content}</presence>");
        attack.beside(&text, odd.takes(None, &presence)).await;
        let iq = format!("<iq type='get' id='q' to='gw.example.org' {attributes}><query xmlns='urn:q'/>{content}</iq>");
        attack.beside(&text, odd.takes(None, &iq)).await;
        if attack.beside(&text, odd.takes(None, &message(&alice.jid, "chat"))).await {
            told.push(text.clone());
        }
        if attack.beside(&text, odd.takes(Some(&room), &message(&room, "groupchat"))).await {
            said.push(text);
            taken.push_str(content);
        }
    }
    assert!(told.len() > 4 && said.len() > 4, "{told:?} {said:?}");
    println!("{server:?} takes {said:?} in rooms");
    // Without presence: this client would itself stumble over what came before.
    let client = Client::connect(rig, &alice, None).await;
    client.join(&room, "Alice").await.expect("the owner gets in");
    client.say_aloud(&room, "last").await;
    said.push("last".to_owned());
    let said = odd.archived(&alice, &format!(" to='{room}'"), said).await;
    let told = odd.archived(&alice, "", told).await;
    assert!(told.len() > 4 && said.len() > 4, "{told:?} {said:?}");
    println!("{server:?} shows {said:?} of a room and {told:?} of a user");

    let read = async |path: String, expected: &[String]| {
        until(&format!("all of {path}"), || async {
            let chats = get(&path).await;
            (bodies(&chats).last().copied() == expected.last().map(String::as_str)).then_some(())
        })
        .await;
        let chats = get(&path).await;
        assert_eq!(bodies(&chats), expected, "{chats}");
    };
    read(format!("/groups/{group}/chats?limit=100"), &said).await;
    read(format!("/ctx/{}/friends/{}/chats?limit=100", alice.name, odd.account.name), &told).await;
    for user in [&alice, &odd.account] {
        let listed = get(&format!("/ctx/{}/groups?detail", user.name)).await;
        assert_eq!(listed[0]["recent"]["content"]["body"], "last", "{listed}");
        let listed = get(&format!("/ctx/{}/friends?detail", user.name)).await;
        assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
    }

    // A card and a bookmark that hold all that the server takes, deeper than anybody reads.
    taken.push_str(&format!("{}{}", "<d xmlns='urn:d'>".repeat(DEEP), "</d>".repeat(DEEP)));
    let card = format!("<vCard xmlns='vcard-temp'><NICKNAME xml:foo='b'>Nick</NICKNAME>{taken}</vCard>");
    assert!(odd.takes(None, &format!("<iq type='set' id='card'>{card}</iq>")).await);
    let conference = format!(
        "<conference xmlns='urn:xmpp:bookmarks:1' name='own' xml:foo='b'><extensions>{taken}</extensions>{taken}</conference>"
    );
    let publish = format!("<publish node='urn:xmpp:bookmarks:1'><item id='{room}'>{conference}</item></publish>");
    let pubsub = format!("<pubsub xmlns='http://jabber.org/protocol/pubsub'>{publish}</pubsub>");
    assert!(odd.takes(None, &format!("<iq type='set' id='mark'>{pubsub}</iq>")).await);
    everybody_is_shown(&attack, &alice, &odd.account, &group).await;
    attack.assert_same_connection("all of it").await;
    assert!(attack.metric("stanzagate_link_mended_total").await > 0.0, "nothing had to be mended");
}

/// Every call that reads cards and bookmarks.
async fn everybody_is_shown(attack: &Attack, alice: &Account, odd: &Account, group: &str) {
    let gateway = attack.gateway;
    let get = async |path: &str| gateway.maxleap(Method::GET, path, &NULL).await.expect_status(200).json;
    let domain = attack.rig.domain();
    let nick = attack.post_json("get_user_nick", &json!({"ID": odd.name, "Domain": domain})).await.expect_success();
    assert_eq!(nick.json["data"]["Nick"], "Nick", "{}", nick.text);
    let names = gateway.xuanxuan(&format!("m=chat&f=getChatUsers&gid={group}")).await.expect_data();
    assert_eq!(names, json!({ alice.name.clone(): alice.name, odd.name.clone(): "Nick" }));
    assert_eq!(attack.members(group).await.and_then(|list| list.as_array().map(Vec::len)), Some(2));

    let other = fresh("oddroom");
    attack.create(&other, json!({})).await.expect_success();
    let member = json!({"muc_id": other, "muc_domain": attack.rig.rooms(), "muc_owner": attack.sender.name,
        "muc_member": [odd.name], "system": "test"});
    attack.post_json("add_muc_user", &member).await.expect_success();
    assert_eq!(attack.members(&other).await.and_then(|list| list.as_array().map(Vec::len)), Some(2));

    let number = gateway.rongcloud_group(&alice.jid, "odd", "").await;
    gateway.rongcloud_join(&alice.jid, number, &odd.jid).await;
    let path = format!("/api/im/group/{number}/users/");
    let listed = gateway.rongcloud(&alice.jid, Method::GET, &path, &NULL).await.expect_json(200);
    let rows = listed["results"].as_array().expect("a list");
    assert!(rows.len() == 2 && rows.iter().any(|row| row["nick"] == "Nick"), "{listed}");

    let seen = get(&format!("/ctx/{}", odd.name)).await;
    assert!(seen.to_string().contains(group), "{seen}");
    let groups = get(&format!("/ctx/{}/groups?detail", odd.name)).await;
    assert!(groups.as_array().expect("a list").iter().any(|row| row["id"] == group), "{groups}");
}

/// Callers give XML, too, and what they send to a room comes back to the gateway as the room's clients get it.
async fn callers_send_of_xml_itself_only_the_language(server: Server) {
    let attack = Attack::on(server).await;
    let (room, _) = attack.room().await;
    let mut watcher = RawClient::login(attack.rig, &attack.recipient).await;
    watcher.write(&format!("<presence to='{room}/w'><x xmlns='http://jabber.org/protocol/muc'/></presence>")).await;
    watcher.hear("110").await;
    for (attributes, content) in FORMS {
        watcher.forget();
        let mark = fresh("sent");
        let xml = format!("<message type='groupchat' {attributes}><body>{mark}</body>{content}</message>");
        let reply = attack.beside(&mark, attack.send_xml_to(&room, &xml)).await;
        if reply.ret() {
            watcher.hear(&mark).await;
            watcher.hear("</message>").await;
            for word in ["foo", "XML/1998", ":space", ":id", ":base"] {
                assert!(!watcher.heard().contains(word), "{xml}: {}", watcher.heard());
            }
        } else {
            assert!([1, 10, 11].contains(&reply.errcode()), "{xml}: {}", reply.text);
        }
    }
}
