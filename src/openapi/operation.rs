//! One operation: a call, or the calls that share a path and a method and are told apart by the query.

use serde_json::{Map, Value, json};

use super::{both, example, schema, statuses};
use crate::dialects::api::about::{Api, Key};
use crate::dialects::api::call::{About, Kind, Location, Method, OTHERS, Parameter, Who};
use crate::http::form::pairs;

/// What follows when a caller is to wait.
const WAIT: [u16; 2] = [429, 503];

pub(super) fn failure_name(api: &Api) -> String {
    format!("{}Failure", api.name)
}

pub(super) fn response_name(api: &Api, status: u16) -> String {
    format!("{}{status}", api.name)
}

pub(super) fn key_name(api: &Api, key: &Key) -> String {
    format!("{}{}", api.name, key.name)
}

/// The response of the failures with this status.
pub(super) fn failed(api: &Api, status: u16) -> Value {
    let mut response = json!({
        "description": why(api, status),
        "content": { "application/json": { "schema": failure(api) } },
    });
    if WAIT.contains(&status) {
        response["headers"] = json!({
            "Retry-After": { "description": "For so many seconds the caller waits.", "schema": schema::of(&Kind::Number) },
        });
    }
    response
}

fn failure(api: &Api) -> Value {
    json!({ "$ref": format!("#/components/schemas/{}", failure_name(api)) })
}

