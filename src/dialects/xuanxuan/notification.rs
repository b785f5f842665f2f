//! What a caller wants to have said: the JSON of a notification, read and checked in the original's order.

use serde_json::{Map, Value, json};

use super::error::{Failure, shown};
use super::link;
use crate::chat::types::plain::plain;
use crate::http::json;
use crate::http::language::Localized;

const NO_RECEIVER: Localized =
    ("没有设置接收者类型，只能是用户或者是某个讨论组。", "Not set receiver type, it must be users or chat group.");
const NO_USERS: Localized = ("应当设置接收者用户列表。", "Should set user list.");
const NO_GROUP: Localized = ("应当设置接收讨论组。", "Should set chat group.");
const NO_SENDER: Localized = ("应当设置发送方信息。", "Should set sender info.");
const NOTHING: Localized = ("应当设置通知标题。", "Should set title.");

/// Longest name, title of a button, or kind of one, in characters.
const LABEL: usize = 256;
/// Who gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receiver {
    /// These users, each named once.
    Users(Vec<String>),
    /// Everybody in this group.
    Group(String),
}

/// What kind of text the content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentType {
    /// Plain text.
    Plain,
    /// Markdown.
    Markdown,
}

/// A button with a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// What is on it.
    pub label: String,
    /// Where it leads: http or https.
    pub url: String,
    /// Its icon: the name of one, or a URL of http or https.
    pub icon: String,
    /// How it looks.
    pub kind: String,
}

/// Who speaks, as the notification itself says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// Text or a number.
    pub id: String,
    /// How they are called.
    pub name: String,
    /// Their picture: http or https.
    pub avatar: String,
}

/// A notification. Texts that are not given are empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Who gets it.
    pub receiver: Receiver,
    /// Title, in one line.
    pub title: String,
    /// Subtitle, in one line.
    pub subtitle: String,
    /// The text.
    pub content: String,
    /// What kind of text.
    pub content_type: ContentType,
    /// Where it leads: http or https.
    pub url: String,
    /// Further links.
    pub actions: Vec<Action>,
    /// Who speaks.
    pub sender: Sender,
}

impl Notification {
    /// Reads a notification; `None`, and what is no JSON object, is one without anything, as in the original.
    ///
    /// # Errors
    /// The first thing that is wrong: the receiver, their list, the group, the sender, then everything else.
    pub fn read(data: Option<&str>, users: usize) -> Result<Notification, Failure> {
        let Some(Ok(Value::Object(data))) = data.map(|data| json::read(data.as_bytes())) else {
            return Err(Failure::request(NO_RECEIVER));
        };
        let receiver = match data.get("receiver").and_then(Value::as_str) {
            Some("users") => Receiver::Users(user_list(&data, users)?),
            Some("group") => match text(&data, "gid")? {
                gid if gid.is_empty() => return Err(Failure::request(NO_GROUP)),
                gid => Receiver::Group(gid),
            },
            _ => return Err(Failure::request(NO_RECEIVER)),
        };
        let sender = sender(&data)?;
        let content_type = match text(&data, "contentType")?.as_str() {
            "" | "text" => ContentType::Markdown,
            "plain" => ContentType::Plain,
            other => return Err(wrong("contentType", &format!("plain / text: {}", shown(other)))),
        };
        // The documentation's own example writes the subtitle with a capital.
        let subtitle = match text(&data, "subtitle")? {
            empty if empty.is_empty() => text(&data, "subTitle")?,
            given => given,
        };
        let notification = Notification {
            receiver,
            title: one_line(&text(&data, "title")?),
            subtitle: one_line(&subtitle),
            content: plain(&text(&data, "content")?).replace("\r\n", "\n"),
            content_type,
            url: url(&data, "url")?,
            actions: actions(&data)?,
            sender,
        };
        if notification.title.is_empty()
            && notification.subtitle.is_empty()
            && notification.content.trim().is_empty()
            && notification.url.is_empty()
            && notification.actions.is_empty()
        {
            return Err(Failure::request(NOTHING));
        }
        Ok(notification)
    }

    /// The whole of it, as the original hands it to its own clients: `id` is one of its own, `seconds` the time since 1970.
    pub fn card(&self, id: &str, seconds: u64) -> Value {
        let cgid = match &self.receiver {
            Receiver::Users(_) => "notification",
            Receiver::Group(gid) => gid,
        };
        let actions = self.actions.iter().map(|action| {
            object(&[("label", &action.label), ("url", &action.url)], &[("icon", &action.icon), ("type", &action.kind)])
        });
        json!({
            "gid": id,
            "cgid": cgid,
            "type": "notify",
            "date": seconds,
            "title": self.title,
            "subtitle": self.subtitle,
            "content": self.content,
            "contentType": match self.content_type {
                ContentType::Plain => "plain",
                ContentType::Markdown => "text",
            },
            "url": self.url,
            "actions": actions.collect::<Value>(),
            "sender": object(
                &[("id", &self.sender.id)],
                &[("name", &self.sender.name), ("avatar", &self.sender.avatar)],
            ),
        })
    }
}

impl Sender {
    /// How they are called, else their id: what the original's own client shows.
    pub fn shown(&self) -> &str {
        if self.name.is_empty() { &self.id } else { &self.name }
    }
}

/// An object of some fields, and of others where they are not empty.
fn object(always: &[(&str, &String)], given: &[(&str, &String)]) -> Value {
    let given = given.iter().filter(|(_, value)| !value.is_empty());
    always.iter().chain(given).map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
}

