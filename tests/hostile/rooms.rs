//! Hostile names, descriptions, nicks and notifications: carried as text, or refused with nothing left behind.

use serde_json::json;

use super::attack::{Attack, Judge};
use crate::on_oldest_and_newest;
use crate::support::element::{body, child, says, show};
use crate::support::{Client, Server, fresh, stanza};

on_oldest_and_newest!(names_are_text_or_refused_whole, nicks_are_text, notifications_are_text_or_refused);

async fn names_are_text_or_refused_whole(server: Server) {
    let attack = Attack::on(server).await;
    let owner = Client::login(attack.rig, &attack.sender).await;
    let info = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    let asked = |id: &str| stanza(&format!("<iq type='get' to='{id}@{}'>{info}</iq>", attack.rig.rooms()));
    for bad in
        ["a\0b", "\u{1}", "\u{1b}[31m", "\u{fffe}", "\u{ffff}", &"n".repeat(7_000_000), &"<'\"&>".repeat(100_000)]
    {
        for field in ["muc_name", "muc_desc"] {
            let (id, what) = (fresh("hostilename"), format!("{field} {bad:.20?}"));
            let reply = attack.beside(&what, attack.create(&id, json!({field: bad}))).await;
            assert!(!reply.ret() && [11, 12].contains(&reply.errcode()), "{what}: {}", reply.text);
            assert_eq!(attack.members(&id).await, None, "{what} left a room");
            let found = owner.iq(asked(&id)).await;
            assert!(child(&found, "error").is_some(), "{what} left a room: {}", show(&found));
            // Nor is the name taken for ever.
            assert!(attack.create(&id, json!({})).await.ret(), "{what}");
        }
    }
    let markup = "</name></query></iq><iq type='set'><x a='\"&amp;]]>--><!-- \u{202e} 大厅 \u{1f600}";
    for name in [markup, " ", &"'".repeat(1000)] {
        let id = fresh("markupname");
        let reply = attack.beside(name, attack.create(&id, json!({"muc_name": name, "muc_desc": name}))).await;
        assert!(reply.ret(), "{name}: {}", reply.text);
        let found = owner.iq(asked(&id)).await;
        let identity = child(&found, "query").and_then(|query| child(query, "identity"));
        assert_eq!(
            identity.and_then(|identity| identity.attr("name")).map(str::trim),
            Some(name.trim()),
            "{}",
            show(&found)
        );
    }
}

/// Nicks come from vCards, which users write themselves.
async fn nicks_are_text(server: Server) {
    let attack = Attack::on(server).await;
    let user = Client::login(attack.rig, &attack.sender).await;
    for nick in ["</nick>'\"&lt;<a/>", "a/b@c", " ", "\u{202e}drow", &"long".repeat(400), "\u{1f600}"] {
        let written = nick.replace('&', "&amp;").replace('<', "&lt;");
        let card = format!("<vCard xmlns='vcard-temp'><NICKNAME>{written}</NICKNAME></vCard>");
        let reply = user.iq(stanza(&format!("<iq type='set'>{card}</iq>"))).await;
        assert_eq!(reply.attr("type"), Some("result"), "{}", show(&reply));
        let question = json!({"ID": attack.sender.name, "Domain": attack.rig.domain()});
        let reply = attack.beside(nick, attack.post_json("get_user_nick", &question)).await;
        assert!(reply.ret(), "{nick:.50}: {}", reply.text);
        let (room, id) = attack.beside(nick, attack.room()).await;
        assert_eq!(attack.members(&id).await.and_then(|list| list.as_array().map(Vec::len)), Some(2), "{nick:.50}");
        let mark = fresh("NICKED");
        let xml = format!("<message type='groupchat'><body>{mark}</body></message>");
        let reply = attack.beside(nick, attack.send_xml_to(&room, &xml)).await;
        assert!(reply.ret(), "{nick:.50}: {}", reply.text);
        let end = json!({"muc_id": id, "muc_domain": attack.rig.rooms(), "muc_owner": attack.sender.name});
        attack.post_json("destroy_muc", &end).await.expect_success();
    }
}

async fn notifications_are_text_or_refused(server: Server) {
    let attack = Attack::on(server).await;
    let notify = async |category: &str, data: &str| {
        let body = json!({"from": attack.sender.jid, "to": attack.recipient.jid, "category": category, "data": data});
        attack.post_json("send_notify", &body).await
    };
    for bad in ["NOTICE\0", "NOTICE\u{8}", "NOTICE\u{fffe}", "NOTICE\u{ffff}", "\u{b}NOTICE"] {
        attack.beside(bad, notify(bad, "x")).await.refused(bad, &[11]);
    }
    assert_eq!(attack.evidence("NOTICE").await, []);
    for text in ["'/><body>x</body><a b='", "\n\r\t <>&\"' ]]>", "\u{1f600}\u{202e}", "{\"a\":\"\\u0000\"}"] {
        attack.beside(text, notify("6", text)).await.expect_success();
        let notice = attack.witness.wait_for("the notice", |el| child(el, "notify").is_some()).await;
        let data = child(&notice, "notify").and_then(|notify| notify.attr("data"));
        // Prosody writes line breaks in attributes as they are, and XML reads them as blanks.
        let kept = |text: &str| match attack.server.is_ejabberd() {
            true => text.to_owned(),
            false => text.split_whitespace().collect(),
        };
        assert_eq!(data.map(kept), Some(kept(text)), "{}", show(&notice));
        assert_eq!((body(&notice), notice.attr("type")), (None, Some("headline")), "{}", show(&notice));
    }
    let mark = fresh("TEXT");
    for bad in [format!("{mark}\0"), format!("{mark}\u{ffff}")] {
        for field in ["Msg_Type", "Type"] {
            let mut body = json!({"From": attack.sender.name, "To": [{"User": attack.recipient.name}], "Body": mark,
                "Type": "chat", "Extend_Info": ""});
            body[field] = json!(bad);
            attack.beside(field, attack.post_json("send_message", &body)).await.refused(field, &[11]);
        }
    }
    attack.witness.expect_none("refused text", std::time::Duration::from_millis(50), says(&mark)).await;
    assert_eq!(attack.evidence(&mark).await, []);
}
