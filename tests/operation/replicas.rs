//! Several gateways at once on real servers, each under a name of its own: what one does the others see, and
//! each gets its own answers. And what users must not be able to do with the records that gateways share.

use std::collections::BTreeSet;

use futures::future::join_all;
use jid::BareJid;
use reqwest::Method;
use serde_json::{Value, json};
use stanzagate::chat::records::Subject;
use stanzagate::config::sessions::Grant;
use stanzagate::dev::Rig;
use tokio::sync::OnceCell;
use tokio_xmpp::minidom::Element;

use crate::on_oldest_and_newest;
use crate::support::people::until;
use crate::support::room::{condition, is_out};
use crate::support::verbs::call;
use crate::support::{Client, Gateway, Server, Verbs, account, fresh, stanza};

on_oldest_and_newest!(
    what_one_records_the_other_changes,
    a_group_made_at_one_lives_at_the_other,
    numbers_agree,
    groups_made_at_once_are_all_there,
    answers_come_to_who_asked,
    records_from_before_the_setting_are_shared,
    users_make_no_records,
);

const NONE: Value = Value::Null;
const ROOMS: &str = "conference.example.org";
const PUBSUB: &str = "http://jabber.org/protocol/pubsub";

/// A server with four gateways: two as they run, and two of the verbs alone.
struct Stage {
    rig: Rig,
    gateways: [Gateway; 2],
    verbs: [Verbs; 2],
}

impl Stage {
    async fn shared(server: Server) -> &'static Stage {
        static STAGES: [OnceCell<Stage>; Server::COUNT] = [const { OnceCell::const_new() }; Server::COUNT];
        STAGES[server as usize].get_or_init(|| Stage::start(server)).await
    }

    async fn start(server: Server) -> Stage {
        let rig = server.start_with(Grant::Oauth, 3);
        let [a, b, c, d] = rig.gateways().try_into().expect("four names");
        let gateways = [start(&rig, &a).await, start(&rig, &b).await];
        let verbs = [verbs(&rig, &c).await, verbs(&rig, &d).await];
        Stage { rig, gateways, verbs }
    }
}

async fn start(rig: &Rig, name: &str) -> Gateway {
    Gateway::start(rig, |config| *config = rig.gateway_config_of(name)).await
}

async fn verbs(rig: &Rig, name: &str) -> Verbs {
    Verbs::start_with(rig.gateway_config_of(name)).await
}

fn user(name: &str) -> BareJid {
    BareJid::new(&format!("{name}@example.org")).expect("a JID")
}

async fn read(gateway: &Gateway, path: &str) -> Value {
    gateway.maxleap(Method::GET, path, &NONE).await.expect_status(200).json
}

async fn set(gateway: &Gateway, method: Method, path: &str, attributes: Value) {
    gateway.maxleap(method, path, &attributes).await.expect_status(201);
}

async fn what_one_records_the_other_changes(server: Server) {
    let Stage { rig, gateways: [one, two], .. } = Stage::shared(server).await;
    let path = format!("/ctx/{}/attributes", account(rig, "user").name);
    set(one, Method::POST, &path, json!({"age": 46, "city": "上海"})).await;
    assert_eq!(read(two, &path).await, json!({"age": 46, "city": "上海"}));
    set(two, Method::POST, &path, json!({"age": 47})).await;
    assert_eq!(read(one, &path).await, json!({"age": 47, "city": "上海"}));
    set(two, Method::PUT, &path, json!({"tags": [1]})).await;
    assert_eq!(read(one, &path).await, json!({"tags": [1]}));
    two.maxleap(Method::DELETE, &path, &NONE).await.expect_status(204);
    assert_eq!(read(one, &path).await, json!({}));

    // Both make the same record in the same moment.
    for _ in 0..8 {
        let path = format!("/ctx/{}/attributes", account(rig, "user").name);
        tokio::join!(
            set(one, Method::POST, &path, json!({"one": 1})),
            set(two, Method::POST, &path, json!({"two": 2})),
            set(one, Method::POST, &path, json!({"one more": 1})),
        );
        for gateway in [one, two] {
            assert_eq!(read(gateway, &path).await, json!({"one": 1, "one more": 1, "two": 2}));
        }
    }
}

