//! The gateway's own records on real servers: kept apart by key, kept whole, and closed to everybody else.

use std::sync::Arc;

use jid::BareJid;
use serde_json::{Map, Value, json};
use stanzagate::chat::records::{Record, Subject};
use stanzagate::chat::types::error::ChatError;

use crate::on_oldest_and_newest;
use crate::support::room::condition;
use crate::support::verbs::call;
use crate::support::{Client, Server, Verbs, account, fresh, stanza};

on_oldest_and_newest!(
    keeps_what_writers_side_by_side_set,
    keeps_any_value_under_any_key,
    replaces_and_forgets,
    reads_a_large_record,
    lets_nobody_else_see,
    lists_the_users_with_records,
    names_a_service_that_is_missing,
);

fn user(name: &str) -> BareJid {
    BareJid::new(&format!("{name}@example.org")).expect("a JID")
}

fn fresh_subject() -> Subject {
    Subject::User(user(&fresh("subject")))
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("no object: {other}"),
    }
}

impl Verbs {
    async fn merge(&'static self, subject: &Subject, attributes: Value) -> Result<(), ChatError> {
        let (subject, attributes) = (subject.clone(), map(attributes));
        self.run(async move { self.chat.records.merge_attributes(&call(), &self.realm, &subject, &attributes).await })
            .await
    }

    async fn replace(&'static self, subject: &Subject, attributes: Value) -> Result<(), ChatError> {
        let (subject, attributes) = (subject.clone(), map(attributes));
        self.run(async move { self.chat.records.replace_attributes(&call(), &self.realm, &subject, &attributes).await })
            .await
    }

    async fn record(&'static self, subject: &Subject) -> Record {
        let subject = subject.clone();
        let read = self.run(async move { self.chat.records.record(&call(), &self.realm, &subject).await }).await;
        read.expect("a record")
    }
}

