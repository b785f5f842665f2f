//! Forms that are not quite as documented: a password that is a number, and a Content-Type with two boundaries.

use image::ImageFormat;
use reqwest::Method;
use serde_json::json;

use crate::support::rongcloud::multipart;
use crate::support::upload::{BOUNDARY, form, picture};
use crate::support::{Gateway, Reply, Server, account, fresh};

crate::on_newest!(a_password_may_be_a_number, the_boundary_in_the_body_counts);

async fn a_password_may_be_a_number(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let user = fresh("digits");
    rig.register_with(&user, "123456").expect("an account");
    let log_in = async |body: String| {
        let post = |http: &reqwest::Client, url: &str| {
            http.post(format!("{url}/api/auth/login/")).header("content-type", "application/json").body(body)
        };
        gateway.request(post).await
    };
    for password in ["123456", "\"123456\""] {
        let reply = log_in(format!(r#"{{"username":"{user}","password":{password}}}"#)).await.expect_json(200);
        assert!(reply["key"].is_string(), "{reply}");
    }
    let digits = account(rig, "8").name;
    let reply = log_in(json!({"username": digits, "password": 654_321}).to_string()).await;
    reply.expect_detail(400);
}

async fn the_boundary_in_the_body_counts(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let pasted = "----WebKitFormBoundary7MA4YWxkTrZu0gW";
    let kinds = [
        format!("multipart/form-data; boundary={pasted}; boundary={BOUNDARY}"),
        format!("multipart/form-data; boundary={BOUNDARY}; boundary={pasted}"),
    ];
    let (app, key) = gateway.maxleap_app();
    let head = "Content-Disposition: form-data; name=\"attachment\"; filename=\"a.png\"\r\nContent-Type: image/png";
    let image = picture(40, 30, ImageFormat::Png);
    for kind in &kinds {
        let body = form(&[(head, &image)]);
        let post = |http: &reqwest::Client, url: &str| {
            let request = http.post(format!("{url}/attachment")).header("x-ml-appid", app).header("x-ml-apikey", key);
            request.header("content-type", kind).body(body)
        };
        let reply: Reply = gateway.request(post).await.expect_status(200);
        assert_eq!(reply.json.as_array().map(Vec::len), Some(2), "{}", reply.text);

        let title = fresh("boundary");
        let data =
            json!({"receiver": "users", "userList": [account(rig, "bob").name], "title": title, "sender": {"id": "s"}});
        let body = form(&[("Content-Disposition: form-data; name=\"data\"", data.to_string().as_bytes())]);
        let path = format!("/api.php?{}", gateway.signed("m=chat&f=notifyMSG"));
        let post = |http: &reqwest::Client, url: &str| {
            http.post(format!("{url}{path}")).header("content-type", kind).body(body)
        };
        gateway.request(post).await.expect_data();
    }
    let owner = account(rig, "alice");
    let (kind, body) = multipart(&[("name", "two boundaries")], None);
    let kind = kind.replace("; boundary", &format!("; boundary={pasted}; boundary"));
    let post = |request: reqwest::RequestBuilder| request.header("content-type", kind).body(body);
    let made = gateway.rongcloud_with(&owner.jid, Method::POST, "/api/im/group/", post).await.expect_json(201);
    assert_eq!(made["name"], json!("two boundaries"));
}