fn user_list(data: &Map<String, Value>, most: usize) -> Result<Vec<String>, Failure> {
    let Some(list) = data.get("userList").and_then(list).filter(|list| !list.is_empty()) else {
        return Err(Failure::request(NO_USERS));
    };
    if list.len() > most {
        return Err(Failure::told(
            "too_many",
            format!("userList 最多 {most} 个用户"),
            format!("userList has more than {most} users."),
        ));
    }
    let mut seen = std::collections::HashSet::with_capacity(list.len());
    let mut users = Vec::with_capacity(list.len());
    for user in list {
        let id = match user {
            Value::String(id) => id.clone(),
            Value::Number(id) => id.to_string(),
            _ => return Err(wrong("userList", "ids")),
        };
        if seen.insert(id.clone()) {
            users.push(id);
        }
    }
    Ok(users)
}

fn sender(data: &Map<String, Value>) -> Result<Sender, Failure> {
    let sender = match data.get("sender") {
        Some(Value::Object(sender)) => sender,
        None | Some(Value::Null | Value::Bool(false)) => return Err(Failure::request(NO_SENDER)),
        Some(Value::String(text)) if text.is_empty() || text == "0" => return Err(Failure::request(NO_SENDER)),
        Some(Value::Array(list)) if list.is_empty() => return Err(Failure::request(NO_SENDER)),
        Some(_) => return Err(wrong("sender", "{id, name, avatar}")),
    };
    let id = text(sender, "id").map_err(|_| wrong("sender.id", "string / number"))?;
    let id = id.trim().to_owned();
    let name = one_line(&text(sender, "name").map_err(|_| wrong("sender.name", "string"))?);
    if id.is_empty() {
        return Err(Failure::request(NO_SENDER));
    }
    within("sender.id", &id)?;
    within("sender.name", &name)?;
    // Without a picture that can be shown they have none.
    let avatar = sender.get("avatar").and_then(Value::as_str).and_then(link::usable).unwrap_or_default();
    Ok(Sender { id, name, avatar })
}

/// The values of a list, or of what PHP makes of one with gaps: an object whose names are the places.
fn list(value: &Value) -> Option<Vec<&Value>> {
    match value {
        Value::Array(values) => Some(values.iter().collect()),
        Value::Object(fields) => {
            let place = |(name, value): (&String, _)| Some((name.parse().ok()?, value));
            let mut places = fields.iter().map(place).collect::<Option<Vec<(usize, &Value)>>>()?;
            places.sort_unstable_by_key(|(place, _)| *place);
            Some(places.into_iter().map(|(_, value)| value).collect())
        }
        _ => None,
    }
}

fn actions(data: &Map<String, Value>) -> Result<Vec<Action>, Failure> {
    let list = match data.get("actions") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::String(text)) if text.is_empty() => return Ok(Vec::new()),
        Some(actions) => list(actions).ok_or_else(|| wrong("actions", "array"))?,
    };
    let action = |(place, action): (usize, &Value)| {
        let here = |name: &str| format!("actions[{place}].{name}");
        let Value::Object(action) = action else { return Err(wrong(&format!("actions[{place}]"), "{label, url}")) };
        let read = |name: &str| text(action, name).map_err(|_| wrong(&here(name), "string"));
        // As the original's client does.
        let label = match read("label")? {
            empty if empty.is_empty() => read("lable")?,
            label => label,
        };
        let label = one_line(&label);
        if label.is_empty() {
            return Err(wrong(&here("label"), "string"));
        }
        within(&here("label"), &label)?;
        // What only decorates a button is left out where it cannot be used.
        let decoration = |name: &str| action.get(name).and_then(Value::as_str).unwrap_or_default();
        let icon = match decoration("icon") {
            icon if icon.contains([':', '/']) => link::usable(icon).unwrap_or_default(),
            icon => decorating(icon, |c| !c.is_control() && !c.is_whitespace()),
        };
        let kind = decorating(decoration("type"), |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        let url = url(action, "url").map_err(|_| wrong(&here("url"), "http:// / https://"))?;
        if url.is_empty() {
            return Err(wrong(&here("url"), "http:// / https://"));
        }
        Ok(Action { label, url, icon, kind })
    };
    list.into_iter().enumerate().map(action).collect()
}

/// A field that is text or a number; empty where it is missing or null.
fn text(object: &Map<String, Value>, name: &str) -> Result<String, Failure> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(_) => Err(wrong(name, "string")),
    }
}

/// A field that is a link, or empty.
fn url(object: &Map<String, Value>, name: &str) -> Result<String, Failure> {
    match text(object, name)?.trim() {
        "" => Ok(String::new()),
        given => link::usable(given).ok_or_else(|| wrong(name, "http:// / https://")),
    }
}

/// A word that decorates; empty where it is too long or holds anything but `fit` characters.
fn decorating(word: &str, fit: impl Fn(char) -> bool) -> String {
    if word.len() <= LABEL && word.chars().all(fit) { word.to_owned() } else { String::new() }
}

fn within(name: &str, text: &str) -> Result<(), Failure> {
    match text.chars().count() > LABEL {
        true => Err(Failure::told(
            "too_large",
            format!("{name} 最多 {LABEL} 个字符"),
            format!("{name} has more than {LABEL} characters."),
        )),
        false => Ok(()),
    }
}

/// Without line breaks, which would end a heading, and without what only a console shows.
fn one_line(text: &str) -> String {
    plain(text).split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

fn wrong(name: &str, wanted: &str) -> Failure {
    Failure::told(
        "bad_request",
        format!("{name} 格式错误，应为：{wanted}"),
        format!("{name} is wrong, it must be: {wanted}"),
    )
}

#[cfg(test)]
#[path = "notification_tests.rs"]
mod tests;
