//! Groups of the API of RongCloud-backed groups on real servers, as their members' own clients see them.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::{DynamicImage, GenericImageView as _, ImageFormat, Rgb, RgbImage};
use reqwest::Method;
use serde_json::{Value, json};

use crate::on_oldest_and_newest;
use crate::support::element::{child, says};
use crate::support::room::is_out;
use crate::support::{Client, Gateway, Reply, Server, account, stanza};

on_oldest_and_newest!(
    a_group_is_a_room_of_its_makers_client,
    a_member_brings_in_a_friend,
    people_join_face_to_face,
    guesses_are_counted,
    who_is_banned_stays_out,
    members_quit_and_the_owner_does_not,
    the_owner_dismisses,
);

const NULL: Value = Value::Null;
const DENIED: &str = "您没有执行该操作的权限。";
const DONE: &str = "操作成功";

async fn post(gateway: &Gateway, jid: &str, path: &str, body: &Value) -> Reply {
    gateway.rongcloud(jid, Method::POST, path, body).await
}

async fn get(gateway: &Gateway, jid: &str, path: &str) -> Reply {
    gateway.rongcloud(jid, Method::GET, path, &NULL).await
}

async fn invite(gateway: &Gateway, jid: &str, group: u64, code: &str) -> Reply {
    post(gateway, jid, &format!("/api/im/group/{group}/invite/"), &json!({ "code": code })).await
}

fn of(group: u64, last: &str) -> String {
    format!("/api/im/group/{group}/{last}/")
}

fn room(group: u64) -> String {
    format!("{group}@conference.example.org")
}

/// A picture that decodes to one colour, larger than a thumbnail.
fn picture() -> Vec<u8> {
    let image = DynamicImage::ImageRgb8(RgbImage::from_pixel(600, 300, Rgb([10, 200, 30])));
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png).expect("a PNG");
    bytes.into_inner()
}