fn strings(list: &Value) -> BTreeSet<&str> {
    list.as_array().expect("a list").iter().filter_map(Value::as_str).collect()
}

/// How often the client was shown a room's message that says `text`, by MUC.
async fn shown(client: &Client, text: &str) -> usize {
    client.ping().await;
    client.received().iter().filter(|element| crate::support::element::says(text)(element)).count()
}

async fn a_group_made_at_one_lives_at_the_other(server: Server) {
    let Stage { rig, gateways: [one, two], .. } = Stage::shared(server).await;
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| account(rig, name));
    let made = one.maxleap(Method::POST, "/groups", &json!({"owner": alice.name, "members": [bob.name]})).await;
    let id = made.expect_status(201).json.as_str().expect("an id").to_owned();
    let (path, room) = (format!("/groups/{id}"), format!("{id}@{ROOMS}"));
    two.maxleap(Method::POST, &format!("{path}/members"), &json!({"members": [carol.name]})).await.expect_status(201);
    for gateway in [one, two] {
        let group = read(gateway, &path).await;
        assert_eq!(group["owner"], json!(alice.name));
        assert_eq!(strings(&group["members"]), [bob.name.as_str(), carol.name.as_str()].into());
        assert_eq!(read(gateway, &format!("/ctx/{}/groups", carol.name)).await, json!([id]));
        let users = json!({"muc_id": id, "muc_domain": ROOMS});
        let listed = gateway.post("/qtalk/muc_users", &users).await.expect_success().text;
        assert!(
            listed.contains(&carol.name) && !listed.contains("gw.example") && !listed.contains("gw2.example"),
            "{listed}"
        );
    }

    let reader = Client::login(rig, &carol).await;
    reader.join(&room, "Carol").await.expect("a member gets in");
    let mut texts = Vec::new();
    for round in 0..3 {
        for gateway in [one, two] {
            let text = fresh("said");
            let from = if round % 2 == 0 { &alice } else { &bob };
            let message = format!("<message type='groupchat'><body id='{text}'>{text}</body></message>");
            let request = json!({"from": from.jid, "to": room, "message": message});
            gateway.post("/qtalk/send_thirdmessage", &request).await.expect_success();
            texts.push(text);
        }
    }
    // And both at once, for the same sender.
    let at_once: Vec<String> = (0..10).map(|_| fresh("at once")).map(|text| text.replace(' ', "")).collect();
    join_all(at_once.iter().zip([one, two].into_iter().cycle()).map(async |(text, gateway)| {
        let message = format!("<message type='groupchat'><body id='{text}'>{text}</body></message>");
        let request = json!({"from": bob.jid, "to": room, "message": message});
        gateway.post("/qtalk/send_thirdmessage", &request).await.expect_success();
    }))
    .await;
    for text in texts.iter().chain(&at_once) {
        reader.wait_for(text, crate::support::element::says(text)).await;
        assert_eq!(shown(&reader, text).await, 1, "{text}");
    }

    two.maxleap(Method::DELETE, &path, &NONE).await.expect_status(204);
    reader.wait_for("the end of the group", is_out(&room)).await;
    reader.expect_no_room(&room).await;
    for gateway in [one, two] {
        gateway.maxleap(Method::GET, &path, &NONE).await.expect_error(404, 5004);
        assert_eq!(read(gateway, &format!("/ctx/{}/groups", bob.name)).await, json!([]));
    }
}

async fn numbers_agree(server: Server) {
    let Stage { verbs: [one, two], .. } = Stage::shared(server).await;
    let users: Vec<BareJid> = (0..40).map(|_| user(&fresh("numbered"))).collect();
    let reversed: Vec<BareJid> = users.iter().rev().cloned().collect();
    let ask = |verbs: &'static Verbs, users: &[BareJid]| {
        let users = users.to_vec();
        verbs.run(async move {
            let numbers = verbs.chat.accounts.numbers(&call(), &verbs.realm, &users).await;
            numbers.into_iter().map(|number| number.expect("a number")).collect::<Vec<u64>>()
        })
    };
    let (here, mut there) = tokio::join!(ask(one, &users), ask(two, &reversed));
    there.reverse();
    assert_eq!(here, there);
    assert_eq!(here.iter().collect::<BTreeSet<_>>().len(), users.len());
    for (number, user) in here.into_iter().zip(users) {
        let found = two.run(async move { two.chat.accounts.user_of_number(&call(), &two.realm, number).await }).await;
        assert_eq!(found.expect("an answer"), Some(user));
    }
}

