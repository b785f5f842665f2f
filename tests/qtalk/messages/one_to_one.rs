//! `send_thirdmessage` to one user who is online.

use serde_json::json;

use super::{SEND, chat, entry, marks, send, shown};
use crate::support::element::{body, child, says, show};
use crate::support::{Client, Gateway, Server, account, fresh};

crate::on_all_servers!(
    metadata_reaches_the_client_and_its_archive,
    every_way_to_write_the_xml_says_the_same,
    json_says_who_and_to_whom,
    documented_bodies_are_delivered,
    a_request_id_is_in_the_answer_and_in_the_stanza,
);

/// A message with all that callers put on the two elements, and children of other namespaces.
fn rich(text: &str) -> String {
    format!(
        "<message type='chat' client_ver='0' client_type='ClientTypePC' auto_reply='false' isHiddenMsg='0'>\
         <body id='watcher-18DE' maType='20' msgType='1' extendInfo='{{\"a\": \"&lt;b&gt; &amp; c\"}}' backupinfo=''>{text}</body>\
         <stime xmlns='jabber:stime:delay' stamp='20261121'/>\
         <q:card xmlns:q='urn:example:card' q:kind='vip' level='3'><q:line>一</q:line><other xmlns='urn:example:other'/></q:card>\
         </message>"
    )
}

async fn metadata_reaches_the_client_and_its_archive(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let alice = account(rig, "alice");
    let bob = Client::login(rig, &account(rig, "bob")).await;
    let text = fresh("rich");
    let before = now_ms();
    gateway.post(SEND, &entry(&alice.jid, bob.bare(), &rich(&text))).await.expect_success();

    let live = bob.wait_for("the message", says(&text)).await;
    assert_eq!(shown(&bob, &text).await, 1);
    let archive = bob.mam(None).await;
    let [stored] = archive.as_slice() else { panic!("{} messages in the archive", archive.len()) };
    for message in [&live, stored] {
        let from = message.attr("from").expect("a sender");
        assert_eq!(from.split('/').next(), Some(alice.jid.as_str()));
        assert_eq!(message.attr("type"), Some("chat"));
        assert_eq!(body(message).as_deref(), Some(text.as_str()));
        let marks = marks(message);
        for (name, value) in [
            ("id", "watcher-18DE"),
            ("msgType", "1"),
            ("maType", "20"),
            ("extendInfo", r#"{"a": "<b> & c"}"#),
            ("backupinfo", ""),
            ("client_ver", "0"),
            ("client_type", "ClientTypePC"),
            ("auto_reply", "false"),
            ("isHiddenMsg", "0"),
        ] {
            assert_eq!(marks.attr(name), Some(value), "{name} in {}", show(message));
            if !server.is_ejabberd() {
                let place = if ["id", "msgType", "maType", "extendInfo", "backupinfo"].contains(&name) {
                    child(message, "body").expect("a body")
                } else {
                    message
                };
                assert_eq!(place.attr(name), Some(value), "{name} in its own place in {}", show(message));
            }
        }
        let sent: u128 = marks.attr("msec_times").and_then(|time| time.parse().ok()).expect("a time in milliseconds");
        assert!((before..=now_ms()).contains(&sent), "{sent}");
        assert_eq!(message.get_child("stime", "jabber:stime:delay").and_then(|el| el.attr("stamp")), Some("20261121"));
        let card = message.get_child("card", "urn:example:card").expect("the child of another namespace");
        assert_eq!(card.attr("level"), Some("3"));
        assert_eq!(card.get_child("line", "urn:example:card").map(|line| line.text()), Some("一".to_owned()));
        assert!(card.has_child("other", "urn:example:other"));
    }
}

fn now_ms() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time after 1970").as_millis()
}

async fn every_way_to_write_the_xml_says_the_same(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let alice = account(rig, "alice");
    let bob = Client::login(rig, &account(rig, "bob")).await;
    let (from, to) = (alice.jid.as_str(), bob.bare());
    let named = format!("<message xml:lang='en' from='{from}' to='{to}' type='chat'><body>");
    let ways = [
        ("<message type=\"chat\"><body id=\"x\" extendInfo=\"it's\">", "double \"quotes\"", "double \"quotes\""),
        ("<message type='chat'><body id='x' extendInfo='say \"hi\"'>", "single 'quotes'", "single 'quotes'"),
        ("<message type='chat'><body>", "&#20320;&#x597D;&#128512;", "你好😀"),
        ("<message type='chat'><body>", "汉字 한글 かな 👩‍👩‍👧 🇨🇳", "汉字 한글 かな 👩‍👩‍👧 🇨🇳"),
        ("<message type='chat'><body>", "a &lt;b&gt; &amp; &quot;c&quot; &apos;d&apos;", "a <b> & \"c\" 'd'"),
        ("<message type='chat'><body>", "<![CDATA[<not & markup>]]>", "<not & markup>"),
        ("<message type='chat'><body>", "one\ntwo\tthree", "one\ntwo\tthree"),
        ("<message\n  xmlns='jabber:client'\n  type='chat'  >\n <body\n id='x' >", "white space", "white space"),
        ("<?xml version='1.0' encoding='UTF-8'?><message type='chat'><body>", "declared", "declared"),
        ("<message><body>", "no type", "no type"),
        (named.as_str(), "with from and to", "with from and to"),
    ];
    for (head, written, said) in ways {
        let message = format!("{head}{written}</body></message>");
        let reply = gateway.post(SEND, &entry(from, to, &message)).await;
        assert!(reply.ret(), "{message}: {}", reply.text);
        let got = bob.wait_for(said, says(said)).await;
        assert_eq!(shown(&bob, said).await, 1, "{message}: {}", show(&got));
    }
}

