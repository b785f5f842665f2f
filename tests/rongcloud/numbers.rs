//! Numbers of users on real servers: one for each, the same at every gateway, and never another's.

mod left;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jid::BareJid;
use sha2::{Digest, Sha256};
use stanzagate::chat::Chat;
use stanzagate::chat::types::address::Realm;
use stanzagate::chat::types::error::ChatError;
use stanzagate::chat::types::error::Kind;
use stanzagate::config::sessions::Grant;
use stanzagate::dev::Rig;
use stanzagate::metrics::Metrics;

use crate::on_oldest_and_newest;
use crate::support::gateways::{Gateways, call, run, up};
use crate::support::room::condition;
use crate::support::{Client, Server, account, fresh, stanza};
use left::mends_what_was_left;

on_oldest_and_newest!(
    gives_a_user_one_number_whoever_asks,
    keeps_users_apart_whose_hashes_meet,
    lets_nobody_else_say_whose_a_number_is,
    takes_a_number_for_itself,
    keeps_numbers_when_all_restarts,
    mends_what_was_left,
);

const DERIVED: u64 = 1 << 52;
const PUBSUB: &str = "http://jabber.org/protocol/pubsub";

fn user(name: &str) -> BareJid {
    BareJid::new(&format!("{name}@example.org")).expect("a JID")
}

/// The number that a user should have when others hold the `n` before it.
fn derived(user: &BareJid, n: u8) -> u64 {
    let digest = Sha256::digest([user.as_str().as_bytes(), &[0, n]].concat());
    DERIVED + (u64::from_be_bytes(digest[..8].try_into().expect("8 bytes")) >> 12)
}

/// Makes the node of a number.
fn creation(from: &str, number: u64, access: &str, description: &str) -> String {
    let field = |name: &str, value: &str| format!("<field var='{name}'><value>{value}</value></field>");
    format!(
        "<iq type='set' {from} to='pubsub.example.org'><pubsub xmlns='{PUBSUB}'>\
         <create node='stanzagate/number/{number}'/><configure><x xmlns='jabber:x:data' type='submit'>{}{}{}</x>\
         </configure></pubsub></iq>",
        field("FORM_TYPE", &format!("{PUBSUB}#node_config")),
        field("pubsub#access_model", access),
        field("pubsub#description", description)
    )
}

impl Gateways {
    /// Has a number held, as if by a gateway; false when it was held before.
    async fn hold(&'static self, number: u64, holder: &str) -> bool {
        self.ask(&creation("from='gw.example.org'", number, "whitelist", holder)).await == "result"
    }
}

/// A gateway as the tests use it.
#[derive(Clone)]
struct Gateway {
    chat: Chat,
    realm: Realm,
}

impl Gateway {
    async fn new(gateways: &'static Gateways) -> Gateway {
        let (chat, realm) = gateways.gateway().await;
        Gateway { chat, realm }
    }

    async fn outcomes(&self, users: &[BareJid]) -> Vec<Result<u64, ChatError>> {
        let (this, users) = (self.clone(), users.to_vec());
        run(async move { this.chat.accounts.numbers(&call(), &this.realm, &users).await }).await
    }

    async fn numbers(&self, users: &[BareJid]) -> Vec<u64> {
        self.outcomes(users).await.into_iter().map(|number| number.expect("a number")).collect()
    }

    async fn user(&self, number: u64) -> Result<Option<BareJid>, ChatError> {
        let this = self.clone();
        run(async move { this.chat.accounts.user_of_number(&call(), &this.realm, number).await }).await
    }

    async fn users(&self, numbers: &[u64]) -> Vec<Option<BareJid>> {
        let mut users = Vec::new();
        for number in numbers {
            users.push(self.user(*number).await.expect("an answer"));
        }
        users
    }
}

async fn gives_a_user_one_number_whoever_asks(server: Server) {
    let all = Gateways::shared(server).await;
    let (one, other) = (Gateway::new(all).await, Gateway::new(all).await);
    let names = (0..20).map(|_| fresh("user")).chain([fresh("é語!%20."), fresh(&"語".repeat(200)), fresh("00")]);
    let users: Vec<BareJid> = names.map(|name| user(&name)).collect();
    let reversed: Vec<BareJid> = users.iter().rev().cloned().collect();
    let (numbers, again, mut back, few) =
        tokio::join!(one.numbers(&users), other.numbers(&users), other.numbers(&reversed), one.numbers(&users[3..5]));
    back.reverse();
    assert_eq!((&again, &back, &few[..]), (&numbers, &numbers, &numbers[3..5]));
    assert_eq!(numbers, users.iter().map(|user| derived(user, 0)).collect::<Vec<_>>());
    assert_eq!(numbers.iter().collect::<HashSet<_>>().len(), users.len());
    let holders: Vec<_> = users.iter().cloned().map(Some).collect();
    assert_eq!(one.users(&numbers).await, holders);

    let third = Gateway::new(all).await;
    assert_eq!(third.users(&numbers[..5]).await, holders[..5]);
    let mut asked = Vec::new();
    for _ in 0..2 {
        let (this, users, call) = (third.clone(), users.clone(), call());
        let of = call.clone();
        let found = run(async move { this.chat.accounts.numbers(&of, &this.realm, &users).await }).await;
        assert_eq!(found.into_iter().map(|number| number.expect("a number")).collect::<Vec<_>>(), numbers);
        asked.push(all.asked(&call));
    }
    // One question for each who was not looked up before, then none.
    assert_eq!(asked, [users.len() - 5, 0]);
}