async fn groups_made_at_once_are_all_there(server: Server) {
    let Stage { rig, gateways: [one, two], .. } = Stage::shared(server).await;
    let (alice, bob) = (account(rig, "alice"), account(rig, "bob"));
    let both = || [one, two].into_iter().cycle();
    let create = async |(n, gateway): (usize, &Gateway)| {
        let body = json!({"name": format!("Group {n}"), "code": "4711"});
        let made = gateway.rongcloud(&alice.jid, Method::POST, "/api/im/group/", &body).await.expect_json(201);
        made["id"].to_string()
    };
    let made = join_all((0..12).zip(both()).map(create)).await;
    let ids: BTreeSet<&String> = made.iter().collect();
    assert_eq!(ids.len(), made.len(), "{made:?}");
    for (gateway, other) in [(one, two), (two, one)] {
        let listed = gateway.rongcloud(&alice.jid, Method::GET, "/api/im/group/?page_size=100", &NONE).await;
        let listed = listed.expect_json(200);
        let results = listed["results"].as_array().expect("results");
        let listed: BTreeSet<String> = results.iter().map(|group| group["id"].to_string()).collect();
        assert_eq!(listed.iter().collect::<BTreeSet<_>>(), ids);
        assert!(results.iter().all(|group| group["code"] == "4711"), "{results:?}");

        // Who joins at one with the code that was given at the other is in the list of both, with one id.
        let id = made[usize::from(std::ptr::eq(gateway, one))].trim_matches('"');
        let join = format!("/api/im/group/{id}/invite/");
        let joined = gateway.rongcloud(&bob.jid, Method::POST, &join, &json!({"code": "4711"})).await;
        assert!(joined.status.is_success(), "{} {}", joined.status, joined.text);
        let mut seen = Vec::new();
        for gateway in [gateway, other] {
            let path = format!("/api/im/group/{id}/users/");
            let users = gateway.rongcloud(&alice.jid, Method::GET, &path, &NONE).await.expect_json(200);
            assert_eq!(users["results"].as_array().expect("results").len(), 2, "{users}");
            seen.push(users["results"].clone());
        }
        assert_eq!(seen[0], seen[1]);
    }
}

async fn answers_come_to_who_asked(server: Server) {
    let Stage { rig, gateways: [one, two], .. } = Stage::shared(server).await;
    let users: Vec<String> = (0..8).map(|_| account(rig, "many").name).collect();
    // The same subjects at both, so that only who asked tells the questions apart.
    join_all(users.iter().flat_map(|name| [(name, one, "one"), (name, two, "two")]).map(
        async |(name, gateway, who)| {
            let path = format!("/ctx/{name}/attributes");
            for round in 0..15 {
                set(gateway, Method::POST, &path, json!({ who: {"of": name, "round": round} })).await;
                let mine = read(gateway, &format!("{path}/{who}")).await;
                assert_eq!(mine, json!({"of": name, "round": round}));
                gateway.maxleap(Method::GET, &format!("{path}/{who}-no"), &NONE).await.expect_error(404, 5004);
            }
        },
    ))
    .await;
    for (name, gateway) in users.iter().zip([one, two].into_iter().cycle()) {
        let last = json!({"of": name, "round": 14});
        assert_eq!(read(gateway, &format!("/ctx/{name}/attributes")).await, json!({"one": last, "two": last}));
    }
}

