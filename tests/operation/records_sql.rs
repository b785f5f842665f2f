//! Two gateways at once on an ejabberd, the oldest and the newest, that keeps its pubsub nodes in PostgreSQL: there its many
//! connections do in the same moment what Mnesia and SQLite do one after the other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jid::BareJid;
use serde_json::{Map, Value, json};
use stanzagate::chat::records::Subject;
use stanzagate::chat::types::error::ChatError;
use stanzagate::chat::types::right::Right;
use stanzagate::dev::{Rig, RigOptions};

use crate::support::people::until;
use crate::support::postgres::Postgres;
use crate::support::verbs::call;
use crate::support::{Client, Server, Verbs, account, fresh, stanza};

crate::tests_on_servers!(
    [(ejabberd_23, Ejabberd23), (ejabberd_26, Ejabberd26)]
    records_are_closed_at_every_moment
    open_records_are_closed_and_listed
    a_later_sibling_is_let_in_by_a_statement
    a_user_has_one_number
);

const NODES: usize = 30;
const ROUNDS: usize = 3;

/// A server with three gateways' names, and the verbs of the first two.
struct Stage {
    rig: Rig,
    postgres: Postgres,
    verbs: [&'static Verbs; 2],
}

impl Stage {
    async fn start(server: Server) -> Stage {
        let postgres = Postgres::start();
        let pubsub = "        host: pubsub.example.org\n";
        let host = "    auth_method: [mnesia]\n    modules:\n";
        let changes = vec![
            (pubsub.to_owned(), format!("        db_type: sql\n{pubsub}")),
            (host.to_owned(), format!("{}{host}", postgres.settings("    "))),
        ];
        let (server, root) = (server.product(), server.root());
        let options = RigOptions { server, root, siblings: 2, changes, ..RigOptions::default() };
        let rig = Rig::start(options).expect("ejabberd with PostgreSQL (erlang-p1-pgsql)");
        let verbs = [verbs(&rig, "gw.example.org").await, verbs(&rig, "gw2.example.org").await];
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

/// The verbs of a gateway that has the first two for siblings.
async fn verbs(rig: &Rig, name: &str) -> &'static Verbs {
    let mut config = rig.gateway_config_of(name);
    config.component.siblings.retain(|sibling| sibling != "gw3.example.org");
    Box::leak(Box::new(Verbs::start_with(config).await))
}

impl Verbs {
    async fn set(&'static self, user: &BareJid, attributes: Value) -> Result<(), ChatError> {
        let (subject, attributes) = (Subject::User(user.clone()), map(attributes));
        self.run(async move { self.chat.records.merge_attributes(&call(), &self.realm, &subject, &attributes).await })
            .await
    }

    async fn attributes(&'static self, user: &BareJid) -> Result<Value, ChatError> {
        let subject = Subject::User(user.clone());
        let record = self.run(async move { self.chat.records.record(&call(), &self.realm, &subject).await }).await;
        record.map(|record| Value::Object(record.attributes))
    }