async fn a_group_is_a_room_of_its_makers_client(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let owner = account(rig, "alice");
    let alice = Client::login(rig, &owner).await;
    let cover = picture();
    let texts = [("name", "群 & <more>"), ("code", "")];
    let file = Some(("cover", "封面 \"1\".png", cover.as_slice()));
    let made = gateway.rongcloud_multipart(&owner.jid, "/api/im/group/", &texts, file).await.expect_json(201);
    let id = made["id"].as_u64().expect("a number");
    let url = made["cover"].as_str().expect("a URL").to_owned();
    assert_eq!(made, json!({"id": id, "name": "群 & <more>", "code": "", "cover": url}));
    let got = reqwest::get(&url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    assert_eq!((got.status().as_u16(), got.headers()["content-type"].as_bytes()), (200, b"image/png".as_slice()));
    assert_eq!(got.bytes().await.expect("a body"), cover);

    let bookmarks = alice.bookmarks().await;
    assert_eq!(bookmarks.len(), 1, "{bookmarks:?}");
    assert_eq!((bookmarks[0].room.as_str(), bookmarks[0].name.as_deref()), (room(id).as_str(), Some("群 & <more>")));
    assert!(bookmarks[0].autojoin);
    alice.join(&room(id), "Alice").await.expect("the owner gets in");
    assert!(alice.affiliated(&room(id), "owner").await.iter().any(|(jid, _)| *jid == owner.jid));
    let info = alice.room_info(&room(id)).await.expect("the room");
    assert_eq!(info.name.as_deref(), Some("群 & <more>"));
    for feature in ["muc_membersonly", "muc_persistent"] {
        assert!(info.features.iter().any(|known| known == feature), "{feature}: {:?}", info.features);
    }
    let stranger = Client::login(rig, &account(rig, "dave")).await;
    stranger.join(&room(id), "Dave").await.expect_err("a stranger gets in");

    // The room's picture is the cover, made small.
    let vcard = alice.iq(stanza(&format!("<iq type='get' to='{}'><vCard xmlns='vcard-temp'/></iq>", room(id)))).await;
    let photo = child(&vcard, "vCard").and_then(|card| child(card, "PHOTO")).expect("a picture");
    let small = child(photo, "BINVAL").expect("bytes").text();
    let small = STANDARD.decode(small.split_whitespace().collect::<String>()).expect("base64");
    let small = image::load_from_memory(&small).expect("an image");
    assert_eq!(small.dimensions(), (128, 64));
    let [red, green, blue, _] = small.get_pixel(64, 32).0;
    assert!(red < 40 && green > 170 && blue < 60, "{red} {green} {blue}");

    let listed = get(gateway, &owner.jid, "/api/im/group/").await.expect_json(200);
    assert_eq!(listed, json!({"count": 1, "next": null, "previous": null, "results": [made]}));
    for wrong in [b"no image".as_slice(), &cover[..40]] {
        let reply =
            gateway.rongcloud_multipart(&owner.jid, "/api/im/group/", &texts, Some(("cover", "a.png", wrong))).await;
        assert!(reply.expect_detail(400).starts_with("cover：请上传有效图片。"));
    }
    let listed = get(gateway, &owner.jid, "/api/im/group/").await.expect_json(200);
    assert_eq!(listed["count"], 1, "nothing is made of a call that is refused");
}

async fn a_member_brings_in_a_friend(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let [one, two, three] = ["alice", "bob", "carol"].map(|name| account(rig, name));
    let (alice, bob) = (Client::login(rig, &one).await, Client::login(rig, &two).await);
    let id = gateway.rongcloud_group(&one.jid, "群", "").await;
    alice.join(&room(id), "Alice").await.expect("the owner gets in");
    bob.join(&room(id), "Bob").await.expect_err("a stranger gets in");

    let (second, third) = (gateway.rongcloud_id(&two.jid).await, gateway.rongcloud_id(&three.jid).await);
    for (member, friend) in [(&two, second), (&three, second), (&two, third)] {
        let reply = post(gateway, &member.jid, &of(id, "join"), &json!({"userid": friend.to_string()})).await;
        assert_eq!(reply.expect_detail(403), DENIED, "only members bring somebody in");
    }
    let body = json!({"userid": second.to_string()});
    for _ in 0..2 {
        assert_eq!(post(gateway, &one.jid, &of(id, "join"), &body).await.expect_json(200), body);
    }
    let invited = |el: &_| child(el, "x").is_some_and(|x| x.attr("jid") == Some(&room(id)));
    let invitation = bob.wait_for("an invitation", invited).await;
    assert_eq!(invitation.attr("from"), Some(one.jid.as_str()));
    let bookmarks = bob.bookmarks().await;
    assert_eq!((bookmarks.len(), bookmarks[0].room.as_str()), (1, room(id).as_str()));
    assert!(bookmarks[0].autojoin);
    bob.join(&room(id), bookmarks[0].nick.as_deref().unwrap_or("Bob")).await.expect("a member gets in");
    bob.say(&room(id), "hello");
    alice.wait_for("bob's message", says("hello")).await;

    // Any member, not the owner alone.
    gateway.rongcloud_join(&two.jid, id, &three.jid).await;
    let users = get(gateway, &three.jid, &of(id, "users")).await.expect_json(200);
    assert_eq!(users["count"], 3);
}

async fn people_join_face_to_face(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let [one, two] = ["alice", "bob"].map(|name| account(rig, name));
    let bob = Client::login(rig, &two).await;
    let (open, closed) =
        (gateway.rongcloud_group(&one.jid, "群", "0042").await, gateway.rongcloud_group(&one.jid, "群", "").await);
    assert_eq!(invite(gateway, &two.jid, closed, "0042").await.expect_detail(403), "该群组不能面对面加入。");
    let reply = post(gateway, &two.jid, &of(closed, "invite"), &json!({"code": ""})).await;
    assert_eq!(reply.expect_detail(400), "code：该字段不能为空。");
    assert_eq!(invite(gateway, &two.jid, open, "42").await.expect_detail(400), "code：号码错误。");
    bob.join(&room(open), "Bob").await.expect_err("a stranger gets in");
    for _ in 0..2 {
        assert_eq!(invite(gateway, &two.jid, open, "0042").await.expect_json(200), json!({"detail": DONE}));
    }
    assert_eq!(bob.bookmarks().await.iter().map(|bookmark| bookmark.room.clone()).collect::<Vec<_>>(), [room(open)]);
    bob.join(&room(open), "Bob").await.expect("a member gets in");
    assert_eq!(get(gateway, &one.jid, &of(open, "users")).await.expect_json(200)["count"], 2);
}

async fn guesses_are_counted(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let [one, two, three] = ["alice", "bob", "carol"].map(|name| account(rig, name));
    let id = gateway.rongcloud_group(&one.jid, "群", "7").await;
    let other = gateway.rongcloud_group(&one.jid, "群", "8").await;
    for _ in 0..5 {
        assert_eq!(invite(gateway, &two.jid, id, "1").await.expect_detail(400), "code：号码错误。");
    }
    // The right one is not told from the others, or guessing would go on; and who waits takes nothing from others.
    for code in ["7"; 60] {
        let reply = invite(gateway, &two.jid, id, code).await;
        assert!(reply.headers["retry-after"].to_str().is_ok_and(|wait| wait.parse().is_ok_and(|wait: u64| wait > 0)));
        assert!(reply.expect_detail(429).starts_with("请求超过了限速。"));
    }
    assert_eq!(invite(gateway, &three.jid, id, "7").await.expect_json(200), json!({"detail": DONE}));
    assert_eq!(invite(gateway, &two.jid, other, "8").await.expect_json(200), json!({"detail": DONE}));
    assert_eq!(get(gateway, &one.jid, &of(id, "users")).await.expect_json(200)["count"], 2);
}

async fn who_is_banned_stays_out(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let [one, two, three] = ["alice", "bob", "carol"].map(|name| account(rig, name));
    let (alice, carol) = (Client::login(rig, &one).await, Client::login(rig, &three).await);
    let id = gateway.rongcloud_group(&one.jid, "群", "7").await;
    for user in [&two, &three] {
        invite(gateway, &user.jid, id, "7").await.expect_json(200);
    }
    alice.affiliate(&room(id), &three.jid, "outcast").await;
    assert_eq!(invite(gateway, &three.jid, id, "7").await.expect_detail(403), DENIED);
    let body = json!({"userid": gateway.rongcloud_id(&three.jid).await});
    assert_eq!(post(gateway, &two.jid, &of(id, "join"), &body).await.expect_detail(403), DENIED);
    carol.join(&room(id), "Carol").await.expect_err("one who is banned gets in");
    assert_eq!(get(gateway, &one.jid, &of(id, "users")).await.expect_json(200)["count"], 2);
    alice.affiliate(&room(id), &three.jid, "none").await;
    invite(gateway, &three.jid, id, "7").await.expect_json(200);
    Client::login(rig, &three).await.join(&room(id), "Carol").await.expect("a member gets in");
}

async fn members_quit_and_the_owner_does_not(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let [one, two, three] = ["alice", "bob", "carol"].map(|name| account(rig, name));
    let (alice, bob) = (Client::login(rig, &one).await, Client::login(rig, &two).await);
    let id = gateway.rongcloud_group(&one.jid, "群", "").await;
    gateway.rongcloud_join(&one.jid, id, &two.jid).await;
    bob.join(&room(id), "Bob").await.expect("a member gets in");

    assert_eq!(get(gateway, &three.jid, &of(id, "quit")).await.expect_detail(403), DENIED);
    assert_eq!(get(gateway, &one.jid, &of(id, "quit")).await.expect_detail(403), "群主不能退出群组，只能解散群组。");
    assert_eq!(get(gateway, &two.jid, &of(id, "quit")).await.expect_json(200), json!({"detail": DONE}));
    bob.wait_for("the end of his stay", is_out(&room(id))).await;
    bob.join(&room(id), "Bob").await.expect_err("one who has left gets in");
    assert_eq!(bob.bookmarks().await, []);
    assert_eq!(get(gateway, &two.jid, &of(id, "quit")).await.expect_detail(403), DENIED);
    alice.join(&room(id), "Alice").await.expect("the owner is still there");
    let users = get(gateway, &one.jid, &of(id, "users")).await.expect_json(200);
    assert_eq!((&users["count"], &users["results"][0]["username"]), (&json!(1), &json!(one.name)));

    // Of two owners, whom a client made so, each may go.
    gateway.rongcloud_join(&one.jid, id, &three.jid).await;
    alice.affiliate(&room(id), &three.jid, "owner").await;
    get(gateway, &one.jid, &of(id, "quit")).await.expect_json(200);
    assert_eq!(get(gateway, &three.jid, &of(id, "quit")).await.expect_detail(403), "群主不能退出群组，只能解散群组。");
}

async fn the_owner_dismisses(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let [one, two, three] = ["alice", "bob", "carol"].map(|name| account(rig, name));
    let (alice, bob) = (Client::login(rig, &one).await, Client::login(rig, &two).await);
    let id = gateway.rongcloud_group(&one.jid, "群", "").await;
    gateway.rongcloud_join(&one.jid, id, &two.jid).await;
    bob.join(&room(id), "Bob").await.expect("a member gets in");
    for other in [&two, &three] {
        assert_eq!(get(gateway, &other.jid, &of(id, "dismiss")).await.expect_detail(403), DENIED);
    }
    assert_eq!(get(gateway, &one.jid, &of(id, "dismiss")).await.expect_json(200), json!({"detail": DONE}));
    let gone = |presence: &_| {
        let x = child(presence, "x");
        is_out(&room(id))(presence) && x.is_some_and(|x| child(x, "destroy").is_some())
    };
    bob.wait_for("the end of the group", gone).await;
    alice.expect_no_room(&room(id)).await;
    assert!(alice.bookmarks().await.is_empty() && bob.bookmarks().await.is_empty());
    for last in ["dismiss", "quit", "users"] {
        assert_eq!(get(gateway, &one.jid, &of(id, last)).await.expect_detail(404), "未找到。");
    }
    assert_eq!(get(gateway, &one.jid, "/api/im/group/").await.expect_json(200)["count"], 0);
}
