//! A large population of the MaxLeap API: searches, lists in detail and many members in one call are complete, in order
//! and in time, and hold up nobody else on the server.
//!
//! Each measurement is printed (`--nocapture`). `STANZAGATE_SCALE=full` makes it 1,000 groups, 1,000 members of a room
//! and 10,000 users, a number so many percent of that, and `groups=1000,friends=5` these instead of the usual ones; take
//! one server at a time then (`stays_in_time::ejabberd_23`).

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _};
use jid::BareJid;
use reqwest::Method;
use serde_json::{Value, json};
use stanzagate::chat::records::Subject;
use stanzagate::chat::{Chat, LinkState};
use stanzagate::dev::Rig;
use stanzagate::metrics::Metrics;

use crate::on_oldest_and_newest;
use crate::support::people::until;
use crate::support::verbs::call;
use crate::support::{Account, Client, Gateway, Reply, Server, Servers};

on_oldest_and_newest!(stays_in_time);

const NULL: Value = Value::Null;
const PASSWORD: &str = "the same for everybody";
/// Requests that make the population, side by side.
const WORKERS: usize = 8;
/// Longest wait of anybody else for the server while members are added: not a target, but far from a standstill.
const BYSTANDER: Duration = Duration::from_secs(3);
const CITIES: [&str; 5] = ["berlin", "lima", "oslo", "quito", "turin"];

/// How many of each.
struct Sizes {
    groups: usize,
    members: usize,
    users: usize,
    friends: usize,
    posts: usize,
}

impl Sizes {
    fn percent(n: usize) -> Sizes {
        let n = n.max(1);
        Sizes { groups: 10 * n, members: 10 * n, users: 100 * n, friends: 5 * n, posts: 2 * n }
    }

    /// The usual sizes but for those that are named.
    fn of(text: &str) -> Sizes {
        let mut sizes = Sizes::percent(2);
        for (name, number) in text.split(',').filter_map(|pair| pair.split_once('=')) {
            let size = match name {
                "groups" => &mut sizes.groups,
                "members" => &mut sizes.members,
                "users" => &mut sizes.users,
                "friends" => &mut sizes.friends,
                _ => panic!("there is no {name} to size"),
            };
            *size = number.parse().expect("a number");
        }
        sizes
    }

    fn wanted() -> Sizes {
        match std::env::var("STANZAGATE_SCALE").as_deref() {
            Ok("full") => Sizes::percent(100),
            Ok(text) => text.parse().map_or_else(|_| Sizes::of(text), Sizes::percent),
            Err(_) => Sizes::percent(2),
        }
    }
}

/// The servers of this test: its verbs take the place of every other gateway.
fn rig(server: Server) -> &'static Rig {
    static SERVERS: Servers = Servers::new();
    SERVERS.get(server)
}

/// A gateway whose calls are timed.
struct Watch<'a> {
    server: Server,
    gateway: &'a Gateway,
}

impl Watch<'_> {
    async fn call(&self, method: Method, path: &str, body: &Value) -> Reply {
        self.gateway.maxleap(method, path, body).await
    }

    async fn get(&self, path: &str) -> Value {
        let what = format!("GET {path}");
        self.timed(&what, self.call(Method::GET, path, &NULL)).await.expect_status(200).json
    }

    /// Beside the time: what the server used of a processor, which says more on a machine that does other things too.
    async fn timed<T>(&self, what: &str, work: impl Future<Output = T>) -> T {
        let (begun, used) = (Instant::now(), self.used());
        let done = work.await;
        let (took, now) = (begun.elapsed(), self.used());
        let of = |n: usize| format!("{:.2} s", now[n].saturating_sub(used[n]).as_secs_f64());
        self.tell(&format!("{what} (processor: server {}, gateway and test {})", of(0), of(1)), took);
        done
    }

    /// Processor time of the server and of this process so far; zero where the system does not tell.
    fn used(&self) -> [Duration; 2] {
        let server = rig(self.server).pid().map(|pid| pid.to_string()).unwrap_or_default();
        [server.as_str(), "self"].map(|process| {
            let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
            let numbers = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
            // User and system time, in hundredths of a second on every Linux.
            Duration::from_millis(10 * numbers.filter_map(|n| n.parse::<u64>().ok()).sum::<u64>())
        })
    }

    fn tell(&self, what: &str, took: Duration) {
        println!("scale {:?}: {what}: {:.3} s", self.server, took.as_secs_f64());
    }

    /// Makes all of `calls`, some side by side; the answers are in their order.
    async fn all(&self, what: &str, calls: Vec<(Method, String, Value)>, status: u16) -> Vec<Value> {
        let calls = calls.iter().map(|(method, path, body)| async move {
            let begun = Instant::now();
            let reply = self.call(method.clone(), path, body).await.expect_status(status);
            (reply.json, begun.elapsed())
        });
        let calls: Vec<_> = calls.collect();
        let done: Vec<_> = self.timed(what, stream::iter(calls).buffered(WORKERS).collect::<Vec<_>>()).await;
        let (answers, mut times): (Vec<_>, Vec<_>) = done.into_iter().unzip();
        times.sort_unstable();
        self.tell(&format!("{what}: median of {}, {WORKERS} side by side", times.len()), times[times.len() / 2]);
        answers
    }
}

