//! The description of the APIs is true: on real servers the example of each call is sent, and what is answered must be what
//! its row says, or what its API says of failures.

use std::collections::HashSet;

use jsonschema::Validator;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use stanzagate::config::sessions::Grant;
use stanzagate::dialects;
use stanzagate::dialects::api::about::Served;
use stanzagate::dialects::api::call::{About, Kind, Parameter, Who};
use stanzagate::dialects::api::md5;
use stanzagate::openapi::schema;

use crate::on_newest;
use crate::support::{Gateway, Reply, Server};

on_newest!(each_call_answers_what_its_row_says);

/// What cannot succeed with the accounts that the rig has.
const REFUSED: [&str; 3] = [
    // Nobody has a photo.
    "qtalk/avatar",
    "rongcloud/avatar",
    // A group's only owner cannot leave it.
    "rongcloud/group_quit",
];

async fn each_call_answers_what_its_row_says(server: Server) {
    let rig = tokio::task::spawn_blocking(move || server.start(Grant::Oauth)).await.expect("a server");
    let config = rig.gateway_config();
    let gateway = Gateway::start(&rig, |_| {}).await;
    let passwords = ["alice", "bob"].map(|user| rig.users()[user].clone());
    let mut state = State { gateway: &gateway, token: String::new(), filled: Vec::new() };
    state.fill("{domain}", rig.domain());
    state.fill("{rooms}", &format!("conference.{}", rig.domain()));
    state.fill("{password}", &passwords[0]);
    state.fill("userid=1", &format!("userid={}", number_of_bob(&gateway, &passwords[1]).await));

    let (mut wrong, mut refused) = (Vec::new(), HashSet::new());
    for served in dialects::apis(&config) {
        let mut calls = served.calls.clone();
        calls.sort_by_key(|about| place(about.name));
        for about in calls {
            let name = format!("{}/{}", served.api.name, about.name);
            let reply = state.sent(&served, about).await;
            match said(&served, about, &reply) {
                Ok(true) => state.learn(&name, &reply.json),
                Ok(false) => drop(refused.insert(name)),
                Err(why) => wrong.push(format!("{name}: {} {}: {why}", reply.status, reply.text)),
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    let expected: HashSet<String> = REFUSED.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(refused, expected);
    gateway.shutdown().await;
}

/// When a call comes: strangers are looked at before they are friends, and what ends something comes last.
fn place(name: &str) -> u8 {
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    match name {
        _ if name.starts_with("stranger") => 0,
        "group_leave" | "room_leave" | "group_quit" => 2,
        _ if has(&["clear", "remove", "del_muc"]) => 2,
        _ if has(&["delete", "destroy", "dismiss"]) => 3,
        _ => 1,
    }
}

/// What has come of the calls so far.
struct State<'a> {
    gateway: &'a Gateway,
    /// alice's token for the API of RongCloud-backed groups.
    token: String,
    /// What stands in place of what in the examples.
    filled: Vec<(String, String)>,
}

impl State<'_> {
    fn fill(&mut self, what: &str, with: &str) {
        self.filled.push((what.to_owned(), with.to_owned()));
    }

    /// The ids that a call has given.
    fn learn(&mut self, name: &str, answer: &Value) {
        let text = answer.as_str().unwrap_or_default();
        match name {
            "maxleap/group_create" => self.fill("/groups/lobby", &format!("/groups/{text}")),
            "maxleap/room_create" => self.fill("/rooms/lobby", &format!("/rooms/{text}")),
            "maxleap/passenger_create" => self.fill("/passengers/visitor", &format!("/passengers/{text}")),
            "rongcloud/login" => answer["key"].as_str().unwrap_or_default().clone_into(&mut self.token),
            "rongcloud/group_create" => {
                self.fill("/group/1/", &format!("/group/{}/", answer["id"]));
                self.fill("/retrieve/1/", &format!("/retrieve/{}/", answer["id"]));
            }
            _ => {}
        }
    }

    fn filled(&self, text: &str) -> String {
        self.filled.iter().fold(text.to_owned(), |text, (what, with)| text.replace(what, with))
    }

    /// The answer to the call's example, sent as its API is called.
    async fn sent(&self, served: &Served, about: &About) -> Reply {
        let (path, body) = (self.filled(about.example.path), self.filled(about.example.body));
        let method = match about.methods {
            [first, ..] if body.is_empty() => first.name(),
            methods => methods.last().expect("a method").name(),
        };
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let path = match (served.api.name, path.split_once('?')) {
            ("xuanxuan", Some((path, query))) => format!("{path}?{}", self.signed(query)),
            _ => path,
        };
        let build = |http: &reqwest::Client, url: &str| -> RequestBuilder {
            let request = http.request(method, format!("{url}{path}"));
            let request = match (served.api.name, about.who) {
                ("maxleap", _) => {
                    let (app, key) = self.gateway.maxleap_app();
                    request.header("X-ML-AppId", app).header("X-ML-APIKey", key)
                }
                ("rongcloud", Who::User) => request.header("Authorization", format!("Token {}", self.token)),
                _ => request,
            };
            match (about.name, body.starts_with('{')) {
                ("attachment", _) => {
                    let form = "--x\r\nContent-Disposition: form-data; name=\"attachment\"; filename=\"a.txt\"\r\n\r\nx\r\n--x--\r\n";
                    request.header("Content-Type", "multipart/form-data; boundary=x").body(form)
                }
                (_, true) if served.api.name == "qtalk" => request.body(body),
                (_, true) => request.header("Content-Type", "application/json").body(body),
                _ if body.is_empty() => request,
                _ => request.header("Content-Type", "application/x-www-form-urlencoded").body(body),
            }
        };
        self.gateway.request(build).await
    }

    fn signed(&self, query: &str) -> String {
        let (code, key) = self.gateway.xuanxuan_entry();
        let query = format!("{query}&code={code}");
        let token = md5::hex(md5::sum([md5::hex(md5::sum([query.as_str()])).as_str(), key]));
        format!("{query}&token={token}")
    }
}

/// bob's number, by which others bring them into groups.
async fn number_of_bob(gateway: &Gateway, password: &str) -> u64 {
    let body = json!({ "username": "bob", "password": password });
    let reply = gateway.post_raw("/api/auth/login/", body.to_string()).await;
    let key = reply.json["key"].as_str().unwrap_or_else(|| panic!("no token: {}", reply.text));
    let token = format!("Token {key}");
    let get =
        |http: &reqwest::Client, url: &str| http.get(format!("{url}/api/im/token/")).header("Authorization", token);
    gateway.request(get).await.json["id"].as_u64().expect("a number")
}

/// Whether the answer is a success as the row says; a failure must be one as the API says.
fn said(served: &Served, about: &About, reply: &Reply) -> Result<bool, String> {
    let (status, kind) = about.gives;
    let given = reply.status.as_u16();
    let json = reply.headers.get("content-type").is_some_and(|kind| kind == "application/json; charset=utf-8");
    if given == status && kind == Kind::Nothing {
        return if reply.text.is_empty() { Ok(true) } else { Err("there is a body".to_owned()) };
    }
    if kind == Kind::File && (given == status || (given == 404 && reply.text.is_empty())) {
        return Ok(given == status);
    }
    if !json {
        return Err("it is not JSON".to_owned());
    }
    let is_success = if given == status { problems(&kind, &reply.json) } else { Err("another status".to_owned()) };
    let Err(why) = is_success else {
        let missing = about.gives_headers.iter().find(|name| !reply.headers.contains_key(**name));
        return missing.map_or(Ok(true), |name| Err(format!("the header {name} is missing")));
    };
    if !served.api.faults.iter().any(|fault| fault.statuses.contains(&given)) {
        return Err(format!("no failure has this status: {why}"));
    }
    problems(&served.api.failure, &reply.json).map(|()| false).map_err(|other| format!("{why}; {other}"))
}

/// What in a value is not as its kind says, fields that the kind does not name among it.
fn problems(kind: &Kind, value: &Value) -> Result<(), String> {
    let mut schema = schema::of(kind);
    close(&mut schema);
    let validator: Validator = jsonschema::validator_for(&schema).expect("a schema");
    validator.validate(value).map_err(|error| format!("{error} at {}", error.instance_path()))
}

/// Lets objects have no other fields than those that are named.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.values_mut().for_each(close);
            if fields.get("properties").is_some_and(Value::is_object) && fields.get("type") == Some(&json!("object")) {
                fields.entry("additionalProperties").or_insert(false.into());
            }
        }
        Value::Array(values) => values.iter_mut().for_each(close),
        _ => {}
    }
}

#[test]
fn a_wrong_type_is_found() {
    const KIND: Kind = Kind::Object(&[
        Parameter::body("id", Kind::Text, "The id.", "标识。").required(),
        Parameter::body("photo", Kind::OrNull(&Kind::Url), "The photo.", "照片。").required(),
        Parameter::body("members", Kind::List(&Kind::Text), "The members.", "成员。"),
        Parameter::body("attributes", Kind::Map(&Kind::Any), "The attributes.", "属性。"),
    ]);
    for fine in
        [json!({"id": "x", "photo": null}), json!({"id": "x", "photo": "", "members": [], "attributes": {"a": 1}})]
    {
        assert_eq!(problems(&KIND, &fine), Ok(()), "{fine}");
    }
    for wrong in [
        json!({"id": 1, "photo": null}),
        json!({"id": "x"}),
        json!({"id": "x", "photo": null, "members": "bob"}),
        json!({"id": "x", "photo": null, "members": [1]}),
        json!({"id": "x", "photo": null, "attributes": []}),
        json!({"id": "x", "photo": null, "more": true}),
        json!([]),
    ] {
        assert!(problems(&KIND, &wrong).is_err(), "{wrong}");
    }
}