async fn keeps_users_apart_whose_hashes_meet(server: Server) {
    let all = Gateways::shared(server).await;
    let (one, other) = (Gateway::new(all).await, Gateway::new(all).await);
    let [bob, rival, unmet, unlucky] = ["bob", "rival", "unmet", "unlucky"].map(|name| user(&fresh(name)));
    assert!(all.hold(derived(&bob, 0), rival.as_str()).await);
    // Whatever this is for, it is for no user.
    assert!(all.hold(derived(&bob, 1), "numbers of the shop").await);
    for n in 0..8 {
        assert!(all.hold(derived(&unlucky, n), rival.as_str()).await);
    }
    let number = derived(&bob, 2);
    for gateway in [&one, &other] {
        let mut outcomes = gateway.outcomes(&[bob.clone(), unlucky.clone(), unmet.clone()]).await;
        assert_eq!(outcomes.remove(2).expect("a number"), derived(&unmet, 0));
        let none = outcomes.remove(1).expect_err("no number that is free");
        assert_eq!(none.kind(), Kind::Refused, "{none}");
        assert_eq!(outcomes.remove(0).expect("a number"), number);
        let numbers = [derived(&bob, 0), derived(&bob, 1), number, derived(&bob, 3)];
        assert_eq!(gateway.users(&numbers).await, [Some(rival.clone()), None, Some(bob.clone()), None]);
    }

    // At once with others whose hash is the same.
    let mut first_was_free = 0;
    for round in 0..16 {
        let [bob, late] = ["bob", "late"].map(|name| user(&fresh(name)));
        let [first, second] = [0, 1].map(|n| derived(&bob, n));
        let bobs = [bob.clone()];
        let rivals = async {
            for _ in 0..round % 4 {
                all.ask(
                    "<iq type='get' from='gw.example.org' to='pubsub.example.org'><ping xmlns='urn:xmpp:ping'/></iq>",
                )
                .await;
            }
            tokio::join!(all.hold(first, rival.as_str()), all.hold(first, late.as_str()))
        };
        let (here, held, there) = tokio::join!(one.numbers(&bobs), rivals, other.numbers(&bobs));
        let (holder, number) = match held {
            (true, false) => (&rival, second),
            (false, true) => (&late, second),
            (false, false) => (&bob, first),
            (true, true) => panic!("two hold {first}"),
        };
        assert_eq!((&here[..], &there[..]), (&[number][..], &[number][..]));
        for gateway in [&one, &other] {
            assert_eq!(gateway.users(&[first, number]).await, [Some(holder.clone()), Some(bob.clone())]);
        }
        first_was_free += usize::from(number == first);
    }
    println!("{server:?}: {first_was_free} of 16 had the number before the others");
}

async fn lets_nobody_else_say_whose_a_number_is(server: Server) {
    let all = Gateways::shared(server).await;
    let gateway = Gateway::new(all).await;
    let rig = Gateways::rig(server);
    let alice = Client::login(rig, &account(rig, "alice")).await;
    let [bob, carol] = ["bob", "carol"].map(|name| user(&fresh(name)));

    let number = gateway.numbers(std::slice::from_ref(&carol)).await[0];
    let node = format!("node='stanzagate/number/{number}'");
    let form = format!(
        "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>{PUBSUB}#node_config</value></field>\
         <field var='pubsub#description'><value>{}</value></field></x>",
        alice.bare()
    );
    for (kind, ns, payload) in [
        ("set", "#owner", format!("<configure {node}>{form}</configure>")),
        ("set", "#owner", format!("<delete {node}/>")),
        ("get", "#owner", format!("<configure {node}/>")),
        ("set", "", format!("<publish {node}><item id='x'><json xmlns='urn:xmpp:json:0'>1</json></item></publish>")),
        ("get", "", format!("<items {node}/>")),
    ] {
        let pubsub = format!("<pubsub xmlns='{PUBSUB}{ns}'>{payload}</pubsub>");
        let reply = alice.iq(stanza(&format!("<iq type='{kind}' to='pubsub.example.org'>{pubsub}</iq>"))).await;
        assert!(condition(&reply).is_some(), "{payload} was answered {}", crate::support::element::show(&reply));
    }
    assert_eq!(Gateway::new(all).await.user(number).await.expect("an answer"), Some(carol.clone()));

    let reply = alice.iq(stanza(&creation("", derived(&bob, 0), "open", alice.bare()))).await;
    let outcomes = gateway.outcomes(&[bob.clone(), carol]).await;
    assert_eq!(outcomes[1].as_ref().expect("a number"), &number);
    let holder = gateway.user(derived(&bob, 0)).await;
    assert!(condition(&reply).is_some(), "a user made the node of a number");
    assert_eq!(outcomes[0].as_ref().expect("a number"), &derived(&bob, 0));
    assert_eq!(holder.expect("an answer"), Some(bob));
}

