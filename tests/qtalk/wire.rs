//! What qtalk's callers send, as the documents and known programs write it, is read as what they mean.

use std::time::Instant;

use axum::http::Request;
use stanzagate::chat::types::address::Addresses;
use stanzagate::chat::types::message::{Attributes, Content, Message, Target};
use stanzagate::config::Config;
use stanzagate::config::access::{Auth, Key};
use stanzagate::config::secret::Secret;
use stanzagate::dialects::qtalk::context::Scope;
use stanzagate::dialects::qtalk::error::{Code, Failure};
use stanzagate::dialects::qtalk::json::Json;
use stanzagate::dialects::qtalk::{
    json, member, notify::Notice, profile, room, staff, text, thirdmessage::MessageRequest,
};
use stanzagate::http::access::{Access, Caller};
use stanzagate::http::client_addr::ClientAddr;

const ROOM: &str = "test-8470e92d33304a27a847ddcbc3b9ae2b@conference.qtalk.test.org";

struct World {
    addresses: Addresses,
    config: Config,
    caller: Caller,
}

impl World {
    /// Serves qtalk.test.org; the caller's key is limited to `domains`.
    fn new(domains: &[&str]) -> World {
        let mut config = Config::default();
        config.server.domain = "qtalk.test.org".into();
        config.server.domains = vec!["other.test.org".into()];
        let addresses = Addresses::new(&config.server).unwrap();
        let key = Key {
            name: "test".into(),
            key: Secret::new("k"),
            domains: domains.iter().map(|domain| (*domain).into()).collect(),
            requests_per_second: None,
        };
        let head = Request::builder().header("x-api-key", "k").body(()).unwrap().into_parts().0;
        let from = ClientAddr { ip: [127, 0, 0, 1].into(), relayed: false };
        let caller = Access::new(Auth::Key, &[key], &[]).check(from, &head, Instant::now()).unwrap();
        World { addresses, config, caller }
    }

    fn scope(&self) -> Scope<'_> {
        Scope { addresses: &self.addresses, config: &self.config, caller: &self.caller }
    }
}

fn body(text: &str) -> Json<'static> {
    json::read(text.as_bytes(), 1_000).unwrap().into_owned()
}

fn third(world: &World, text: &str) -> Result<Message, Failure> {
    MessageRequest::read(world.scope(), &body(text))?.into_message(world.scope())
}

fn user(jid: &str) -> Target {
    Target::User(jid.parse().unwrap())
}

#[test]
fn the_documented_third_message_goes_from_user_to_user() {
    let sent = third(
        &World::new(&[]),
        r#"{
   "from":"test1@qtalk.test.org",
   "to":"test2@qtalk.test.org",
   "message":"<message xml:lang='en' from='test1@qtalk.test.org' to='test2@qtalk.test.org' type='chat'><body msgType='1' maType='3' id='7aea7e1c7b544992ace3bdb4b3ab233271sd3ffsadfsad22'>dddddddddddddddddddddddddddddddddddddddd</body></message>"
}"#,
    )
    .unwrap();
    assert_eq!((sent.from.as_str(), sent.to), ("test1@qtalk.test.org", user("test2@qtalk.test.org")));
    assert!(sent.sender_copy);
    assert!(matches!(sent.content, Content::Fragment(fragment) if fragment.kind() == "chat"));
}

