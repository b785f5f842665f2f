//! The lists of the API of Xuanxuan on real servers, and what surrounds every call: paths, signatures,
//! languages, refusals.

use reqwest::Method;
use serde_json::{Value, json};
use stanzagate::config::sessions::Grant;

use crate::on_oldest_and_newest;
use crate::support::{Account, Client, Gateway, Reply, Server, account, fresh};

on_oldest_and_newest!(
    all_groups_are_listed_hidden_ones_too,
    the_members_of_a_group_are_listed_with_their_names,
    all_accounts_are_listed_or_whoever_is_in_a_room,
    calls_are_signed_and_refused_in_the_originals_words,
);

async fn all_groups_are_listed_hidden_ones_too(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let alice = Client::login(rig, &account(rig, "alice")).await;
    let (hidden, nameless) = (fresh("hidden"), fresh("nameless"));
    for room in [&hidden, &nameless] {
        alice.make_room(&format!("{room}@{}", rig.rooms()), "al").await;
    }
    let fields = [("muc#roomconfig_roomname", "第四期 &amp; 讨论"), ("muc#roomconfig_publicroom", "0")];
    let persistent = [("muc#roomconfig_persistentroom", "1"), ("muc#roomconfig_membersonly", "1")];
    alice.configure_room(&format!("{hidden}@{}", rig.rooms()), &[fields, persistent].concat()).await;
    for query in ["m=chat&f=getChatGroups", "m=Chat&f=GETCHATGROUPS", "f=getchatgroups&t=json&m=chat"] {
        let groups = gateway.xuanxuan(query).await.expect_data();
        assert_eq!(groups[&hidden], "第四期 & 讨论", "{groups}");
        assert_eq!(groups[&nameless], nameless.as_str(), "{groups}");
    }
    let by_x = gateway.get(&format!("/x.php?{}", gateway.signed("m=chat&f=getChatGroups"))).await;
    assert_eq!(by_x.headers["content-type"], "application/json; charset=utf-8");
    assert!(by_x.expect_data().get(&hidden).is_some());
}

async fn the_members_of_a_group_are_listed_with_their_names(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (one, two, three) = (account(rig, "alice"), account(rig, "bob"), account(rig, "carol"));
    let bob = Client::login(rig, &two).await;
    bob.set_vcard("<NICKNAME>李四</NICKNAME>").await;
    let members = json!({"owner": one.name, "members": [two.name]});
    let group = gateway.maxleap(Method::POST, "/groups", &members).await.expect_status(201).json;
    let gid = group.as_str().expect("an id");
    let expected = json!({ one.name.clone(): one.name, two.name.clone(): "李四" });
    for query in [format!("m=chat&f=getChatUsers&gid={gid}"), format!("m=chat&f=getChatUsers&groupID={gid}")] {
        assert_eq!(gateway.xuanxuan(&query).await.expect_data(), expected);
    }
    // Whoever has left is no member.
    gateway.maxleap(Method::DELETE, &format!("/groups/{gid}/members/{}", two.name), &Value::Null).await;
    let query = format!("m=chat&f=getChatUsers&gid={gid}");
    assert_eq!(gateway.xuanxuan(&query).await.expect_data(), json!({ one.name.clone(): one.name }));
    for unknown in [fresh("nobody"), three.name, "a@b".into(), "a%20b".into(), "%3Cx%3E".into(), "x".repeat(2000)] {
        let message = gateway.xuanxuan(&format!("m=chat&f=getChatUsers&gid={unknown}")).await.expect_fail();
        assert!(message.starts_with("The chat group does not exist: ") && message.len() < 400, "{message}");
    }
    assert!(gateway.xuanxuan("m=chat&f=getChatGroups").await.expect_data().get(fresh("nobody")).is_none());
}

