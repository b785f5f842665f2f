//! Lists in pages of twenty, as Django REST framework's `PageNumberPagination` has them.

use std::ops::Range;

use axum::http::{StatusCode, Uri};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::error::Failure;
use crate::http::form;

/// Entries on one page.
const SIZE: usize = 20;
/// The query parameter.
const NAME: &str = "page";

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    number: usize,
    last: usize,
    count: usize,
}

impl Page {
    /// The page that a URL asks for, of a list of `count` entries: `?page=N`, `last`, or the first. The first page of an
    /// empty list is empty.
    ///
    /// # Errors
    /// 404 for a page that there is not.
    pub fn of(uri: &Uri, count: usize) -> Result<Page, Failure> {
        let last = count.div_ceil(SIZE).max(1);
        let wanted = pairs(uri).filter(|(name, _)| is_page(name)).last().map(|(_, value)| value);
        let wanted = wanted.map(|value| percent_decode_str(value).decode_utf8_lossy().into_owned());
        let number = match wanted.as_deref().map(str::trim) {
            None => 1,
            Some("last") => last,
            Some(text) => text.parse().unwrap_or(0),
        };
        if (1..=last).contains(&number) {
            Ok(Page { number, last, count })
        } else {
            Err(Failure::told(StatusCode::NOT_FOUND, "bad_page", "Invalid page.", "Invalid page."))
        }
    }

    /// The places of its entries in the list.
    pub fn places(&self) -> Range<usize> {
        let start = (self.number - 1) * SIZE;
        start..(start + SIZE).min(self.count)
    }

    /// The body: `results` are the page's entries, `origin` is the gateway's URL as the caller sees it.
    pub fn body(&self, origin: &str, uri: &Uri, results: Vec<Value>) -> Value {
        let next = (self.number < self.last).then(|| link(origin, uri, self.number + 1));
        let previous = (self.number > 1).then(|| link(origin, uri, self.number - 1));
        json!({ "count": self.count, "next": next, "previous": previous, "results": results })
    }
}

/// The same URL for another page; the first one has no number.
fn link(origin: &str, uri: &Uri, number: usize) -> String {
    let others = pairs(uri).filter(|(name, _)| !is_page(name)).map(|(name, value)| format!("{name}={value}"));
    let page = (number > 1).then(|| format!("{NAME}={number}"));
    let query: Vec<String> = others.chain(page).collect();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{origin}{}{mark}{}", uri.path(), query.join("&"))
}

/// The pairs of the query, as they are written.
fn pairs(uri: &Uri) -> impl Iterator<Item = (&str, &str)> {
    let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
    form::pairs(uri.query().unwrap_or_default().as_bytes())
        .map(move |(name, value)| (text(name), value.map_or("", text)))
}

fn is_page(name: &str) -> bool {
    percent_decode_str(name).eq(NAME.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(url: &str, count: usize) -> Option<(Range<usize>, Value)> {
        let uri: Uri = url.parse().unwrap();
        let page = Page::of(&uri, count).ok()?;
        Some((page.places(), page.body("http://h", &uri, Vec::new())))
    }

    fn links(url: &str, count: usize) -> (Value, Value) {
        let (_, body) = page(url, count).unwrap();
        (body["next"].clone(), body["previous"].clone())
    }

    #[test]
    fn each_page_leads_to_its_neighbours() {
        assert_eq!(page("/g/", 0).unwrap(), (0..0, json!({"count": 0, "next": null, "previous": null, "results": []})));
        assert_eq!(page("/g/", 20).unwrap().0, 0..20);
        assert_eq!(links("/g/", 20), (Value::Null, Value::Null));
        assert_eq!(links("/g/", 21), (json!("http://h/g/?page=2"), Value::Null));
        assert_eq!(page("/g/?page=2", 41).unwrap().0, 20..40);
        assert_eq!(links("/g/?page=2", 41), (json!("http://h/g/?page=3"), json!("http://h/g/")));
        assert_eq!(links("/g/?page=3", 41), (Value::Null, json!("http://h/g/?page=2")));
        assert_eq!(page("/g?page=last", 41).unwrap().0, 40..41);
        assert_eq!(links("/g/?a=%E4%BD%A0&page=2&b", 41).0, json!("http://h/g/?a=%E4%BD%A0&b=&page=3"));
    }

    #[test]
    fn a_page_that_is_not_there_is_refused() {
        for wrong in ["0", "3", "-1", "", "x", "1.5", "99999999999999999999999", "%ff", "1%00"] {
            assert_eq!(page(&format!("/g/?page={wrong}"), 21), None, "{wrong}");
        }
        assert_eq!(page("/g/?page=2", 0), None);
    }
}
