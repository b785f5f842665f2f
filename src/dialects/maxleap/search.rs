//! Searches by attributes: which are wanted, in which order, which page of them; and the endpoint that searches users.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use jid::BareJid;
use serde_json::{Map, Value, json};

use super::context::Context;
use super::error::{Code, Failure};
use super::friends;
use super::wire::{Query, Reply, Request};
use crate::chat::records::{Record, Subject};
use crate::chat::types::error::Kind;

/// Rows of one page when the caller does not say, and at most.
const PAGE: (u64, u64) = (20, 100);
/// Conditions of one search, and keys by which it sorts: each is looked at for every row.
const TERMS: usize = 16;
/// Records that are read at a time, at least and at most.
const BATCH: (usize, usize) = (64, 1024);

/// What is searched for.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    wanted: Vec<(String, String)>,
    sort: Vec<(String, bool)>,
    skip: usize,
    limit: usize,
}

/// GET `/ctx?attr=v&_skip&_limit&_sort`. `ts` is when a user was last online, 0 where the server cannot tell.
pub async fn users(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    let search = Search::of(request.query)?;
    let mut all: BTreeSet<BareJid> =
        cx.chat.records.recorded_users(cx.call, &cx.app.realm).await?.into_iter().collect();
    // Without attributes nobody has a wanted one.
    if search.wanted.is_empty() {
        match cx.chat.accounts.accounts(cx.call, &cx.app.realm).await {
            Ok(accounts) => all.extend(accounts),
            Err(error) if matches!(error.kind(), Kind::MissingRight | Kind::Refused) => {
                tracing::debug!(%error, "accounts cannot be listed: those with a record are searched");
            }
            Err(error) => return Err(error.into()),
        }
    }
    // In the order of the page, so that one without a condition need not read all records.
    let mut all: Vec<(String, BareJid)> =
        all.into_iter().filter(|user| cx.is_user(user)).map(|user| (cx.id(&user), user)).collect();
    all.sort_unstable();
    let mut found = Vec::new();
    for batch in all.chunks(search.batch()) {
        let subjects: Vec<Subject> = batch.iter().map(|(_, user)| Subject::User(user.clone())).collect();
        let records = cx.chat.records.records(cx.call, &cx.app.realm, &subjects).await;
        for ((id, user), record) in batch.iter().zip(records) {
            let record: Record = record?;
            if !record.is_passenger() && search.finds(&record.attributes) {
                found.push((id.clone(), record.attributes, user.clone()));
            }
        }
        if search.has_enough(found.len()) {
            break;
        }
    }
    let page = search.page(found);
    let addresses: Vec<BareJid> = page.iter().map(|(_, _, user)| user.clone()).collect();
    let (online, last) =
        tokio::join!(friends::online(cx, &addresses), cx.chat.accounts.last_online(cx.call, &addresses));
    let online = online?;
    let mut rows = Vec::with_capacity(page.len());
    for (((id, attributes, _), online), last) in page.into_iter().zip(online).zip(last) {
        let ts = last?.unwrap_or_default();
        rows.push(json!({"id": id, "online": online, "ts": ts, "attributes": attributes}));
    }
    Ok(Reply::ok(rows))
}

impl Search {
    /// Reads a query. Names without a value, such as `?detail`, are no condition.
    ///
    /// # Errors
    /// 5001 for an unknown name that begins with `_`, or a number that is none; 5010 for too many conditions or keys.
    pub fn of(query: &Query) -> Result<Search, Failure> {
        let (mut wanted, mut sort) = (Vec::new(), Vec::new());
        for (name, value) in &query.0 {
            match (name.as_str(), value) {
                ("_skip" | "_limit", _) | ("_sort", None) => {}
                ("_sort", Some(value)) => {
                    let keys = value.split(',').map(str::trim).filter(|key| !matches!(*key, "" | "-"));
                    sort = keys.map(|key| (key.trim_start_matches('-').to_owned(), key.starts_with('-'))).collect();
                }
                (name, _) if name.starts_with('_') => {
                    return Err(Failure::parameter(format!("{name:?} is none of _skip, _limit and _sort")));
                }
                (_, None) => {}
                (name, Some(value)) => wanted.push((name.to_owned(), value.clone())),
            }
        }
        for (what, terms) in [("conditions", wanted.len()), ("keys in _sort", sort.len())] {
            if terms > TERMS {
                return Err(Failure::new(Code::TooLong, format!("there may be at most {TERMS} {what}")));
            }
        }
        let number = |name, default| query.number(name, default).map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        let limit = number("_limit", PAGE.0)?.min(usize::try_from(PAGE.1).unwrap_or(usize::MAX));
        Ok(Search { wanted, sort, skip: number("_skip", 0)?, limit })
    }

