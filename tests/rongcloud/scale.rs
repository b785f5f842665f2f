//! Many groups of one owner and many members of one group, in the API of RongCloud-backed groups: every page is whole and
//! in order, and comes in time.
//!
//! Each measurement is printed (`--nocapture`). `STANZAGATE_SCALE=groups=1000,members=1000` makes it as many; take one
//! server at a time then (`pages_are_whole_and_in_time::ejabberd_23`).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _};
use jid::BareJid;
use reqwest::Method;
use serde_json::{Value, json};
use stanzagate::chat::groups::{GroupKind, NewGroup};
use stanzagate::chat::{Chat, LinkState};
use stanzagate::dev::Rig;
use stanzagate::metrics::Metrics;

use crate::on_oldest_and_newest;
use crate::support::verbs::call;
use crate::support::{Account, Client, Gateway, Server, Servers, account};

on_oldest_and_newest!(pages_are_whole_and_in_time);

const PAGE: usize = 20;
const WORKERS: usize = 8;
/// The room of many members.
const HALL: u64 = 1_000_000;
/// Longest time of any page: not a target, but far from a standstill.
const LONGEST: Duration = Duration::from_secs(15);

/// How many of each.
struct Sizes {
    groups: usize,
    members: usize,
}

impl Sizes {
    fn wanted() -> Sizes {
        let mut sizes = Sizes { groups: 60, members: 60 };
        let text = std::env::var("STANZAGATE_SCALE").unwrap_or_default();
        for (name, number) in text.split(',').filter_map(|pair| pair.split_once('=')) {
            let size = match name {
                "groups" => &mut sizes.groups,
                "members" => &mut sizes.members,
                _ => panic!("there is no {name} to size"),
            };
            *size = number.parse().expect("a number");
        }
        sizes
    }
}

fn tell(server: Server, what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let of = |n: usize| times[n].as_secs_f64();
    let last = times.len() - 1;
    println!(
        "scale {server:?}: {what}: {} times, median {:.3} s, longest {:.3} s",
        times.len(),
        of(last / 2),
        of(last)
    );
    assert!(times[last] < LONGEST, "{what}: {:?}", times[last]);
}

/// The servers of this test: its verbs take the place of every other gateway.
fn rig(server: Server) -> &'static Rig {
    static SERVERS: Servers = Servers::new();
    SERVERS.get(server)
}

/// A group of many, made by the verbs below the API.
async fn hall(server: Server, owner: &Account, count: usize) -> Vec<String> {
    let config = Arc::new(rig(server).gateway_config());
    let chat = Chat::start(config, Metrics::new()).expect("the verbs");
    chat.link_state().wait_for(|state| *state == LinkState::Up).await.expect("a link");
    let realm = chat.addresses().realm(&Default::default()).expect("the default hosts");
    let jid = |name: &str| BareJid::new(&format!("{name}@{}", realm.domain)).expect("a JID");
    // Every other one is a number of their own.
    let name = |n: usize| if n.is_multiple_of(2) { format!("m{n:05}") } else { format!("13{n:09}") };
    let names: Vec<String> = (0..count - 1).map(name).collect();
    let users: Vec<BareJid> = names.iter().map(|name| jid(name)).collect();
    let made = stream::iter(&users).map(|user| {
        let chat = &chat;
        async move { chat.accounts.create_account(&call(), user, "a password of theirs").await.expect("an account") }
    });
    let made: Vec<bool> = made.buffered(32).collect().await;
    assert!(made.into_iter().all(|new| new), "an account was there before");
    let new = NewGroup {
        room: BareJid::new(&format!("{HALL}@{}", realm.rooms)).expect("a JID"),
        kind: GroupKind::Group,
        owner: Some(jid(&owner.name)),
        members: Vec::new(),
        name: "hall".to_owned(),
        note: Some(("rongcloud", json!({"code": "", "cover": ""}))),
        avatar: None,
    };
    chat.groups.make_group(&call(), &realm, &new).await.expect("a group");
    for some in users.chunks(250) {
        let added = chat.rooms.add_members(&call(), &new.room, None, some).await.expect("members");
        assert!(added.iter().all(|outcome| outcome.result.is_ok()), "{added:?}");
    }
    chat.drain(Duration::from_secs(5)).await;
    names
}

