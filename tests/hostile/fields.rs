//! Every documented field of every endpoint with every wrong type: answered in the API's shape, and nothing done.

use futures::StreamExt;
use futures::stream;
use serde_json::{Map, Value, json};

use super::attack::{Attack, Judge};
use crate::on_oldest_and_newest;
use crate::support::element::{child, show};
use crate::support::{Client, Server, account, fresh, stanza};

on_oldest_and_newest!(wrong_types_are_refused_and_change_nothing, lists_and_bodies_of_wrong_types_are_refused);

fn wrong_values() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(1),
        json!(1.5),
        json!(1e300),
        json!(-9_007_199_254_740_993_i64),
        json!(""),
        json!([]),
        json!({}),
        json!([[["x"]]]),
        json!({"a": {"b": [null]}}),
        json!("\u{0}"),
        json!("\u{fffe}"),
    ]
}

/// The endpoints with a request that would succeed. `ROOM` stands for the room that exists, `NEW` for one that does not.
fn requests(attack: &Attack) -> Vec<(&'static str, Value)> {
    let (user, other, domain) = (&attack.sender, &attack.recipient, attack.rig.domain());
    let room = json!({"muc_id": "ROOM", "muc_owner": user.name, "muc_owner_host": domain, "muc_true_owner": user.name,
        "muc_domain": attack.rig.rooms(), "system": "test"});
    let with = |more: Value| {
        let mut all = room.as_object().cloned().unwrap_or_default();
        all.extend(more.as_object().cloned().unwrap_or_default());
        Value::Object(all)
    };
    let message = "<message type='chat'><body id='1' msgType='1'>FIELDS</body></message>";
    vec![
        ("send_thirdmessage", json!({"from": user.jid, "to": other.jid, "message": message})),
        ("send_notify", json!({"from": user.jid, "to": other.jid, "category": 6, "data": "{}"})),
        ("create_muc", with(json!({"muc_id": "NEW", "muc_name": "N", "muc_desc": "D"}))),
        ("add_muc_user", with(json!({"muc_member": [other.name]}))),
        ("del_muc_user", with(json!({"muc_member": [other.name]}))),
        ("destroy_muc", with(json!({"host": domain}))),
        ("get_user_nick", json!({"ID": user.name, "Domain": domain})),
        (
            "send_message",
            json!({"From": user.name, "To": [{"User": other.name}], "Body": "FIELDS", "Type": "chat",
                "Msg_Type": "1", "Host": domain, "Domain": domain, "Extend_Info": ""}),
        ),
        ("muc_users", json!({"muc_id": "ROOM", "muc_domain": attack.rig.rooms()})),
        ("clear_staff", json!({"users": [other.name], "host": domain})),
    ]
}

async fn wrong_types_are_refused_and_change_nothing(server: Server) {
    let attack = Attack::on(server).await;
    let owner = Client::login(attack.rig, &attack.sender).await;
    let (_, room) = attack.room().await;
    let before = attack.members(&room).await.expect("the room");
    let mut cases = Vec::new();
    for (endpoint, request) in requests(&attack) {
        let fields = request.as_object().cloned().unwrap_or_default();
        for (field, value) in
            fields.keys().flat_map(|field| wrong_values().into_iter().map(move |v| (field.clone(), v)))
        {
            let mut changed: Map<String, Value> = fields.clone();
            for text in changed.values_mut() {
                match text.as_str() {
                    Some("ROOM") => *text = json!(room),
                    Some("NEW") => *text = json!(fresh("hostilenew")),
                    _ => {}
                }
            }
            changed.insert(field.clone(), value);
            if !is_meant(endpoint, &field, &changed) {
                cases.push((endpoint, field, Value::Object(changed)));
            }
        }
    }
    assert!(cases.len() > 300, "{}", cases.len());
    let run = stream::iter(&cases).map(|(endpoint, field, body)| {
        let attack = &attack;
        async move {
            let reply = attack.post_json(endpoint, body).await;
            assert!(!reply.ret(), "{endpoint} with {field} of {}: {}", body[field], reply.text);
            (*endpoint == "create_muc").then(|| body["muc_id"].clone())
        }
    });
    let refused_rooms: Vec<Option<Value>> = attack.beside("wrong types", run.buffer_unordered(8).collect()).await;
    assert_eq!(attack.members(&room).await.as_ref(), Some(&before));
    for id in refused_rooms.iter().flatten().filter_map(Value::as_str).filter(|id| id.starts_with("hostilenew")) {
        let question = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
        let room = format!("{id}@{}", attack.rig.rooms());
        let info = owner.iq(stanza(&format!("<iq type='get' to='{room}'>{question}</iq>"))).await;
        assert!(child(&info, "error").is_some(), "{room} was made: {}", show(&info));
    }
    assert_eq!(attack.evidence("FIELDS").await, []);
}