async fn takes_a_number_for_itself(server: Server) {
    let all = Gateways::shared(server).await;
    let gateway = Gateway::new(all).await;
    let rig = Gateways::rig(server);
    let phone = user("13800138000");
    rig.register("13800138000").expect("an account");
    let users = [phone.clone(), user("1"), user("4503599627370495")];
    let (this, asking) = (gateway.clone(), call());
    let of = asking.clone();
    let numbers = run(async move { this.chat.accounts.numbers(&of, &this.realm, &users).await }).await;
    let numbers: Vec<u64> = numbers.into_iter().map(|number| number.expect("a number")).collect();
    assert_eq!((numbers, all.asked(&asking)), (vec![13_800_138_000, 1, DERIVED - 1], 0));

    let named_like_one = [user(&DERIVED.to_string()), user("007")];
    let derived: Vec<u64> = named_like_one.iter().map(|user| derived(user, 0)).collect();
    assert_eq!(gateway.numbers(&named_like_one).await, derived);
    assert_eq!(gateway.users(&[derived[0], DERIVED]).await, [Some(named_like_one[0].clone()), None]);

    // An account, no account, and what is nobody's number at all.
    assert_eq!(gateway.user(13_800_138_000).await.expect("an answer"), Some(phone));
    let nobodys = [13_800_138_001, 7, 0, DERIVED * 2 - 1, DERIVED * 2, DERIVED * 2 + 1, u64::MAX];
    assert_eq!(gateway.users(&nobodys).await, [const { None }; 7]);

    let strangers = ["alice@elsewhere.example", "5@elsewhere.example", "example.org", "pubsub.example.org"];
    for outcome in gateway.outcomes(&strangers.map(|jid| BareJid::new(jid).expect("a JID"))).await {
        assert_eq!(outcome.expect_err("no number").kind(), Kind::Address);
    }
    // Two domains that have the same pubsub service.
    let mut next_door = gateway.clone();
    next_door.realm.domain = "elsewhere.example".to_owned();
    let namesake = BareJid::new("007@elsewhere.example").expect("a JID");
    let number = next_door.numbers(std::slice::from_ref(&namesake)).await[0];
    for _ in 0..2 {
        assert_eq!(next_door.users(&[number, derived[1]]).await, [Some(namesake.clone()), None]);
        assert_eq!(gateway.users(&[number, derived[1]]).await, [None, Some(named_like_one[1].clone())]);
    }
    let mut nowhere = gateway.clone();
    nowhere.realm.pubsub = "nothing.example.org".to_owned();
    let error = nowhere.outcomes(&[user("007")]).await.remove(0).expect_err("no service");
    assert!(matches!(&error, ChatError::Right(why) if why.contains("server.pubsub")), "{error:?}");
}

async fn keeps_numbers_when_all_restarts(server: Server) {
    let rig = server.start(Grant::Oauth);
    let start = async |rig: &Rig| {
        let chat = Chat::start(Arc::new(rig.gateway_config()), Metrics::new()).expect("the verbs");
        up(chat.link_state()).await;
        let realm = chat.addresses().realm(&Default::default()).expect("the default hosts");
        Gateway { chat, realm }
    };
    let bob = user(&fresh("bob"));
    let number_at = async |gateway: &Gateway| {
        let mut numbers = gateway.chat.accounts.numbers(&call(), &gateway.realm, std::slice::from_ref(&bob)).await;
        numbers.remove(0).expect("a number")
    };
    let gateway = start(&rig).await;
    let number = number_at(&gateway).await;
    gateway.chat.drain(Duration::from_secs(5)).await;
    rig.stop_server().expect("the server stops");
    rig.start_server().expect("the server starts again");

    let gateway = start(&rig).await;
    let holder = gateway.chat.accounts.user_of_number(&call(), &gateway.realm, number).await.expect("an answer");
    assert_eq!(holder, Some(bob.clone()));
    assert_eq!(number_at(&gateway).await, number);
}
