//! Covers that are no pictures, or more than that: refused, or served so that they do no harm.

use std::time::{Duration, Instant};

use image::ImageFormat;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use super::stage::{Gateway, Reply, raw, refused, stage};
use crate::on_oldest_and_newest;
use crate::support::gateways::Gateways;
use crate::support::upload::{BOUNDARY, bomb, form, picture};
use crate::support::{Account, Server, account};

on_oldest_and_newest!(pictures_that_are_none_make_no_group, covers_do_no_harm, forms_that_are_none_make_no_group);

const GROUPS: &str = "/api/im/group/";
const NAME: (&str, &[u8]) = ("Content-Disposition: form-data; name=\"name\"", b"a group");

fn head(name: &str, kind: &str) -> String {
    format!("Content-Disposition: form-data; name=\"cover\"; filename=\"{name}\"\r\nContent-Type: {kind}")
}

async fn post(gateway: &Gateway, user: &Account, body: Vec<u8>) -> Reply {
    raw(gateway, &user.jid, GROUPS, &format!("multipart/form-data; boundary={BOUNDARY}"), body).await
}

async fn pictures_that_are_none_make_no_group(server: Server) {
    let (rig, stage) = (Gateways::rig(server), stage(server).await);
    let gateway = &stage.gateway;
    let user = account(rig, "alice");
    let whole = picture(600, 400, ImageFormat::Png);
    let jpeg = picture(600, 400, ImageFormat::Jpeg);
    let large = [&whole[..], &vec![0; 5_000_001 - whole.len()]].concat();
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
    for (name, kind, file) in [
        ("bomb.png", "image/png", &bomb()[..]),
        ("cut.png", "image/png", &whole[..whole.len() / 2]),
        ("cut.jpg", "image/jpeg", &jpeg[..200]),
        ("head.png", "image/png", &whole[..8]),
        ("a.svg", "image/svg+xml", svg),
        ("a.png", "image/png", svg),
        ("page.gif", "image/gif", b"GIF89a<html><script>alert(1)</script></html>"),
        ("page.png", "image/png", b"<!DOCTYPE html><script>alert(1)</script>"),
        ("a.bmp", "image/bmp", b"BM no picture at all"),
        ("empty.webp", "image/webp", b"RIFF\0\0\0\0WEBP"),
        ("one.png", "image/png", b"\0"),
        ("empty.png", "image/png", b""),
        ("large.png", "image/png", &large),
    ] {
        let begun = Instant::now();
        let reply = post(gateway, &user, form(&[NAME, (&head(name, kind), file)])).await;
        refused(name, &reply, &[400]);
        let detail = reply.json["detail"].as_str().unwrap_or_default();
        assert!(detail.starts_with("cover"), "{name}: {detail}");
        assert!(begun.elapsed() < Duration::from_secs(60), "{name} took {:?}", begun.elapsed());
    }
    // A name that is none is seen before the picture is stored.
    for name in [&b""[..], b" ", b"\0", b"\xff\xfe", &[b'x'; 101]] {
        let body = form(&[(NAME.0, name), (&head("a.png", "image/png"), &whole)]);
        refused("a name", &post(gateway, &user, body).await, &[400]);
    }
    assert!(stage.rooms_of(&user).await.is_empty());
}