/// What looks wrong and has a meaning: an optional field that is not given, and scalars where any text is taken.
fn is_meant(endpoint: &str, field: &str, body: &Map<String, Value>) -> bool {
    let value = &body[field];
    let absent = value.is_null() || value == "";
    let printable = value.as_str().is_none_or(|text| text.bytes().all(|b| b.is_ascii_graphic()));
    let scalar = (value.is_boolean() || value.is_i64() || value == &json!(1.5) || value.is_string()) && printable;
    match (endpoint, field) {
        (_, "system") => true,
        // The API takes any JSON here.
        ("send_notify", "data") => true,
        ("create_muc", "muc_id") => scalar && !absent,
        ("send_notify", "category") => scalar && !absent,
        ("create_muc", "muc_name" | "muc_desc") => scalar || absent,
        // Of a text, what XML cannot carry is left out.
        ("send_message", "Body") => scalar || value.is_string(),
        ("send_message", "Extend_Info") => scalar || absent || value.is_string(),
        ("send_message", "Msg_Type") => scalar || absent,
        ("send_message", "Type") => scalar || absent,
        // Not looked at unless the message is for a room.
        ("send_message", "Domain") => true,
        ("send_message", "Host") | ("clear_staff", "host") | ("destroy_muc", "host") => absent,
        ("destroy_muc", "muc_true_owner" | "muc_owner_host") => true,
        // Whoever invites need not be named by an address that exists.
        ("add_muc_user", "muc_true_owner") => scalar || absent,
        (_, "muc_owner_host" | "muc_true_owner") => absent,
        // Only the true owner is looked at.
        (_, "muc_owner") if endpoint != "destroy_muc" => true,
        ("add_muc_user", "muc_member") => absent || value == &json!([]),
        ("del_muc_user", "muc_member") | ("clear_staff", "users") | ("send_notify", "to") | ("send_message", "To") => {
            value == &json!([])
        }
        _ => false,
    }
}

async fn lists_and_bodies_of_wrong_types_are_refused(server: Server) {
    let attack = Attack::on(server).await;
    let (_, room) = attack.room().await;
    let before = attack.members(&room).await.expect("the room");
    let bodies = [
        "",
        " ",
        "null",
        "true",
        "0",
        "\"text\"",
        "[1]",
        "[null]",
        "[[{}]]",
        "[{}]",
        "{",
        "[",
        "{}",
        "{\"from\"}",
        "nul",
        "{\"from\":1}{\"to\":2}",
        "\u{feff}",
        "{\"from\":\"\\ud800\"}",
        "{\"from\":\"\\udc00\\ud800x\"}",
        "{'from':'a'}",
        "{\"from\":\"a\",}",
        "NaN",
        "[Infinity]",
        "{\"a\":01}",
        "from=a&to=b",
        "<message/>",
    ];
    let all = requests(&attack);
    let run = async {
        for (endpoint, _) in &all {
            for body in bodies {
                let reply = attack.post(endpoint, body).await;
                assert!(!reply.ret(), "{endpoint} with {body:?}: {}", reply.text);
            }
        }
        for query in
            ["", "u", "u=&k=", "u=a", "k=b", "u=%00&k=%00", "u=a%", "u=%ff&k=%ff", "u=a&k=b&u=c", "=&=&&", "u=a/b&k=x"]
        {
            for query in [query.to_owned(), format!("{query}&{}", "x=y&".repeat(1000))] {
                let reply = attack.gateway.get(&format!("/qtalk/auth_uk?{query}")).await.shaped("auth_uk");
                assert!(!reply.ret(), "{query}: {}", reply.text);
            }
        }
    };
    attack.beside("wrong bodies", run).await;

    let domain = attack.rig.domain();
    let mixed =
        [json!(null), json!(1.5), json!({}), json!([]), json!(["x"]), json!({"User": []}), json!(""), json!("a b")];
    let lists = [
        (
            "add_muc_user",
            json!({"muc_id": room, "muc_domain": attack.rig.rooms(), "muc_owner": attack.sender.name,
            "muc_member": mixed}),
        ),
        (
            "del_muc_user",
            json!({"muc_id": room, "muc_domain": attack.rig.rooms(), "muc_owner": attack.sender.name,
            "muc_member": mixed}),
        ),
        ("clear_staff", json!({"users": mixed, "host": domain})),
        ("send_notify", json!({"from": attack.sender.jid, "to": mixed, "category": "1", "data": ""})),
        ("send_message", json!({"From": attack.sender.name, "To": mixed, "Body": "LISTS", "Type": "chat"})),
        ("send_message", json!({"From": attack.sender.name, "To": mixed, "Body": "LISTS", "Type": "groupchat"})),
        ("send_thirdmessage", json!(mixed)),
    ];
    for (endpoint, body) in &lists {
        let reply = attack.beside(endpoint, attack.post_json(endpoint, body)).await;
        assert!(!reply.ret(), "{endpoint}: {}", reply.text);
        let failed = reply.json["data"]["failed"].as_array().map(Vec::len);
        let deleting_nobody = *endpoint == "del_muc_user" || *endpoint == "clear_staff";
        let expected = if reply.errcode() == 1 && failed.is_none() {
            None
        } else {
            Some(mixed.len() - usize::from(deleting_nobody))
        };
        assert!(failed == expected || failed == Some(mixed.len()), "{endpoint}: {}", reply.text);
    }
    assert_eq!(attack.members(&room).await.as_ref(), Some(&before));
    let unknown = account(attack.rig, "loner");
    assert_eq!(attack.evidence("LISTS").await, []);
    assert!(attack.post_json("get_user_nick", &json!({"ID": unknown.name, "Domain": domain})).await.ret());
}
