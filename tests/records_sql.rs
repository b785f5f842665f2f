//! Two gateways at once on an ejabberd that keeps its pubsub nodes in PostgreSQL: there its many connections do in the same
//! moment what Mnesia and SQLite do one after the other.

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jid::BareJid;
use serde_json::{Map, Value, json};
use stanzagate::chat::record::Subject;
use stanzagate::config::sessions::Grant;
use stanzagate::dev::{Rig, RigOptions};
use support::postgres::Postgres;
use support::room::condition;
use support::verbs::call;
use support::{Client, Server, Verbs, account, fresh, stanza};

const NODES: usize = 30;
const ROUNDS: usize = 3;

/// A server with two gateways, which are the verbs alone.
struct Stage {
    rig: Rig,
    postgres: Postgres,
    verbs: [&'static Verbs; 2],
}

impl Stage {
    async fn start() -> Stage {
        let postgres = Postgres::start();
        let pubsub = "        host: pubsub.example.org\n";
        let host = "    auth_method: [mnesia]\n    modules:\n";
        let changes = vec![
            (pubsub.to_owned(), format!("        db_type: sql\n{pubsub}")),
            (host.to_owned(), format!("{}{host}", postgres.settings("    "))),
        ];
        let server = Server::Ejabberd23;
        let options = RigOptions {
            server: server.product(),
            root: server.root(),
            grant: Grant::Oauth,
            siblings: 1,
            changes,
            ..RigOptions::default()
        };
        let rig = Rig::start(options).expect("ejabberd with PostgreSQL (erlang-p1-pgsql)");
        let [one, two] = rig.gateways().try_into().expect("two names");
        let verbs = [verbs(&rig, &one).await, verbs(&rig, &two).await];
        Stage { rig, postgres, verbs }
    }

    /// The access models that the nodes have, other than the right one.
    fn open(&self) -> Vec<String> {
        self.postgres.query(
            "select n.node || ' ' || coalesce(string_agg(o.val, ',' order by o.ctid), 'open by default') from pubsub_node n \
             left join pubsub_node_option o on o.nodeid = n.nodeid and o.name = 'access_model' \
             where n.node like 'stanzagate/%' group by n.node having bool_or(o.val is distinct from 'whitelist')",
        )
    }
}

async fn verbs(rig: &Rig, name: &str) -> &'static Verbs {
    Box::leak(Box::new(Verbs::start_with(rig.gateway_config_of(name)).await))
}

fn user(name: &str) -> BareJid {
    BareJid::new(&format!("{name}@example.org")).expect("a JID")
}

fn map(value: Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

#[test]
fn records_are_closed_at_every_moment() {
    run(async {
        let stage = Stage::start().await;
        let mallory = Client::login(&stage.rig, &account(&stage.rig, "mallory")).await;
        let (mut all_open, mut all_seen) = (Vec::new(), BTreeSet::new());
        for round in 0..ROUNDS {
            let users: Vec<BareJid> = (0..NODES).map(|_| user(&fresh("closed"))).collect();
            let over = Arc::new(AtomicBool::new(false));
            let writers = users.iter().flat_map(|user| {
                stage.verbs.into_iter().enumerate().map(move |(n, verbs)| {
                    let subject = Subject::User(user.clone());
                    let attributes = map(json!({format!("secret{n}"): "word"}));
                    tokio::spawn(verbs.run(async move {
                        verbs.chat.merge_attributes(&call(), &verbs.realm, &subject, &attributes).await
                    }))
                })
            });
            let writers: Vec<_> = writers.collect();
            let poll = async {
                let mut seen = BTreeSet::new();
                while !over.load(Ordering::Relaxed) {
                    for user in &users {
                        let items = format!("<items node='stanzagate/user/{user}'/>");
                        let reply = mallory.iq(query(&items)).await;
                        if support::element::show(&reply).contains("word") {
                            seen.insert(user.to_string());
                        }
                    }
                }
                seen
            };
            let write = async {
                for writer in writers {
                    writer.await.expect("a writer").expect("an attribute that is set");
                }
                over.store(true, Ordering::Relaxed);
            };
            let (seen, ()) = tokio::join!(poll, write);
            let open = stage.open();
            println!("round {round}: {} of {NODES} nodes are open, {} were read by a user", open.len(), seen.len());
            all_open.extend(open);
            all_seen.extend(seen);
            for user in &users {
                for verbs in stage.verbs {
                    let subject = Subject::User(user.clone());
                    let record =
                        verbs.run(async move { verbs.chat.record(&call(), &verbs.realm, &subject).await }).await;
                    let attributes = record.expect("a record").attributes;
                    assert_eq!(attributes, map(json!({"secret0": "word", "secret1": "word"})), "{user}");
                }
                let reply = mallory.iq(query(&format!("<items node='stanzagate/user/{user}'/>"))).await;
                assert!(condition(&reply).is_some() || all_open.len() > 0, "{}", support::element::show(&reply));
            }
        }
        assert_eq!((all_open, all_seen), (Vec::new(), BTreeSet::new()));
    });
}

#[test]
fn a_user_has_one_number() {
    run(async {
        let stage = Stage::start().await;
        let mut with_two = Vec::new();
        for round in 0..ROUNDS {
            let users: Vec<BareJid> = (0..20).map(|_| user(&fresh("numbered"))).collect();
            let ask = |verbs: &'static Verbs, user: BareJid| {
                tokio::spawn(verbs.run(async move {
                    verbs.chat.numbers(&call(), &verbs.realm, &[user]).await.remove(0).expect("a number")
                }))
            };
            let asked: Vec<_> = users.iter().map(|user| stage.verbs.map(|verbs| ask(verbs, user.clone()))).collect();
            let mut two = Vec::new();
            for (user, [here, there]) in users.iter().zip(asked) {
                let numbers = (here.await.expect("a number"), there.await.expect("a number"));
                if numbers.0 != numbers.1 {
                    two.push((user.to_string(), numbers));
                }
            }
            println!("round {round}: {} of 20 users have two numbers", two.len());
            with_two.extend(two);
        }
        assert!(with_two.is_empty(), "{with_two:?}");
        assert_eq!(stage.open(), Vec::<String>::new());
    });
}

fn query(payload: &str) -> tokio_xmpp::minidom::Element {
    let pubsub = format!("<pubsub xmlns='http://jabber.org/protocol/pubsub'>{payload}</pubsub>");
    stanza(&format!("<iq type='get' to='pubsub.example.org'>{pubsub}</iq>"))
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a tokio runtime").block_on(test);
}