async fn all_accounts_are_listed_or_whoever_is_in_a_room(server: Server) {
    let rig = server.start(Grant::Oauth);
    let gateway = Gateway::start(&rig, |_| {}).await;
    let everybody = json!({"alice": "alice", "bob": "bob", "carol": "carol", "dave": "dave"});
    for query in ["m=chat&f=getChatUsers", "m=chat&f=getChatUsers&gid="] {
        assert_eq!(gateway.xuanxuan(query).await.expect_data(), everybody);
    }
    gateway.shutdown().await;

    // A server that does not let the gateway list accounts.
    let (file, lines, instead) = match server.is_ejabberd() {
        true => ("ejabberd.yml", "  configure:\n    allow: gateway\n", ""),
        false => ("prosody.cfg.lua", "{ \"firewall\"; \"stanzagate\" }", "{ \"firewall\" }"),
    };
    rig.stop_server().expect("the server's end");
    let path = rig.dir().join(file);
    let shipped = std::fs::read_to_string(&path).expect("the server's configuration");
    assert!(shipped.contains(lines), "{lines} is not in {file}");
    std::fs::write(&path, shipped.replace(lines, instead)).expect("the server's configuration");
    rig.start_server().expect("the server");
    let gateway = Gateway::start(&rig, |_| {}).await;
    assert_eq!(gateway.xuanxuan("m=chat&f=getChatUsers").await.expect_data(), json!({}));
    let person = |name: &str| Account {
        name: name.to_owned(),
        password: rig.users()[name].clone(),
        jid: format!("{name}@{}", rig.domain()),
    };
    let (alice, bob) = (Client::login(&rig, &person("alice")).await, Client::login(&rig, &person("bob")).await);
    bob.set_vcard("<NICKNAME>李四</NICKNAME>").await;
    for (client, room) in [(&alice, "one"), (&bob, "two")] {
        let room = format!("{room}@{}", rig.rooms());
        client.make_room(&room, "n").await;
        client.configure_room(&room, &[("muc#roomconfig_publicroom", "0")]).await;
        client.affiliate(&room, &person("alice").jid, "owner").await;
    }
    let listed = gateway.xuanxuan("m=chat&f=getChatUsers").await.expect_data();
    assert_eq!(listed, json!({"alice": "alice", "bob": "李四"}));
    gateway.shutdown().await;
}

async fn calls_are_signed_and_refused_in_the_originals_words(server: Server) {
    let gateway = Gateway::shared(server).await;
    let (code, _) = gateway.xuanxuan_entry();
    let get = async |query: &str, language: &str| {
        let path = format!("/api.php?{query}");
        let language = language.to_owned();
        gateway.request(|http, url| http.get(format!("{url}{path}")).header("accept-language", language)).await
    };
    let expect = |reply: Reply, errcode: u64, text: &str| {
        assert_eq!((reply.status.as_u16(), reply.json), (200, json!({"errcode": errcode, "errmsg": text})));
    };
    let token = "f5633c34c0c551a16c1d63bceb38d6a8";
    for (query, errcode, chinese, english) in [
        ("m=chat&f=getChatUsers".to_owned(), 401, "缺少code参数", "Param code is missing."),
        (format!("m=chat&code={code}"), 401, "缺少token参数", "Param token is missing."),
        (format!("m=chat&code=x&token={token}"), 404, "应用不存在", "Key of entry is missing."),
        (format!("m=chat&code={code}&token={token}"), 401, "无效的token参数", "Invalid token."),
    ] {
        expect(get(&query, "zh-CN,zh;q=0.9").await, errcode, chinese);
        expect(get(&query, "en-US").await, errcode, english);
    }
    // A foreign signature: that of another method, of another order, of another group.
    let signed = gateway.signed("m=chat&f=getChatUsers&gid=a");
    for (from, to) in
        [("getChatUsers", "getChatGroups"), ("gid=a", "gid=b"), ("m=chat&f=getChatUsers", "f=getChatUsers&m=chat")]
    {
        expect(get(&signed.replace(from, to), "").await, 401, "Invalid token.");
    }
    let reply = get(&gateway.signed("m=chat&f=deleteAll"), "zh").await;
    assert_eq!((reply.status.as_u16(), &reply.json["message"]), (404, &json!("没有此接口：chat/deleteall")));
    assert_eq!(get(&gateway.signed("m=user&f=getChatGroups"), "").await.status, 404);
    let path = format!("/api.php?{}", gateway.signed("m=chat&f=getChatGroups"));
    assert_eq!(gateway.request(|http, url| http.put(format!("{url}{path}"))).await.status, 405);
    assert!(gateway.post_raw(&path, "").await.expect_data().is_object());

    // Whoever guesses has to wait, and nobody else for them.
    let last = loop_until_limited(gateway).await;
    assert_eq!((last.status.as_u16(), &last.json["errcode"]), (429, &json!(429)));
    assert!(last.headers.contains_key("retry-after"));
    gateway.xuanxuan("m=chat&f=getChatGroups").await.expect_data();
}

async fn loop_until_limited(gateway: &Gateway) -> Reply {
    for _ in 0..200 {
        let reply = gateway.get(&format!("/api.php?code=guessed&token={}", "0".repeat(32))).await;
        if reply.status != 200 {
            return reply;
        }
    }
    panic!("200 wrong calls were answered")
}