async fn covers_do_no_harm(server: Server) {
    let (rig, stage) = (Gateways::rig(server), stage(server).await);
    let gateway = &stage.gateway;
    let user = account(rig, "alice");
    let png = picture(64, 48, ImageFormat::Png);
    // A picture to a decoder, and a page to a browser that looks for one.
    let both = [&png[..], b"<html><script>alert(1)</script></html>"].concat();
    let long = "n".repeat(3_000) + ".png";
    let names = [
        "../../x",
        "..\\\\..\\\\x.png",
        "a%00.png",
        "a\tb.png",
        "\u{202e}gnp.exe",
        "a.html",
        "a.svg",
        "a.png.html",
        "a.php",
        "..",
        ".",
        "",
        ".htaccess",
        "C:\\\\boot.ini",
        "a%0d%0aX-Evil: 1.png",
        "<x>&.png",
        "张三 🎉.jpg",
        "con",
        &long,
    ];
    let kinds = ["image/png", "text/html", "image/svg+xml"];
    for (name, kind) in names.into_iter().zip(kinds.into_iter().cycle()) {
        let reply = post(gateway, &user, form(&[NAME, (&head(name, kind), &both)])).await;
        let made = reply.expect_json(201);
        let url = made["cover"].as_str().expect("a URL");
        let path = url.split_once("://").expect("a URL").1;
        let clean = path.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%/:".contains(&b));
        assert!(clean && path.ends_with(".png") && !path.contains("..") && url.len() < 1_000, "{name}: {url}");
        let response = reqwest::get(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
        assert_eq!(response.status(), 200, "{url}");
        assert_eq!(response.headers().get(CONTENT_TYPE).expect("a type"), "image/png", "{url}");
        assert!(response.bytes().await.expect("a body") == both, "{url}");
    }
    // The type that was claimed does not count, the bytes do.
    let jpeg = picture(64, 48, ImageFormat::Jpeg);
    let made = post(gateway, &user, form(&[NAME, (&head("a.png", "image/png"), &jpeg)])).await.expect_json(201);
    let url = made["cover"].as_str().expect("a URL");
    assert!(url.ends_with(".jpg"), "{url}");
    let response = reqwest::get(url).await.expect("the cover");
    assert_eq!(response.headers().get(CONTENT_TYPE).expect("a type"), "image/jpeg");
    // Of two the last one counts, as of any field; of none chosen there is none.
    let two = form(&[(&head("one.png", "image/png"), &png), NAME, (&head("two.jpg", "image/jpeg"), &jpeg)]);
    let made = post(gateway, &user, two).await.expect_json(201);
    assert!(made["cover"].as_str().is_some_and(|url| url.ends_with("/two.jpg")), "{made}");
    let none = form(&[NAME, (&head("", "application/octet-stream"), b"")]);
    assert_eq!(post(gateway, &user, none).await.expect_json(201)["cover"], json!(""));
}

async fn forms_that_are_none_make_no_group(server: Server) {
    let (rig, stage) = (Gateways::rig(server), stage(server).await);
    let gateway = &stage.gateway;
    let user = account(rig, "alice");
    let png = picture(64, 48, ImageFormat::Png);
    let head = head("a.png", "image/png");
    let good = form(&[NAME, (&head, &png)]);
    let text = ("Content-Disposition: form-data; name=\"cover\"", &b"http://example.org/a.png"[..]);
    let file = ("Content-Disposition: form-data; name=\"name\"; filename=\"name.txt\"", &b"a group"[..]);
    for body in [
        form(&[]),
        form(&[(&head, &png)]),
        form(&[NAME, text]),
        form(&[NAME, (text.0, &png)]),
        form(&[file]),
        form(&[NAME, ("no head at all", b"x")]),
        form(&[("Content-Disposition: form-data; name=\"name\"\0", b"x")]),
        form(&[("Content-Disposition: attachment; name=\"name\"", b"")]),
        [format!("--{BOUNDARY}\r\nX: ").as_bytes(), &[b'y'; 1 << 20]].concat(),
        String::from_utf8_lossy(&form(&[NAME])).replace(BOUNDARY, "another").into_bytes(),
        b"nonsense".to_vec(),
        Vec::new(),
    ] {
        let shown = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
        refused(&shown, &post(gateway, &user, body).await, &[400]);
    }
    let ends = [1, 20, 60, 120, good.len() / 2, good.len() - 60, good.len() - 40, good.len() - 5];
    for end in ends {
        refused(&format!("broken off at {end}"), &post(gateway, &user, good[..end].to_vec()).await, &[400]);
    }
    for kind in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"",
        "multipart/form-data; x",
    ] {
        refused(kind, &raw(gateway, &user.jid, GROUPS, kind, good.clone()).await, &[400]);
    }
    let many: Vec<(String, Vec<u8>)> =
        (0..5_000).map(|n| (format!("Content-Disposition: form-data; name=\"f{n}\""), Vec::new())).collect();
    let parts: Vec<(&str, &[u8])> = many.iter().map(|(head, content)| (head.as_str(), content.as_slice())).collect();
    refused("many fields without the one", &post(gateway, &user, form(&parts)).await, &[400]);
    assert!(stage.rooms_of(&user).await.is_empty());
}