    /// Whether these attributes are wanted.
    pub fn finds(&self, attributes: &Map<String, Value>) -> bool {
        self.wanted.iter().all(|(name, value)| match attributes.get(name) {
            Some(Value::String(text)) => text == value,
            Some(other @ (Value::Number(_) | Value::Bool(_) | Value::Null)) => {
                let text = other.to_string();
                text == *value
            }
            Some(Value::Array(_) | Value::Object(_)) | None => false,
        })
    }

    /// Orders rows of id, attributes and whatever else, and takes the page that is wanted.
    pub fn page<T>(&self, mut rows: Vec<(String, Map<String, Value>, T)>) -> Vec<(String, Map<String, Value>, T)> {
        rows.sort_by(|(one_id, one, _), (other_id, other, _)| {
            let mut by_keys = self.sort.iter().map(|(key, down)| compare(one.get(key), other.get(key), *down));
            by_keys.find(|order| order.is_ne()).unwrap_or_else(|| one_id.cmp(other_id))
        });
        rows.into_iter().skip(self.skip).take(self.limit).collect()
    }

    /// How many candidates, in order of ids, are looked at before it is asked again whether there are enough.
    pub fn batch(&self) -> usize {
        let (least, most) = BATCH;
        if self.wanted.is_empty() && self.sort.is_empty() {
            self.skip.saturating_add(self.limit).clamp(least, most)
        } else {
            most
        }
    }

    /// True when, in order of ids, no further rows can be on the page.
    pub fn has_enough(&self, rows: usize) -> bool {
        self.sort.is_empty() && rows >= self.skip.saturating_add(self.limit)
    }
}

/// Numbers before texts before all else; what is missing is last in either direction.
fn compare(one: Option<&Value>, other: Option<&Value>, down: bool) -> Ordering {
    let (one, other) = match (one, other) {
        (Some(one), Some(other)) => (one, other),
        (one, other) => return one.is_none().cmp(&other.is_none()),
    };
    let order = match (one, other) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => a.as_f64().unwrap_or_default().total_cmp(&b.as_f64().unwrap_or_default()),
        },
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (a, b) => rank(a).cmp(&rank(b)).then_with(|| a.to_string().cmp(&b.to_string())),
    };
    if down { order.reverse() } else { order }
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Number(_) => 0,
        Value::String(_) => 1,
        Value::Bool(_) => 2,
        Value::Null | Value::Array(_) | Value::Object(_) => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(query: &[(&str, Option<&str>)]) -> Search {
        let pairs = query.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned)));
        Search { skip: 0, limit: 20, ..Search::of(&Query(pairs.collect())).unwrap() }
    }

    fn attributes(json: Value) -> Map<String, Value> {
        json.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn values_are_compared_as_text() {
        let all = attributes(json!({"s": "x", "n": 46, "f": 1.5, "b": true, "l": ["x"]}));
        for (name, value, found) in
            [("s", "x", true), ("s", "X", false), ("n", "46", true), ("f", "1.5", true), ("b", "true", true)]
        {
            assert_eq!(search(&[(name, Some(value))]).finds(&all), found, "{name}={value}");
        }
        assert!(!search(&[("l", Some("x"))]).finds(&all) && !search(&[("none", Some(""))]).finds(&all));
        assert!(search(&[("detail", None)]).finds(&all));
        assert!(!search(&[("s", Some("x")), ("n", Some("47"))]).finds(&all));
    }

    #[test]
    fn what_costs_time_for_every_row_is_bounded() {
        let conditions = |n: usize| Query((0..n).map(|n| (format!("a{n}"), Some("x".to_owned()))).collect());
        let keys = |n: usize| Query(vec![("_sort".to_owned(), Some(vec!["a"; n].join(",")))]);
        for query in [&conditions as &dyn Fn(usize) -> Query, &keys] {
            assert!(Search::of(&query(TERMS)).is_ok());
            assert_eq!(Search::of(&query(TERMS + 1)).unwrap_err().code, Code::TooLong);
        }
    }

    #[test]
    fn rows_are_in_order_and_the_missing_last() {
        let row = |id: &str, json| (id.to_owned(), attributes(json), ());
        let rows = || {
            vec![
                row("e", json!({})),
                row("d", json!({"a": "x"})),
                row("c", json!({"a": 10, "b": 1})),
                row("b", json!({"a": 9})),
                row("a", json!({"a": 10, "b": 2})),
            ]
        };
        let ids =
            |sort| -> String { search(&[("_sort", Some(sort))]).page(rows()).into_iter().map(|(id, ..)| id).collect() };
        assert_eq!(ids("a"), "bacde");
        assert_eq!(ids("a,b"), "bcade");
        assert_eq!(ids("-a,-b"), "dacbe");
        assert_eq!(ids(""), "abcde");
        let page = Search { skip: 1, limit: 2, ..search(&[]) }.page(rows());
        assert_eq!(page.into_iter().map(|(id, ..)| id).collect::<String>(), "bc");
    }
}