    /// What `check` says of the records: whether they are closed.
    async fn closed(&'static self) -> Result<String, String> {
        let chat = self.chat.clone();
        let findings = self.run(async move { chat.check().run(None, [Right::Records]).await }).await.findings;
        let finding = findings.into_iter().find(|finding| finding.right == Right::RecordsClosed);
        finding.expect("a finding").verdict
    }
}

/// Whether a user's client is given anything of a record; refused or not, it must not.
async fn reads(client: &Client, user: &BareJid) -> bool {
    let reply = client.iq(query(&format!("<items node='stanzagate/user/{user}'/>"))).await;
    crate::support::element::show(&reply).contains("word")
}

fn user(name: &str) -> BareJid {
    BareJid::new(&format!("{name}@example.org")).expect("a JID")
}

fn map(value: Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

async fn records_are_closed_at_every_moment(server: Server) {
    let stage = Stage::start(server).await;
    let mallory = Client::login(&stage.rig, &account(&stage.rig, "mallory")).await;
    let (mut all_open, mut all_seen) = (Vec::new(), BTreeSet::new());
    for round in 0..ROUNDS {
        let users: Vec<BareJid> = (0..NODES).map(|_| user(&fresh("closed"))).collect();
        let over = Arc::new(AtomicBool::new(false));
        let writers = users.iter().flat_map(|user| {
            stage.verbs.into_iter().enumerate().map(move |(n, verbs)| {
                let user = user.clone();
                tokio::spawn(async move { verbs.set(&user, json!({format!("secret{n}"): "word"})).await })
            })
        });
        let writers: Vec<_> = writers.collect();
        let poll = async {
            let mut seen = BTreeSet::new();
            while !over.load(Ordering::Relaxed) {
                for user in &users {
                    if reads(&mallory, user).await {
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
                let attributes = verbs.attributes(user).await.expect("a record");
                assert_eq!(attributes, json!({"secret0": "word", "secret1": "word"}), "{user}");
            }
        }
    }
    assert_eq!((all_open, all_seen), (Vec::new(), BTreeSet::new()));
}

/// What older versions left.
async fn open_records_are_closed_and_listed(server: Server) {
    let stage = Stage::start(server).await;
    let [one, two] = stage.verbs;
    let mallory = Client::login(&stage.rig, &account(&stage.rig, "mallory")).await;
    let users: Vec<BareJid> = (0..6).map(|_| user(&fresh("left"))).collect();
    for user in &users {
        one.set(user, json!({"secret": "word"})).await.expect("an attribute that is set");
    }
    let all = one.closed().await.expect("closed records");
    assert!(all.starts_with("all 6 "), "{all}");
    let open = async || {
        // As the storage loses them: without options the node has the defaults.
        stage.postgres.query(
            "delete from pubsub_node_option where nodeid in (select nodeid from pubsub_node where node like '%/left%')",
        );
        for user in &users {
            assert!(reads(&mallory, user).await, "the record of {user} is not open");
        }
    };
    let read = async || {
        let mut read = Vec::new();
        for user in &users {
            read.extend(reads(&mallory, user).await.then_some(user));
        }
        read.len()
    };
    open().await;
    two.set(&users[0], json!({"more": "word"})).await.expect("an attribute that is set");
    assert!(!reads(&mallory, &users[0]).await, "something was written to an open node");
    let closed = one.closed().await.expect("records that are closed now");
    assert!(closed.starts_with("5 of 6 were open to any user and are closed now: "), "{closed}");
    assert!(users[1..].iter().all(|user| closed.contains(user.as_str())), "{closed}");
    assert_eq!((read().await, stage.open()), (0, Vec::new()));

    open().await;
    two.run(async { two.chat.records.maintain_records() }).await;
    until("records that are closed", async || (read().await == 0).then_some(())).await;
    assert_eq!(stage.open(), Vec::<String>::new());

    // What cannot be closed is said.
    stage.postgres.query(
        "create function leave() returns trigger language plpgsql as \
         $$ begin if new.name = 'access_model' and exists (select from pubsub_node where nodeid = new.nodeid and node like '%/left%') then new.val := 'open'; end if; return new; end $$",
    );
    stage
        .postgres
        .query("create trigger leave before insert on pubsub_node_option for each row execute function leave()");
    open().await;
    let still = one.closed().await.expect_err("records that are open still");
    assert!(still.starts_with("6 of 6 are open to any user: ") && still.contains(users[3].as_str()), "{still}");
    let error = two.set(&users[4], json!({"new": "word"})).await.expect_err("no closed node");
    assert!(error.to_string().contains("open to others"), "{error}");
    assert_eq!(one.attributes(&users[4]).await.expect("a record"), json!({"secret": "word"}));
}

/// A gateway that is named later: the records that are there are not opened for its sake.
async fn a_later_sibling_is_let_in_by_a_statement(server: Server) {
    let page = include_str!("../../docs/operations.md");
    let (_, statement) = page.split_once("```sql\n").expect("a statement");
    let (statement, _) = statement.split_once("```").expect("its end");
    let stage = Stage::start(server).await;
    let mallory = Client::login(&stage.rig, &account(&stage.rig, "mallory")).await;
    let early = user(&fresh("early"));
    stage.verbs[0].set(&early, json!({"secret": "word"})).await.expect("an attribute that is set");
    stage.postgres.query("create table written (val text)");
    stage.postgres.query(
        "create function note() returns trigger language plpgsql as \
         $$ begin insert into written select node from pubsub_node where nodeid = old.nodeid; return old; end $$",
    );
    stage
        .postgres
        .query("create trigger note before delete on pubsub_node_option for each row execute function note()");

    let config = stage.rig.gateway_config_of("gw2.example.org");
    stage.verbs[1].run(stage.verbs[1].chat.drain(std::time::Duration::ZERO)).await;
    let told = Box::leak(Box::new(Verbs::start_with(config).await));
    let third = Box::leak(Box::new(Verbs::start_with(stage.rig.gateway_config_of("gw3.example.org")).await));
    let third: &'static Verbs = third;
    told.closed().await.expect("closed records");
    assert_eq!(
        stage.postgres.query("select val from written where val like '%/early%'"),
        Vec::<String>::new(),
        "the node was written anew"
    );
    let error = third.attributes(&early).await.expect_err("a record of others");
    assert!(error.to_string().contains("component.siblings"), "{error}");

    stage.postgres.query(&statement.replace("gw2.example.org", "gw3.example.org"));
    assert_eq!(third.attributes(&early).await.expect("a record"), json!({"secret": "word"}));
    third.set(&early, json!({"secret": "words", "more": 1})).await.expect("an attribute that is set");
    assert_eq!(stage.verbs[0].attributes(&early).await.expect("a record"), json!({"secret": "words", "more": 1}));
    assert!(!reads(&mallory, &early).await);
}

async fn a_user_has_one_number(server: Server) {
    let stage = Stage::start(server).await;
    let mut with_two = Vec::new();
    for round in 0..ROUNDS {
        let users: Vec<BareJid> = (0..20).map(|_| user(&fresh("numbered"))).collect();
        let ask = |verbs: &'static Verbs, user: BareJid| {
            tokio::spawn(verbs.run(async move {
                verbs.chat.accounts.numbers(&call(), &verbs.realm, &[user]).await.remove(0).expect("a number")
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
}

fn query(payload: &str) -> tokio_xmpp::minidom::Element {
    let pubsub = format!("<pubsub xmlns='http://jabber.org/protocol/pubsub'>{payload}</pubsub>");
    stanza(&format!("<iq type='get' to='pubsub.example.org'>{pubsub}</iq>"))
}