async fn records_from_before_the_setting_are_shared(server: Server) {
    let rig = server.start_with(Grant::Oauth, 1);
    let [first, second] = rig.gateways().try_into().expect("two names");
    let name = account(&rig, "early").name;
    let path = format!("/ctx/{name}/attributes");
    let alone = Gateway::start(&rig, |config| {
        *config = rig.gateway_config_of(&first);
        config.component.siblings.clear();
    })
    .await;
    set(&alone, Method::POST, &path, json!({"kept": 1})).await;
    let other = start(&rig, &second).await;
    if server.is_ejabberd() {
        for (method, body) in [
            (Method::GET, NONE),
            (Method::POST, json!({"b": 1})),
            (Method::PUT, json!({"b": 1})),
            (Method::DELETE, NONE),
        ] {
            let refused = other.maxleap(method.clone(), &path, &body).await;
            assert!(!refused.status.is_success(), "{method} {} {}", refused.status, refused.text);
            assert!(refused.text.contains("component.siblings"), "{method} {}", refused.text);
        }
    }
    assert_eq!(read(&alone, &path).await, json!({"kept": 1}));
    alone.shutdown().await;

    let told = start(&rig, &first).await;
    let shared = async || {
        let reply = other.maxleap(Method::GET, &path, &NONE).await;
        (reply.status == 200).then_some(reply.json)
    };
    assert_eq!(until("the old record", shared).await, json!({"kept": 1}));
    set(&other, Method::PUT, &path, json!({"kept": 2})).await;
    assert_eq!(read(&told, &path).await, json!({"kept": 2}));
    told.shutdown().await;
    other.shutdown().await;
}

fn request(kind: &str, owner: &str, payload: &str) -> Element {
    stanza(&format!(
        "<iq type='{kind}' to='pubsub.example.org'><pubsub xmlns='{PUBSUB}{owner}'>{payload}</pubsub></iq>"
    ))
}

async fn users_make_no_records(server: Server) {
    let Stage { rig, verbs: [verbs, _], .. } = Stage::shared(server).await;
    let mallory = Client::login(rig, &account(rig, "mallory")).await;
    let [bob, room] = [user(&fresh("bob")), BareJid::new(&format!("{}@{ROOMS}", fresh("room"))).expect("a JID")];
    let field = |name: &str, value: &str| format!("<field var='{name}'><value>{value}</value></field>");
    let form = [
        field("FORM_TYPE", &format!("{PUBSUB}#node_config")),
        field("pubsub#access_model", "open"),
        field("pubsub#publish_model", "open"),
    ]
    .concat();
    let form = format!("<configure><x xmlns='jabber:x:data' type='submit'>{form}</x></configure>");
    let items = "<item id='a:owner'><json xmlns='urn:xmpp:json:0'>\"forged\"</json></item>";
    for node in [
        format!("stanzagate/user/{bob}"),
        format!("stanzagate/room/{room}"),
        format!("stanzagate/rooms-of/{bob}"),
        "stanzagate/number/4503599627370497".to_owned(),
        "anything".to_owned(),
    ] {
        for forged in [
            request("set", "", &format!("<create node='{node}'/>{form}")),
            request("set", "", &format!("<create node='{node}' type='flat'/>")),
            request("set", "", &format!("<create node='{node}' type='pep'/>")),
            request("set", "", &format!("<publish node='{node}'>{items}</publish>")),
        ] {
            let reply = mallory.iq(forged.clone()).await;
            assert!(condition(&reply).is_some(), "{} was done", crate::support::element::show(&forged));
        }
    }
    for subject in [Subject::User(bob.clone()), Subject::Room(room), Subject::RoomsOf(bob)] {
        let record = verbs.run(async move { verbs.chat.records.record(&call(), &verbs.realm, &subject).await }).await;
        assert_eq!(record.expect("a record"), Default::default());
    }
    // Their own personal nodes they make as ever.
    let own = format!("<publish node='urn:example:own'>{items}</publish>");
    let own = stanza(&format!("<iq type='set'><pubsub xmlns='{PUBSUB}'>{own}</pubsub></iq>"));
    let reply = mallory.iq(own).await;
    assert_eq!(reply.attr("type"), Some("result"), "{}", crate::support::element::show(&reply));

    if !server.is_ejabberd() {
        let list = "<query xmlns='http://jabber.org/protocol/disco#items'/>";
        let reply = mallory.iq(stanza(&format!("<iq type='get' to='pubsub.example.org'>{list}</iq>"))).await;
        assert!(
            !crate::support::element::show(&reply).contains("stanzagate/"),
            "{}",
            crate::support::element::show(&reply)
        );
    }
}