/// The failures with this status, one line each.
fn why(api: &Api, status: u16) -> String {
    let faults = api.faults.iter().filter(|fault| fault.statuses.contains(&status));
    let lines = faults.map(|fault| match fault.code {
        0 => format!("{} {}", fault.says, fault.zh),
        code => format!("- {code}: {} {}", fault.says, fault.zh),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The operation of calls that share a path and this method.
pub(super) fn of(api: &Api, method: Method, calls: &[&'static About]) -> Value {
    let Some(first) = calls.first() else { return json!({}) };
    let mut id = if calls.len() == 1 { format!("{}_{}", api.name, first.name) } else { format!("{}_call", api.name) };
    if first.methods.first() != Some(&method) {
        id = format!("{id}_{}", method.name().to_lowercase());
    }
    let mut operation = json!({
        "operationId": id,
        "tags": [api.name],
        "summary": calls.iter().map(|call| call.says).collect::<Vec<_>>().join(" "),
        "description": description(calls),
        "parameters": parameters(method, calls),
        "responses": responses(api, calls),
        "security": security(api, first),
    });
    if let Some(body) = body(api, method, calls) {
        operation["requestBody"] = body;
    }
    operation
}

fn description(calls: &[&'static About]) -> String {
    match calls {
        [call] => both(call.says, call.zh),
        calls => {
            let line = |call: &&About| format!("- `?{}`: {} {}", call.chosen_by, call.says, call.zh);
            let lines = calls.iter().map(line).collect::<Vec<_>>().join("\n");
            format!("The query says which call is meant. 由查询参数区分：\n\n{lines}")
        }
    }
}

fn security(api: &Api, about: &About) -> Value {
    if about.who == Who::Anybody {
        return json!([]);
    }
    let needs = |keys: &&[Key]| -> Value { keys.iter().map(|key| (key_name(api, key), json!([]))).collect() };
    api.keys.iter().map(needs).collect()
}

/// The parameters in path and query; first those that tell the calls apart.
fn parameters(method: Method, calls: &[&'static About]) -> Value {
    let mut all = choosing(method, calls);
    let takes = calls.iter().flat_map(|call| call.takes.iter().map(move |parameter| (*call, parameter)));
    for (call, parameter) in takes {
        match parameter.location {
            Location::Path => all.push(in_path(call, parameter)),
            Location::Query => all.push(in_query(call, parameter, calls.len() == 1)),
            Location::Body => {}
        }
    }
    all.into()
}

fn choosing(method: Method, calls: &[&'static About]) -> Vec<Value> {
    let with_body = calls.iter().find(|call| method != Method::Get && !call.example.body.is_empty());
    let shown = with_body.or(calls.first()).map(|call| example::query(call)).unwrap_or_default();
    let mut words: Vec<(String, Vec<String>)> = Vec::new();
    for call in calls {
        for (name, value) in pairs(call.chosen_by.as_bytes()) {
            let [name, value] =
                [name, value.unwrap_or_default()].map(|text| String::from_utf8_lossy(text).into_owned());
            match words.iter_mut().find(|(known, _)| *known == name) {
                Some((_, values)) if values.contains(&value) => {}
                Some((_, values)) => values.push(value),
                None => words.push((name, vec![value])),
            }
        }
    }
    let parameter = |(name, values): (String, Vec<String>)| {
        let example = shown.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
        json!({
            "name": name,
            "in": "query",
            "required": true,
            "description": both("Which call is meant.", "指明接口。"),
            "schema": { "type": "string", "enum": values },
            "example": example,
        })
    };
    words.into_iter().map(parameter).collect()
}

fn in_path(call: &About, parameter: &Parameter) -> Value {
    json!({
        "name": parameter.name,
        "in": "path",
        "required": true,
        "description": both(parameter.says, parameter.zh),
        "schema": { "type": "string", "minLength": 1 },
        "example": example::in_path(call, parameter.name),
    })
}

fn in_query(call: &About, parameter: &Parameter, alone: bool) -> Value {
    let others = parameter.name == OTHERS;
    let mut described = json!({
        "name": if others { "attributes" } else { parameter.name },
        "in": "query",
        "required": parameter.required && alone,
        "description": both(parameter.says, parameter.zh),
        "schema": schema::of(&parameter.kind),
    });
    let examples = example::query(call);
    let known = |name: &str| call.takes.iter().any(|parameter| parameter.name == name);
    if others {
        described["style"] = "form".into();
        described["explode"] = true.into();
        described["schema"] = json!({ "type": "object", "additionalProperties": schema::of(&parameter.kind) });
        let rest = examples.into_iter().filter(|(name, _)| !known(name));
        described["example"] = rest.map(|(name, value)| (name, value.into())).collect::<Map<_, _>>().into();
        return described;
    }
    if parameter.kind == Kind::Named {
        described["allowEmptyValue"] = true.into();
    }
    if let Some((_, value)) = examples.into_iter().find(|(name, _)| name == parameter.name) {
        let number = value.parse::<u64>().ok().filter(|_| parameter.kind == Kind::Number);
        described["example"] = number.map_or(Value::String(value), Value::from);
    }
    described
}

/// The body, which a GET has none of that anybody would read.
fn body(api: &Api, method: Method, calls: &[&'static About]) -> Option<Value> {
    let fields: Vec<&Parameter> =
        calls.iter().flat_map(|call| call.takes).filter(|parameter| parameter.location == Location::Body).collect();
    if method == Method::Get || fields.is_empty() {
        return None;
    }
    let file = fields.iter().find(|field| field.kind == Kind::File);
    let types = match file {
        Some(file) if file.required => &["multipart/form-data"],
        _ => api.bodies,
    };
    let example = calls.iter().find_map(|call| example::body(call));
    let content = types.iter().map(|media| {
        let (form, multipart) = (*media != "application/json", *media == "multipart/form-data");
        let fields = fields.iter().copied().filter(|field| field.kind != Kind::File || multipart);
        let one = if form { schema::form(fields) } else { schema::object(fields) };
        let mut content = match calls {
            [call] if call.batch => json!({ "schema": { "anyOf": [one, { "type": "array", "items": one }] } }),
            _ => json!({ "schema": one }),
        };
        if let Some(example) = &example {
            content["example"] = example.clone();
        }
        ((*media).to_owned(), content)
    });
    let required = calls.len() == 1 && fields.iter().any(|field| field.required);
    Some(json!({ "required": required, "content": content.collect::<Map<_, _>>() }))
}

fn responses(api: &Api, calls: &[&'static About]) -> Value {
    let mut responses = Map::new();
    for status in statuses(api) {
        let reference = format!("#/components/responses/{}", response_name(api, status));
        responses.insert(status.to_string(), json!({ "$ref": reference }));
    }
    let mut kinds: Vec<Value> = Vec::new();
    for call in calls {
        let kind = schema::of(&call.gives.1);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let Some(first) = calls.first() else { return responses.into() };
    let (status, kind) = first.gives;
    let fails_so = statuses(api).contains(&status);
    let mut done = json!({ "description": "It was done. 已完成。" });
    if fails_so {
        kinds.push(failure(api));
        done["description"] = format!("It was done, or it failed. 已完成，或失败。\n\n{}", why(api, status)).into();
    }
    let schema = match kinds.as_slice() {
        [one] => one.clone(),
        _ => json!({ "anyOf": kinds }),
    };
    match kind {
        Kind::Nothing => {}
        Kind::File => {
            // Whoever looks for a picture reads no body.
            responses.insert("404".to_owned(), json!({ "description": "There is none. 没有。" }));
            done["content"] = json!({ "image/*": { "schema": {} } });
            if fails_so {
                done["content"]["application/json"] = json!({ "schema": failure(api) });
            }
        }
        _ => done["content"] = json!({ "application/json": { "schema": schema } }),
    }
    let header = |name: &&str| {
        let header =
            json!({ "description": "How the new account logs in. 新账号的登录方式。", "schema": { "type": "string" } });
        ((*name).to_owned(), header)
    };
    let headers: Map<String, Value> = first.gives_headers.iter().map(header).collect();
    if !headers.is_empty() {
        done["headers"] = headers.into();
    }
    responses.insert(status.to_string(), done);
    responses.sort_keys();
    responses.into()
}