/// All pages from the first to the last, each asked for by what the one before says.
async fn pages(server: Server, gateway: &Gateway, user: &Account, path: &str, what: &str) -> Vec<Value> {
    let (mut next, mut before, mut rows, mut times) = (Some(path.to_owned()), Value::Null, Vec::new(), Vec::new());
    let mut count = Value::Null;
    while let Some(here) = next {
        let begun = Instant::now();
        let page = gateway.rongcloud(&user.jid, Method::GET, &here, &Value::Null).await.expect_json(200);
        times.push(begun.elapsed());
        let results = page["results"].as_array().expect("results");
        assert_eq!(page["previous"], before, "{here}");
        assert!(count.is_null() || page["count"] == count, "{here}: {page}");
        assert!(results.len() == PAGE || page["next"].is_null(), "{here}: {page}");
        rows.extend(results.iter().cloned());
        count = page["count"].clone();
        before = json!(format!("{}{here}", gateway.url()));
        next = page["next"].as_str().map(|url| url.strip_prefix(gateway.url()).expect("an own URL").to_owned());
    }
    tell(server, what, times);
    assert_eq!(count, rows.len());
    rows
}

async fn pages_are_whole_and_in_time(server: Server) {
    let sizes = Sizes::wanted();
    let rig = rig(server);
    let (owner, host) = (account(rig, "owner"), account(rig, "host"));
    let begun = Instant::now();
    let names = hall(server, &host, sizes.members).await;
    println!("scale {server:?}: {} members in {:.1} s", sizes.members, begun.elapsed().as_secs_f64());
    let gateway = &Gateway::start(rig, |_| {}).await;

    let calls = (0..sizes.groups).map(|n| {
        let (owner, body) = (&owner, json!({"name": format!("group {n}"), "code": n}));
        async move {
            let begun = Instant::now();
            let made = gateway.rongcloud(&owner.jid, Method::POST, "/api/im/group/", &body).await.expect_json(201);
            (made, begun.elapsed())
        }
    });
    let begun = Instant::now();
    let done: Vec<(Value, Duration)> = stream::iter(calls).buffered(WORKERS).collect().await;
    println!("scale {server:?}: {} groups in {:.1} s", done.len(), begun.elapsed().as_secs_f64());
    let (mut made, times): (Vec<Value>, Vec<Duration>) = done.into_iter().unzip();
    tell(server, "POST /api/im/group/, 8 side by side", times);
    made.sort_unstable_by_key(|group| group["id"].as_u64());
    assert_eq!(pages(server, gateway, &owner, "/api/im/group/", "GET /api/im/group/?page=N").await, made);

    let path = format!("/api/im/group/{HALL}/users/");
    for what in ["GET users?page=N, each for the first time", "GET users?page=N"] {
        let rows = pages(server, gateway, &host, &path, what).await;
        let shown: Vec<&str> = rows.iter().filter_map(|row| row["username"].as_str()).collect();
        let mut wanted: Vec<&str> = names.iter().map(String::as_str).chain([host.name.as_str()]).collect();
        wanted.sort_unstable();
        assert_eq!(shown, wanted);
        let ids: BTreeSet<u64> = rows.iter().filter_map(|row| row["id"].as_u64()).collect();
        assert_eq!(ids.len(), sizes.members);
        let own = |row: &Value| {
            !row["username"].as_str().is_some_and(|name| name.starts_with("13"))
                || row["username"].as_str() == row["id"].as_u64().map(|id| id.to_string()).as_deref()
        };
        assert!(rows.iter().all(own));
    }
    // What the owner's own client knows is the same.
    let client = Client::login(rig, &owner).await;
    let bookmarked: BTreeSet<String> = client.bookmarks().await.into_iter().map(|bookmark| bookmark.room).collect();
    let rooms: BTreeSet<String> = made.iter().map(|group| format!("{}@{}", group["id"], rig.rooms())).collect();
    assert_eq!(bookmarked, rooms);
}