async fn json_says_who_and_to_whom(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let alice = account(rig, "alice");
    let (bob, carol) =
        (Client::login(rig, &account(rig, "bob")).await, Client::login(rig, &account(rig, "carol")).await);
    let text = fresh("who");
    // The XML names a sender of another domain and another recipient; the id is its caller's to choose.
    let message = format!(
        "<message id='own' type='chat' from='mallory@elsewhere.example' to='{}'><body>{text}</body></message>",
        carol.bare()
    );
    let from = format!("{}/some-resource", alice.jid);
    gateway.post(SEND, &entry(&from, &bob.bare().to_uppercase(), &message)).await.expect_success();
    let got = bob.wait_for("the message", says(&text)).await;
    assert_eq!(got.attr("from").and_then(|from| from.split('/').next()), Some(alice.jid.as_str()));
    assert_ne!(got.attr("from"), Some(from.as_str()), "nobody may take a resource");
    assert_eq!(got.attr("id"), Some("own"));
    assert_eq!(shown(&carol, &text).await, 0);
}

async fn documented_bodies_are_delivered(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let alice = account(rig, "alice");
    let bob = Client::login(rig, &account(rig, "bob")).await;
    let adapted =
        |sample: &str| sample.replace("test1@qtalk.test.org", &alice.jid).replace("test2@qtalk.test.org", bob.bare());
    let documented = r#"{
   "from":"test1@qtalk.test.org",
   "to":"test2@qtalk.test.org",
   "message":"<message xml:lang='en' from='test1@qtalk.test.org' to='test2@qtalk.test.org' type='chat'><body msgType='1' maType='3' id='7aea7e1c7b544992ace3bdb4b3ab233271sd3ffsadfsad22'>dddddddddddddddddddddddddddddddddddddddd</body></message>"
}"#;
    let reply = gateway.post_raw(SEND, adapted(documented)).await;
    assert_eq!(reply.text, r#"{"ret":true,"errcode":0,"errmsg":"success","data":""}"#);
    assert_eq!(reply.headers["content-type"], "application/json; charset=utf-8");
    let got = bob.wait_for("the documented message", says("dddddddddddddddddddddddddddddddddddddddd")).await;
    assert_eq!(marks(&got).attr("id"), Some("7aea7e1c7b544992ace3bdb4b3ab233271sd3ffsadfsad22"));
    assert_eq!(marks(&got).attr("maType"), Some("3"));

    // The documented layout of a message, its explanations taken out.
    let layout = "<message from='test1@qtalk.test.org'\n          to='test2@qtalk.test.org'\n          type='chat'>\n              \
        <body id='watcher-18DE3DBE1AF941B3B786C31AA894617F'\n                    maType='20'\n                    msgType='1'>\n                  恩\n              \
        </body>\n</message>";
    let posted = json!({"from": alice.jid, "to": bob.bare(), "message": adapted(layout)});
    gateway.post(SEND, &posted).await.expect_success();
    let got = bob.wait_for("恩", |el| body(el).is_some_and(|text| text.trim() == "恩")).await;
    assert_eq!(marks(&got).attr("id"), Some("watcher-18DE3DBE1AF941B3B786C31AA894617F"));

    // What the original's own front service posts: more keys, empty attributes, and a byte order mark.
    let front = r#"{"from":"test1@qtalk.test.org","to":"test2@qtalk.test.org","message":"<message from=\"test1@qtalk.test.org\" to=\"test2@qtalk.test.org\" auto_reply=\"false\" type=\"chat\"><body id=\"qtalk-corp-service-1\" msgType=\"1\" maType=\"20\" extendInfo=\"\" backupinfo=\"\">TEXT</body></message>","system":"qtalk-corp-service","type":"groupchat"}"#;
    gateway.post_raw(SEND, format!("\u{feff}{}", adapted(front))).await.expect_success();
    let got = bob.wait_for("TEXT", says("TEXT")).await;
    assert_eq!((marks(&got).attr("extendInfo"), got.attr("type")), (Some(""), Some("chat")));
}

async fn a_request_id_is_in_the_answer_and_in_the_stanza(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let alice = account(rig, "alice");
    let bob = Client::login(rig, &account(rig, "bob")).await;
    let (text, id) = (fresh("traced"), fresh("order-7.B_"));
    let entry = entry(&alice.jid, bob.bare(), &chat(&text)).to_string();
    let reply =
        gateway.request(|http, url| http.post(format!("{url}{SEND}")).header("X-Request-Id", &id).body(entry)).await;
    assert_eq!(reply.headers["x-request-id"], id.as_str());
    let got = bob.wait_for("the message", says(&text)).await;
    assert!(got.attr("id").is_some_and(|stanza| stanza.contains(&format!(".{id}."))), "{}", show(&got));

    let text = fresh("traced");
    let reply = send(gateway, &alice.jid, bob.bare(), &text).await.expect_success();
    let id = reply.headers["x-request-id"].to_str().expect("an id of the gateway's own").to_owned();
    let got = bob.wait_for("the message", says(&text)).await;
    assert!(got.attr("id").is_some_and(|stanza| stanza.contains(&format!(".{id}."))), "{}", show(&got));
}