async fn keeps_what_writers_side_by_side_set(server: Server) {
    const WRITERS: usize = 8;
    const TURNS: usize = 5;
    let verbs = Verbs::shared(server).await;
    let subject = fresh_subject();
    let start = Arc::new(tokio::sync::Barrier::new(WRITERS));
    let writers = (0..WRITERS).map(|writer| {
        let (subject, start) = (subject.clone(), start.clone());
        tokio::spawn(async move {
            start.wait().await;
            for turn in 0..TURNS {
                let attributes = json!({format!("own{writer}-{turn}"): {"of": writer}, "common": writer});
                verbs.merge(&subject, attributes).await.expect("a value that is set");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("a writer");
    }
    let mut attributes = verbs.record(&subject).await.attributes;
    let common = attributes.remove("common").and_then(|common| common.as_u64());
    assert!(common.is_some_and(|common| common < WRITERS as u64), "{common:?}");
    let own = (0..WRITERS)
        .flat_map(|writer| (0..TURNS).map(move |turn| (format!("own{writer}-{turn}"), json!({"of": writer}))));
    assert_eq!(attributes, own.collect::<Map<_, _>>());
}

async fn keeps_any_value_under_any_key(server: Server) {
    let verbs = Verbs::shared(server).await;
    let subject = fresh_subject();
    let mut attributes = map(json!({
        "null": null, "yes": true, "int": -9_007_199_254_740_993_i64, "huge": u64::MAX, "float": 1.5e-300, "empty": "",
        "nested": {"a": [1, {"b": [null, [], {}]}], "": "\u{0}\u{1}\u{7f}\u{85}\u{2028}\u{fffe}\u{ffff}"},
        "text": "<a b='c'>&amp;\r\n\t \"é\" 語 😀 ]]></a>", "spaces": "  \n ",
    }));
    for key in [
        "",
        " ",
        "  ",
        "a b",
        "\0",
        "\n\r\t",
        "%",
        "%41",
        "a!b",
        "a/b",
        "<&\"'>",
        "é",
        "e\u{301}",
        "😀",
        "\u{ffff}",
        "KEY",
        "key",
        "n:kind",
        "a:kind",
        ".",
        "\u{200b}",
        "\u{feff}",
        "constructor",
    ] {
        attributes.insert(key.to_owned(), json!({"key": key}));
    }
    attributes.insert("k".repeat(256), json!("long"));
    attributes.insert("😀".repeat(256), json!("long"));
    attributes.insert("\0".repeat(256), json!("long"));
    attributes.insert("large".to_owned(), json!("x\"".repeat(40_000)));
    attributes.insert("markup".to_owned(), json!("<&".repeat(25_000)));
    verbs.merge(&subject, Value::Object(attributes.clone())).await.expect("all values set");
    let read = verbs.record(&subject).await;
    for (key, value) in &attributes {
        assert_eq!(read.attributes.get(key), Some(value), "{key:?}");
    }
    assert_eq!(read.attributes.len(), attributes.len());
    assert_eq!(read.notes, Map::new());

    for key in ["\0", "KEY", "", "nested", "markup"] {
        let (of, key_of) = (subject.clone(), key.to_owned());
        let one =
            verbs.run(async move { verbs.chat.records.attribute(&call(), &verbs.realm, &of, &key_of).await }).await;
        assert_eq!(one.expect("an answer").as_ref(), attributes.get(key), "{key:?}");
    }
    let none = verbs.run({
        let subject = subject.clone();
        async move { verbs.chat.records.attribute(&call(), &verbs.realm, &subject, "no such key").await }
    });
    assert_eq!(none.await.expect("an answer"), None);

    let too_large = verbs.merge(&subject, json!({"yes": false, "large": "&".repeat(60_000)})).await;
    let error = too_large.expect_err("a value that no stanza takes");
    assert_eq!(error.kind(), stanzagate::chat::types::error::Kind::TooLarge, "{error}");
    assert_eq!(verbs.record(&subject).await.attributes["yes"], json!(true), "something was set nevertheless");
}

async fn replaces_and_forgets(server: Server) {
    let verbs = Verbs::shared(server).await;
    let subject = fresh_subject();
    let note = |subject: &Subject, value: Option<Value>| {
        let subject = subject.clone();
        verbs.run(async move {
            verbs
                .chat
                .records
                .set_note(&call(), &verbs.realm, &subject, "kept %", value.as_ref())
                .await
                .expect("a note");
        })
    };
    let forget = |subject: &Subject| {
        let subject = subject.clone();
        verbs.run(async move { verbs.chat.records.forget(&call(), &verbs.realm, &subject).await })
    };
    assert_eq!(verbs.record(&subject).await, Record::default());
    verbs.replace(&subject, json!({})).await.expect("nothing to remove");
    note(&subject, None).await;
    verbs.replace(&subject, json!({"a": 1, "b": [2], "c": null})).await.expect("the first values");
    note(&subject, Some(json!({"made": 12}))).await;
    verbs.replace(&subject, json!({"b": "other", "d": 4})).await.expect("other values");
    let kept = map(json!({"kept %": {"made": 12}}));
    let read = verbs.record(&subject).await;
    assert_eq!(read, Record { attributes: map(json!({"b": "other", "d": 4})), notes: kept.clone() });
    verbs.replace(&subject, json!({})).await.expect("none left");
    assert_eq!(verbs.record(&subject).await, Record { attributes: Map::new(), notes: kept });
    note(&subject, None).await;
    assert_eq!(verbs.record(&subject).await, Record::default());
    verbs.merge(&subject, json!({"again": 1})).await.expect("a value");
    forget(&subject).await.expect("forgotten");
    assert_eq!(verbs.record(&subject).await, Record::default());
    forget(&subject).await.expect("nothing to forget");
    verbs.merge(&subject, json!({"again": 2})).await.expect("a value, after all was forgotten");
    assert_eq!(verbs.record(&subject).await.attributes, map(json!({"again": 2})));
}

async fn reads_a_large_record(server: Server) {
    let verbs = Verbs::shared(server).await;
    let subject = fresh_subject();
    // More than the link takes as one answer. Prosody's internal storage reads and writes the whole node for each item, so
    // that there a record of this size takes minutes.
    let values = if server.is_ejabberd() { 90 } else { 12 };
    let big: Map<String, Value> =
        (0..values).map(|n| (format!("key {n:03}"), json!(format!("{n}{}", "語".repeat(33_000))))).collect();
    for part in big.iter().collect::<Vec<_>>().chunks(10) {
        let part: Map<String, Value> = part.iter().map(|(key, value)| ((*key).clone(), (*value).clone())).collect();
        verbs.merge(&subject, Value::Object(part)).await.expect("big values");
    }
    assert!(verbs.record(&subject).await.attributes == big, "a large record is not what was written");
    verbs
        .run(async move { verbs.chat.records.forget(&call(), &verbs.realm, &subject).await })
        .await
        .expect("forgotten");
}

async fn lets_nobody_else_see(server: Server) {
    let verbs = Verbs::shared(server).await;
    let rig = server.shared();
    let (alice, name) = (Client::login(rig, &account(rig, "alice")).await, fresh("secret"));
    let subject = Subject::User(user(&name));
    let node = format!("stanzagate/user/{name}@example.org");
    verbs.merge(&subject, json!({"secret": "word"})).await.expect("a value");
    let pubsub = |kind: &str, owner: &str, payload: &str| {
        let to = &verbs.realm.pubsub;
        stanza(&format!(
            "<iq type='{kind}' to='{to}'><pubsub xmlns='http://jabber.org/protocol/pubsub{owner}'>{payload}</pubsub></iq>"
        ))
    };
    let me = alice.bare();
    for refused in [
        pubsub("get", "", &format!("<items node='{node}'/>")),
        pubsub("get", "", &format!("<items node='{node}'><item id='a:secret'/></items>")),
        pubsub("set", "", &format!("<subscribe node='{node}' jid='{me}'/>")),
        pubsub("set", "", &format!("<publish node='{node}'><item id='a:secret'><x xmlns='y'/></item></publish>")),
        pubsub("set", "", &format!("<retract node='{node}'><item id='a:secret'/></retract>")),
        pubsub("set", "#owner", &format!("<delete node='{node}'/>")),
        pubsub("get", "#owner", &format!("<configure node='{node}'/>")),
    ] {
        let reply = alice.iq(refused.clone()).await;
        let text = crate::support::element::show(&reply);
        assert!(condition(&reply).is_some(), "{} was answered {text}", crate::support::element::show(&refused));
        assert!(!text.contains("word"), "{text}");
    }
    let items = format!("<query xmlns='http://jabber.org/protocol/disco#items' node='{node}'/>");
    let reply = alice.iq(stanza(&format!("<iq type='get' to='{}'>{items}</iq>", verbs.realm.pubsub))).await;
    assert!(!crate::support::element::show(&reply).contains("a:secret"), "{}", crate::support::element::show(&reply));
    assert_eq!(verbs.record(&subject).await.attributes, map(json!({"secret": "word"})));
    alice.ping().await;
    let told = |element: &tokio_xmpp::minidom::Element| element.attr("from") == Some(verbs.realm.pubsub.as_str());
    let told: Vec<_> = alice.received().into_iter().filter(|el| el.name() == "message" && told(el)).collect();
    assert!(told.is_empty(), "{told:?}");
}

async fn lists_the_users_with_records(server: Server) {
    let verbs = Verbs::shared(server).await;
    let long = format!("{}{}", fresh("long"), "語".repeat(100));
    // More than ejabberd lists by default.
    let names: Vec<String> = (0..120).map(|_| fresh("listed")).chain([long, format!("{}!.%", fresh("odd"))]).collect();
    let users: Vec<BareJid> = names.iter().map(|name| user(name)).collect();
    for user in &users {
        verbs.merge(&Subject::User(user.clone()), json!({"of": user.as_str()})).await.expect("a value");
        verbs.merge(&Subject::RoomsOf(self::user(&fresh("unlisted"))), json!({"x": 1})).await.expect("a value");
    }
    let foreign = BareJid::new("foreign@elsewhere.example").expect("a JID");
    verbs.merge(&Subject::User(foreign.clone()), json!({"x": 1})).await.expect("a value");
    let listed =
        verbs.run(async move { verbs.chat.records.recorded_users(&call(), &verbs.realm).await }).await.expect("users");
    assert!(listed.is_sorted() && !listed.contains(&foreign));
    assert!(!listed.iter().any(|user| user.as_str().starts_with("unlisted")));
    let missing: Vec<_> = users.iter().filter(|user| !listed.contains(user)).collect();
    assert!(missing.is_empty(), "{missing:?} of {}", listed.len());

    let mut subjects: Vec<Subject> = users.iter().cloned().map(Subject::User).collect();
    subjects.insert(1, fresh_subject());
    let records = verbs.run(async move { verbs.chat.records.records(&call(), &verbs.realm, &subjects).await }).await;
    let mut records = records.into_iter().map(|record| record.expect("a record").attributes).collect::<Vec<_>>();
    assert_eq!(records.remove(1), Map::new());
    let expected: Vec<_> = users.iter().map(|user| map(json!({"of": user.as_str()}))).collect();
    assert_eq!(records, expected);
}

async fn names_a_service_that_is_missing(server: Server) {
    let verbs = Verbs::shared(server).await;
    let mut realm = verbs.realm.clone();
    realm.pubsub = "nothing.example.org".to_owned();
    let subject = fresh_subject();
    let outcomes = verbs.run(async move {
        let read = verbs.chat.records.record(&call(), &realm, &subject).await.map(drop);
        let set = verbs.chat.records.merge_attributes(&call(), &realm, &subject, &map(json!({"a": 1}))).await;
        [read, set, verbs.chat.records.recorded_users(&call(), &realm).await.map(drop)]
    });
    for outcome in outcomes.await {
        match outcome {
            Err(ChatError::Right(why)) => assert!(why.contains("server.pubsub"), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}
