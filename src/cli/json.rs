//! Log lines in JSON: one object each, its fields beside time, level and target.

use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::clock::Clock;
use super::values::{Cut, cut};

/// Bytes that most lines have room in.
const USUAL: usize = 384;

/// Writes events. What they stand in (spans) is left out: the gateway has none.
pub struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = String::with_capacity(USUAL);
        line.push_str("{\"timestamp\":\"");
        Clock.format_time(&mut Writer::new(&mut line))?;
        write!(line, "\",\"level\":\"{}\"", event.metadata().level())?;
        event.record(&mut Entries(&mut line));
        line.push_str(",\"target\":");
        text(&mut line, event.metadata().target());
        line.push_str("}\n");
        writer.write_str(&line)
    }
}

/// Adds each field to the object. Writing to a string does not fail.
struct Entries<'a>(&'a mut String);

impl Entries<'_> {
    fn value(&mut self, field: &Field, value: impl Debug) {
        self.name(field);
        let _ = write!(self.0, "{value:?}");
    }

    fn name(&mut self, field: &Field) {
        self.0.push(',');
        text(self.0, field.name().trim_start_matches("r#"));
        self.0.push(':');
    }
}

impl Visit for Entries<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.name(field);
        text(self.0, &cut(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.name(field);
        self.0.push_str(itoa::Buffer::new().format(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.name(field);
        self.0.push_str(itoa::Buffer::new().format(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.value(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // As numbers are written in JSON, which has none that is no number.
        self.name(field);
        match serde_json::Number::from_f64(value) {
            Some(number) => drop(write!(self.0, "{number}")),
            None => self.0.push_str("null"),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut short = String::new();
        let _ = write!(Cut::new(&mut short), "{value:?}");
        self.name(field);
        text(self.0, &short);
    }
}

/// Adds a text in quotes.
fn text(to: &mut String, text: &str) {
    if text.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'"' && b != b'\\') {
        to.push('"');
        to.push_str(text);
        to.push('"');
    } else {
        to.push_str(&serde_json::Value::from(text).to_string());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::access::tests::written;
    use super::*;

    #[test]
    fn each_line_is_an_object_and_every_value_is_what_it_was() {
        let said = written(JsonLines, &|| {
            let (text, long) = ("a\"b\\c\nd\u{1b}é", "x".repeat(70));
            tracing::warn!(target: "t", text, %long, n = 7_u64, minus = -7_i64, yes = true, ms = 1.25, not = f64::NAN, "said");
        });
        let value: Value = serde_json::from_str(said.trim_end()).unwrap_or_else(|error| panic!("{error}: {said}"));
        assert_eq!(said.lines().count(), 1);
        let mut expected = json!({
            "level": "WARN", "message": "said", "text": "a\"b\\c\\nd\\u{1b}é", "long": format!("{}…", "x".repeat(64)),
            "n": 7, "minus": -7, "yes": true, "ms": 1.25, "not": null, "target": "t"
        });
        expected["timestamp"] = value["timestamp"].clone();
        assert_eq!(value, expected);
        let names: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!((names[0], names[1], names[2], *names.last().unwrap()), ("timestamp", "level", "message", "target"));
    }
}