#[test]
fn the_address_in_the_json_goes_before_the_one_in_the_xml() {
    let world = World::new(&[]);
    let message = r#"<message from=\"mallory@else.where\" to=\"x@else.where\" auto_reply=\"true\" type=\"chat\"><body id=\"qtalk-corp-service-1\" msgType=\"1\" maType=\"20\" extendInfo=\"\" backupinfo=\"\">&#31995;</body></message>"#;
    let text = |to: &str| {
        format!(r#"{{"from":"u@qtalk.test.org/pc","to":"{to}","message":"{message}","system":"s","type":"groupchat"}}"#)
    };
    let sent = third(&world, &text("V@other.test.org")).unwrap();
    assert_eq!((sent.from.as_str(), sent.to), ("u@qtalk.test.org", user("v@other.test.org")));
    assert!(!sent.sender_copy, "auto_reply means no copy");
    let sent = third(&world, &text(ROOM)).unwrap();
    assert_eq!(sent.to, Target::Room(ROOM.parse().unwrap()));
    let occupant = third(&world, &text(&format!("{ROOM}/nick"))).unwrap_err();
    assert_eq!(occupant.code, Code::Address);
}

#[test]
fn the_documented_group_message_goes_to_the_room() {
    let world = World::new(&[]);
    let xml = r#"<message type=\"groupchat\" to=\"f273a142f23047369c19aab73bc80b6c@conference.qtalk.test.org\" from=\"test2@qtalk.test.org\" client_ver='0'><body id=\"watcher-939f7a51be664bb78dfff32457cd2171\" maType='20' msgType=\"1\" >11111111111</body></message>"#;
    let text = |to: &str| format!(r#"{{"from":"test2@qtalk.test.org","to":"{to}","message":"{xml}"}}"#);
    let room = "f273a142f23047369c19aab73bc80b6c@conference.qtalk.test.org";
    assert_eq!(third(&world, &text(room)).unwrap().to, Target::Room(room.parse().unwrap()));
    assert_eq!(third(&world, &text("test1@qtalk.test.org")).unwrap_err().code, Code::Address);
}

#[test]
fn what_is_wrong_with_a_third_message_is_named() {
    let world = World::new(&["qtalk.test.org"]);
    let ok = "<message type='chat'><body>x</body></message>";
    let cases = [
        (r#"{"to":"a@qtalk.test.org","message":"m"}"#.to_owned(), Code::BadRequest, "from is missing"),
        (r#"{"from":null,"to":"a@qtalk.test.org","message":"m"}"#.to_owned(), Code::BadRequest, "from is missing"),
        (r#"{"from":["a"],"to":"b","message":"m"}"#.to_owned(), Code::BadRequest, "from must be a string"),
        (r#"{"from":"a@qtalk.test.org","to":{},"message":"m"}"#.to_owned(), Code::BadRequest, "to must be a string"),
        (r#"{"from":"a@else.where","to":"b","message":"m"}"#.to_owned(), Code::Address, "from: "),
        (r#"{"from":"a@other.test.org","to":"b","message":"m"}"#.to_owned(), Code::Domain, "this key may not"),
        (format!(r#"{{"from":"a@qtalk.test.org","to":"b@else.where","message":"{ok}"}}"#), Code::Address, "to: "),
        (r#"{"from":"a@qtalk.test.org","to":"b@qtalk.test.org","message":"<a"}"#.to_owned(), Code::Xml, "message: "),
        (r#"{"from":"a@qtalk.test.org","to":"b@qtalk.test.org","message":7}"#.to_owned(), Code::Xml, "message: "),
    ];
    for (text, code, start) in cases {
        let failure = third(&world, &text).unwrap_err();
        assert_eq!(failure.code, code, "{text}: {}", failure.errmsg);
        assert!(failure.errmsg.starts_with(start), "{text}: {}", failure.errmsg);
    }
}

fn notices(text: &str) -> Vec<(Target, Attributes)> {
    let world = World::new(&[]);
    let value = body(text);
    let notice = Notice::read(world.scope(), &value).unwrap();
    let all = match notice.to {
        Json::List(all) => all.as_slice(),
        one => std::slice::from_ref(one),
    };
    all.iter()
        .map(|to| {
            let sent = notice.message(world.scope(), to).unwrap();
            assert!(!sent.sender_copy);
            match sent.content {
                Content::Notice { ns, name, attributes } => {
                    assert_eq!((ns, name), ("jabber:x:presence_notify", "notify"));
                    (sent.to, attributes)
                }
                other => panic!("{other:?}"),
            }
        })
        .collect()
}

#[test]
fn notifications_go_to_one_or_many_with_their_data_as_text() {
    let attributes = |category: &str, data: &str| vec![("category", category.to_owned()), ("data", data.to_owned())];
    let documented = r#"{"from":"test1@qtalk.test.org","to":"test2@qtalk.test.org","category":"参见事件说明","data":"参见事件说明"}"#;
    let expected = vec![(user("test2@qtalk.test.org"), attributes("参见事件说明", "参见事件说明"))];
    assert_eq!(notices(documented), expected);
    let many =
        r#"{"from":"admin@qtalk.test.org","category":1,"data":"","to":["u1@qtalk.test.org","u2@qtalk.test.org"]}"#;
    let expected = ["u1", "u2"].map(|name| (user(&format!("{name}@qtalk.test.org")), attributes("1", "")));
    assert_eq!(notices(many), expected);
    let sync = r#"{"from":"u@qtalk.test.org","to":"u@qtalk.test.org","category":"6","data":"{\"version\":12,\"resource\":\"V[..]_P[..]\"}"}"#;
    let expected = vec![(user("u@qtalk.test.org"), attributes("6", r#"{"version":12,"resource":"V[..]_P[..]"}"#))];
    assert_eq!(notices(sync), expected);
    let bare =
        r#"{"from":"u@qtalk.test.org","to":"u@qtalk.test.org","category":8,"data":{"updateTime":"1599042354657"}}"#;
    let expected = vec![(user("u@qtalk.test.org"), attributes("8", r#"{"updateTime":"1599042354657"}"#))];
    assert_eq!(notices(bare), expected);
}

#[test]
fn the_documented_room_calls_name_room_owner_and_members() {
    let world = World::new(&[]);
    let scope = world.scope();
    let create = body(
        r#"{"muc_id":"test-8470e92d33304a27a847ddcbc3b9ae2b","muc_owner":"admin","muc_domain":"conference.qtalk.test.org","system":"test"}"#,
    );
    let created = room::new_room(scope, &create).unwrap();
    assert_eq!((created.room.as_str(), created.owner.as_ref().unwrap().as_str()), (ROOM, "admin@qtalk.test.org"));
    assert_eq!((created.name.as_str(), created.description.as_str(), created.members_only), ("", "", true));
    let (destroyed, owner) = room::old_room(scope, &create).unwrap();
    assert_eq!((destroyed.as_str(), owner.as_str()), (ROOM, "admin@qtalk.test.org"));

    let change = body(
        r#"{"muc_id":"test-8470e92d33304a27a847ddcbc3b9ae2b","muc_owner":"admin","muc_domain":"conference.qtalk.test.org","muc_member":["test1","test2",3,"Test1@qtalk.test.org","x@other.test.org"],"system":"test"}"#,
    );
    let added = member::Change::read_add(scope, &change).unwrap();
    assert_eq!((added.room.as_str(), added.by.unwrap().as_str()), (ROOM, "admin@qtalk.test.org"));
    let members: Vec<_> = added.users.jids.iter().map(|jid| jid.as_str()).collect();
    assert_eq!(members, ["test1@qtalk.test.org", "test2@qtalk.test.org", "3@qtalk.test.org", "x@other.test.org"]);
    assert_eq!(member::Change::read_del(scope, &change).unwrap().users.jids.len(), 4);
}

#[test]
fn undocumented_room_fields_are_honoured() {
    let world = World::new(&["other.test.org"]);
    let all = r#"{"muc_id":"Mucid7","muc_domain":"conference.other.test.org","muc_owner":"a","muc_true_owner":"b","muc_owner_host":"other.test.org","muc_name":"mucname7","muc_desc":"this is desc"}"#;
    let created = room::new_room(world.scope(), &body(all)).unwrap();
    assert_eq!(created.room.as_str(), "mucid7@conference.other.test.org");
    assert_eq!(created.owner.unwrap().as_str(), "b@other.test.org");
    assert_eq!((created.name.as_str(), created.description.as_str()), ("mucname7", "this is desc"));
    let (_, owner) = room::old_room(world.scope(), &body(all)).unwrap();
    assert_eq!(owner.as_str(), "a@other.test.org", "destroy_muc does not know muc_true_owner");
    let host = r#"{"muc_id":"r","muc_domain":"conference.other.test.org","muc_owner":"a","host":"qtalk.test.org"}"#;
    assert_eq!(room::old_room(world.scope(), &body(host)).unwrap_err().code, Code::Domain);
}

#[test]
fn a_limited_key_changes_rooms_of_its_own_domains_only() {
    let world = World::new(&["other.test.org"]);
    let foreign = r#"{"muc_id":"r","muc_domain":"conference.qtalk.test.org","muc_owner":"a","muc_owner_host":"other.test.org","host":"other.test.org","muc_member":["x@other.test.org"]}"#;
    assert_eq!(room::new_room(world.scope(), &body(foreign)).unwrap_err().code, Code::Domain);
    assert_eq!(room::old_room(world.scope(), &body(foreign)).unwrap_err().code, Code::Domain);
    assert_eq!(member::Change::read_add(world.scope(), &body(foreign)).err().unwrap().code, Code::Domain);
    assert_eq!(member::Change::read_del(world.scope(), &body(foreign)).err().unwrap().code, Code::Domain);
    let own = foreign.replace("conference.qtalk", "conference.other");
    assert!(member::Change::read_add(world.scope(), &body(&own)).is_ok());
}

#[test]
fn nobody_is_added_by_a_missing_list_but_removal_needs_one() {
    let world = World::new(&[]);
    let request = |member: &str| {
        body(&format!(r#"{{"muc_id":"r","muc_domain":"conference.qtalk.test.org","muc_owner":"a"{member}}}"#))
    };
    for nobody in ["", r#","muc_member":"""#, r#","muc_member":[]"#, r#","muc_member":null"#] {
        assert!(member::Change::read_add(world.scope(), &request(nobody)).unwrap().users.jids.is_empty());
    }
    let errmsg = |result: Result<member::Change, Failure>| result.err().unwrap().errmsg;
    assert_eq!(errmsg(member::Change::read_del(world.scope(), &request(""))), "muc_member is missing");
    let text = request(r#","muc_member":"test1""#);
    assert_eq!(errmsg(member::Change::read_add(world.scope(), &text)), "muc_member must be a list, not a string");
    let mixed = member::Change::read_add(world.scope(), &request(r#","muc_member":["ok",{},"b@else.where"]"#)).unwrap();
    let failure = mixed.users.result(Vec::new()).unwrap_err();
    let places: Vec<_> = failure.failed.iter().map(|part| (part.index, part.code)).collect();
    assert_eq!(places, [(1, Code::BadRequest), (2, Code::Address)]);
}

#[test]
fn profile_and_staff_requests_name_their_users() {
    let world = World::new(&[]);
    let asked = profile::asked(world.scope(), &body(r#"{"ID":"test","Domain":"qtalk.test.org"}"#)).unwrap();
    assert_eq!(asked.as_str(), "test@qtalk.test.org");
    let request = body(r#"{"users":["test","test1"],"host":"qtalk.test.org"}"#);
    let (rooms, users) = staff::leavers(world.scope(), &request).unwrap();
    assert_eq!(rooms, "conference.qtalk.test.org");
    let users: Vec<_> = users.jids.iter().map(|jid| jid.as_str()).collect();
    assert_eq!(users, ["test@qtalk.test.org", "test1@qtalk.test.org"]);
    let limited = World::new(&["other.test.org"]);
    assert_eq!(staff::leavers(limited.scope(), &request).err().unwrap().code, Code::Domain);
}

#[test]
fn the_documented_text_message_goes_to_each_user() {
    let world = World::new(&[]);
    let request = body(
        r#"{"From":"test1","To":[{"User":"test"},{"User":"x@other.test.org","More":1}],"Body":"xxxxxxx","Type":"chat","Msg_Type":"1","Host":"qtalk.test.org","Domain":"qtalk.test.org","Extend_Info":""}"#,
    );
    let Ok(text::Request::Users(text, entries, host)) = text::Request::read(world.scope(), &request) else {
        panic!("not a message to users")
    };
    let to: Vec<_> =
        entries.iter().map(|entry| text::recipient(world.scope(), entry, &host).unwrap().to_string()).collect();
    assert_eq!(to, ["test@qtalk.test.org", "x@other.test.org"]);
    let sent = text.message(world.scope(), user("test@qtalk.test.org"));
    assert_eq!(sent.from.as_str(), "test1@qtalk.test.org");
    let Content::Text { body, kind, marks, child, .. } = sent.content else { panic!("not a text") };
    assert_eq!((body.as_str(), kind.as_str()), ("xxxxxxx", "chat"));
    assert_eq!((child.ns, child.name), ("urn:stanzagate:qtalk:0", "qtalk"));
    let (ids, others): (Vec<_>, Vec<_>) = marks.into_iter().partition(|(name, _)| *name == "id");
    assert!(ids.len() == 1 && ids[0].1.starts_with("http"));
    assert_eq!(others, [("msgType", "1".to_owned()), ("extendInfo", String::new())]);
}

#[test]
fn a_text_for_a_room_is_checked_in_the_originals_order() {
    let world = World::new(&[]);
    let read = |text: &str| match text::Request::read(world.scope(), &body(text)) {
        Ok(text::Request::Room(_, room)) => room.to_string(),
        Ok(text::Request::Users(..)) => "users".to_owned(),
        Err(failure) => failure.errmsg,
    };
    let room = |rest: &str| read(&format!(r#"{{"Type":"groupchat",{rest}}}"#));
    let to = r#""To":[{"User":"r"}]"#;
    assert_eq!(room(r#""To":[{"User":"r"},{"User":"s"}]"#), "To not suit");
    assert_eq!(room(r#""To":"r""#), "To not suit");
    assert_eq!(room(to), "Message Body is Null");
    assert_eq!(room(&format!(r#"{to},"Body":"b""#)), "User not in Room");
    let domain = r#""Body":"b","Domain":"conference.qtalk.test.org""#;
    assert_eq!(room(&format!("{to},{domain}")), "From make jid error");
    assert_eq!(room(&format!(r#"{to},"Body":"b","Domain":"else.where","From":"a""#)), "Muc make jid error");
    assert_eq!(room(&format!(r#"{to},{domain},"From":"a""#)), "r@conference.qtalk.test.org");
    assert_eq!(read(r#"{"From":"a","To":[]}"#), "Message Body is Null");
    assert_eq!(read(r#"{"Body":"b","To":[]}"#), "From make jid error");
    assert_eq!(read(r#"{"Body":"b","From":"a"}"#), "To is missing");
    assert_eq!(read(r#"{"Body":"b","From":"a","To":[]}"#), "users");
}