/// The accounts with their attributes, made by the verbs below the API: as many as here no rig's tool makes in time.
async fn populate(server: Server, names: &[String]) {
    let config = Arc::new(rig(server).gateway_config());
    let chat = Chat::start(config, Metrics::new()).expect("the verbs");
    chat.link_state().wait_for(|state| *state == LinkState::Up).await.expect("a link");
    let domain = rig(server).domain();
    let realm = chat.addresses().realm(&Default::default()).expect("the default hosts");
    let made = stream::iter(names.iter().enumerate()).map(|(n, name)| {
        let user = BareJid::new(&format!("{name}@{domain}")).expect("a JID");
        let (chat, realm) = (&chat, &realm);
        async move {
            let new = chat.accounts.create_account(&call(), &user, PASSWORD).await.expect("an account");
            let attributes = attributes(n).as_object().cloned().expect("attributes");
            chat.records.merge_attributes(&call(), realm, &Subject::User(user), &attributes).await.expect("attributes");
            new
        }
    });
    let made: Vec<bool> = made.buffered(32).collect().await;
    chat.drain(Duration::from_secs(5)).await;
    assert!(made.into_iter().all(|new| new), "an account was there before");
}

async fn client(server: Server, name: &str) -> Client {
    let rig = rig(server);
    let jid = format!("{name}@{}", rig.domain());
    Client::login(rig, &Account { name: name.to_owned(), password: PASSWORD.to_owned(), jid }).await
}

/// Does `work` while somebody who has nothing to do with it asks the server, again and again, whether it is there.
async fn beside<T>(watch: &Watch<'_>, what: &str, bystander: &Client, work: impl Future<Output = T>) -> T {
    let over = AtomicBool::new(false);
    let pings = async {
        let (mut longest, mut count) = (Duration::ZERO, 0);
        while !over.load(Ordering::Relaxed) {
            let begun = Instant::now();
            bystander.ping().await;
            longest = longest.max(begun.elapsed());
            count += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (longest, count)
    };
    let work = async {
        let done = watch.timed(what, work).await;
        over.store(true, Ordering::Relaxed);
        done
    };
    let (done, (longest, count)) = tokio::join!(work, pings);
    watch.tell(&format!("{what}: longest of a bystander's {count} pings"), longest);
    assert!(longest < BYSTANDER, "{what}: others waited {longest:?}");
    done
}

fn ids(rows: &Value) -> Vec<&str> {
    rows.as_array().expect("rows").iter().map(|row| row["id"].as_str().or(row.as_str()).expect("an id")).collect()
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(|text| text.as_str().expect("a text")).collect()
}

async fn stays_in_time(server: Server) {
    let sizes = Sizes::wanted();
    let names: Vec<String> = (0..sizes.users).map(|n| format!("u{n:05}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let begun = Instant::now();
    populate(server, &names).await;
    let gateway = Gateway::start(rig(server), |_| {}).await;
    let watch = Watch { server, gateway: &gateway };
    watch.tell(&format!("{} accounts with attributes made", names.len()), begun.elapsed());

    let star = all[0];
    users(&watch, &all, sizes.posts).await;
    members(&watch, &all[1..=sizes.members], all[sizes.members + 1]).await;
    let groups = groups(&watch, star, all[1], sizes.groups).await;
    friends(&watch, star, &all[1..=sizes.friends]).await;

    let whole = watch.get(&format!("/ctx/{star}")).await;
    assert_eq!(texts(&whole["groups"]), groups);
    assert_eq!(texts(&whole["friends"]), &all[1..=sizes.friends]);
    assert_eq!((texts(&whole["rooms"]).len(), &whole["attributes"]["n"]), (0, &json!(0)));
    gateway.shutdown().await;
}

fn attributes(n: usize) -> Value {
    json!({"city": CITIES[n % CITIES.len()], "n": n})
}

/// Searches through everybody's attributes.
async fn users(watch: &Watch<'_>, all: &[&str], posts: usize) {
    let mut times = Vec::new();
    for (n, name) in all.iter().enumerate().take(posts) {
        let begun = Instant::now();
        let path = format!("/ctx/{name}/attributes");
        watch.call(Method::POST, &path, &attributes(n)).await.expect_status(201);
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    watch.tell("POST /ctx/{u}/attributes: median, one after another", times[times.len() / 2]);

    let mut found = watch.get("/ctx?city=lima&_sort=-n&_limit=100").await;
    let mut wanted: Vec<usize> = (0..all.len()).filter(|n| n % CITIES.len() == 1).collect();
    wanted.reverse();
    let expected: Vec<Value> = wanted.iter().take(100).map(|n| json!(all[*n])).collect();
    assert_eq!(found.as_array().expect("rows").iter().map(|row| row["id"].clone()).collect::<Vec<_>>(), expected);
    let last = wanted.len() - 1;
    found = watch.get(&format!("/ctx?city=lima&_sort=-n&_limit=100&_skip={last}")).await;
    assert_eq!(ids(&found), [all[1]]);
    assert_eq!(found[0]["attributes"], attributes(1));
    found = watch.get("/ctx?_limit=100").await;
    // The rig's own users come before, and the sender of notifications, whose account the gateway makes.
    let own = ["alice", "bob", "carol", "dave", "notice"];
    assert_eq!(ids(&found), own.into_iter().chain(all.iter().copied()).take(100).collect::<Vec<_>>());
}

/// Fills a room in two calls, and empties half of it in one.
async fn members(watch: &Watch<'_>, members: &[&str], bystander: &str) {
    let (first, second) = members.split_at(members.len() / 2);
    let (bystander, member) = (client(watch.server, bystander).await, client(watch.server, first[0]).await);
    let room = watch.call(Method::POST, "/rooms", &json!({"name": "hall"})).await.expect_status(201).json;
    let room = room.as_str().expect("an id");
    let path = format!("/rooms/{room}/members");
    for some in [first, second] {
        let what = format!("POST {} members of a room", some.len());
        let body = json!({ "members": some });
        let add = watch.call(Method::POST, &path, &body);
        beside(watch, &what, &bystander, add).await.expect_status(201);
    }
    let look = watch.get(&format!("/rooms/{room}")).await;
    assert_eq!(texts(&look["members"]), members);
    let address = format!("{room}@{}", rig(watch.server).rooms());
    let shown = async || member.bookmarks().await.iter().any(|bookmark| bookmark.room == address);
    assert!(shown().await, "no bookmark of a new member");
    member.wait_for("an invitation", |el| el.name() == "message" && String::from(el).contains(&address)).await;

    let what = format!("DELETE {} members of a room", first.len());
    let body = json!({ "members": first });
    let remove = watch.call(Method::DELETE, &path, &body);
    beside(watch, &what, &bystander, remove).await.expect_status(204);
    assert_eq!(texts(&watch.get(&format!("/rooms/{room}")).await["members"]), second);
    until("a bookmark gone", || async { (!shown().await).then_some(()) }).await;
}

/// Many groups of one user.
async fn groups(watch: &Watch<'_>, owner: &str, member: &str, count: usize) -> Vec<String> {
    let make = |_| (Method::POST, "/groups".to_owned(), json!({"owner": owner, "members": [member], "name": "group"}));
    let made = watch.all(&format!("{count} groups made"), (0..count).map(make).collect(), 201).await;
    let mut groups: Vec<String> = made.iter().map(|id| id.as_str().expect("an id").to_owned()).collect();
    let calls = groups.iter().enumerate().map(|(n, id)| {
        let attributes = json!({"half": n % 2, "n": n});
        (Method::POST, format!("/groups/{id}/attributes"), attributes)
    });
    watch.all("attributes of all groups", calls.collect(), 201).await;

    let found = watch.get("/groups?half=1&_sort=-n&_limit=100").await;
    let wanted: Vec<&String> = groups.iter().skip(1).step_by(2).rev().take(100).collect();
    assert_eq!(ids(&found), wanted);
    groups.sort_unstable();
    let found = watch.get("/groups?_limit=100").await;
    assert_eq!(ids(&found), groups.iter().take(100).collect::<Vec<_>>());

    assert_eq!(texts(&watch.get(&format!("/ctx/{owner}/groups")).await), groups);
    let detail = watch.get(&format!("/ctx/{owner}/groups?detail")).await;
    assert_eq!(ids(&detail), groups);
    let whole = |row: &Value| {
        row["owner"] == owner && row["members"] == json!([member]) && row["attributes"]["name"] == "group"
    };
    assert!(detail.as_array().expect("rows").iter().all(whole), "{detail}");
    groups
}

/// Many friends of one user, who are offline but one.
async fn friends(watch: &Watch<'_>, user: &str, friends: &[&str]) {
    let befriend = |friend: &&str| (Method::POST, format!("/ctx/{user}/friends/{friend}"), NULL);
    watch.all(&format!("{} friends made", friends.len()), friends.iter().map(befriend).collect(), 201).await;
    let _online = client(watch.server, friends[0]).await;
    let detail = watch.get(&format!("/ctx/{user}/friends?detail")).await;
    assert_eq!(ids(&detail), friends);
    let online = |row: &Value| row["online"] == json!(row["id"] == friends[0]);
    assert!(detail.as_array().expect("rows").iter().all(online), "{detail}");
}
