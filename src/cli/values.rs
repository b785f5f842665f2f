//! The values in log lines: what comes from outside neither fills the log nor looks like a line of its own.

use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

/// Characters of one word, such as an id or a name, that are written.
const WORD: usize = 64;

/// Characters of one value that are written.
const VALUE: usize = 512;

/// Writes on the first characters of each word and of the whole, and no character that would end a line or steer a terminal.
pub struct Cut<W> {
    to: W,
    /// Characters of the word that is being written, and of all.
    word: usize,
    all: usize,
}

impl<W: Write> Cut<W> {
    /// One value.
    pub fn new(to: W) -> Self {
        Self { to, word: 0, all: 0 }
    }

    /// Text that stands between quotes, or after them.
    fn plain(&mut self, text: &str) -> bool {
        self.word + text.len() <= WORD && self.all + text.len() <= VALUE && text.bytes().all(stands_for_itself)
    }
}

impl<W: Write> Write for Cut<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.plain(text) {
            self.all += text.len();
            self.word = text.rfind(' ').map_or(self.word + text.len(), |blank| text.len() - blank - 1);
            return self.to.write_str(text);
        }
        text.chars().try_for_each(|c| self.write_char(c))
    }

    fn write_char(&mut self, c: char) -> fmt::Result {
        self.word = if c == ' ' { 0 } else { self.word.saturating_add(1) };
        if self.all >= VALUE || self.word > WORD {
            // The first that is left out is shown to be.
            let shown = self.all == VALUE || self.all < VALUE && self.word == WORD + 1;
            self.all += usize::from(self.all == VALUE);
            return if shown { self.to.write_char('…') } else { Ok(()) };
        }
        self.all += 1;
        if steers(c) { write!(self.to, "{}", c.escape_default()) } else { self.to.write_char(c) }
    }
}

/// True for what no line holds as it is: controls, and what separates lines or turns their direction.
fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// True for what stands for itself wherever it is written.
fn stands_for_itself(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte)
}

/// True for what stands between quotes as it is.
fn stands_in_quotes(text: &str) -> bool {
    text.len() <= WORD && text.bytes().all(|b| stands_for_itself(b) && b != b'"' && b != b'\\')
}

/// A text with its words cut.
pub fn cut(text: &str) -> String {
    let mut short = String::new();
    let mut to = Cut::new(&mut short);
    // Writing to a string does not fail.
    let _ = to.write_str(text);
    short
}

/// Below this, in hundredths, a number has no more than two places and no exponent.
const MAX_HUNDREDTHS: f64 = 1e12;

/// Writes values as `name=value`, with a blank between them, and the message as it is.
pub struct Values<W> {
    to: W,
    first: bool,
    result: fmt::Result,
}

impl<W: Write> Values<W> {
    /// Values at the beginning of what is written, or behind something else.
    pub fn new(to: W, first: bool) -> Self {
        Self { to, first, result: Ok(()) }
    }

    /// Whether all could be written.
    ///
    /// # Errors
    /// The writer's.
    pub fn result(self) -> fmt::Result {
        self.result
    }

    fn write(&mut self, field: &Field, value: impl FnOnce(&mut W) -> fmt::Result) {
        // What the crate `log` says of itself.
        if self.result.is_err() || field.name().starts_with("log.") {
            return;
        }
        let begun = if std::mem::take(&mut self.first) { Ok(()) } else { self.to.write_char(' ') };
        let named = begun.and_then(|()| match field.name() {
            "message" => Ok(()),
            name => self.to.write_str(name.trim_start_matches("r#")).and_then(|()| self.to.write_char('=')),
        });
        self.result = named.and_then(|()| value(&mut self.to));
    }
}

impl<W: Write> Visit for Values<W> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.write(field, |to| match (field.name(), stands_in_quotes(value)) {
            ("message", _) => Cut::new(to).write_str(value),
            (_, true) => {
                to.write_char('"')?;
                to.write_str(value)?;
                to.write_char('"')
            }
            (_, false) => write!(to, "{:?}", cut(value)),
        });
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.write(field, |to| to.write_str(itoa::Buffer::new().format(value)));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // With two places, as times are, or one: the digits of a whole number.
        let hundredths = (value * 100.0).round();
        if !value.is_sign_positive() || hundredths >= MAX_HUNDREDTHS || hundredths / 100.0 != value {
            return self.record_debug(field, &value);
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, positive and bounded")]
        let (whole, places) = (hundredths as u64 / 100, hundredths as u64 % 100);
        self.write(field, |to| {
            to.write_str(itoa::Buffer::new().format(whole))?;
            to.write_char('.')?;
            if places < 10 && places > 0 {
                to.write_char('0')?;
            }
            let places = if places % 10 == 0 { places / 10 } else { places };
            to.write_str(itoa::Buffer::new().format(places))
        });
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.write(field, |to| write!(Cut::new(to), "{value:?}"));
    }
}

/// Writes the values of any event but the access log's.
pub struct Texts;

impl<'w> FormatFields<'w> for Texts {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut values = Values::new(writer, true);
        fields.record(&mut values);
        values.result()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_values_are_cut_and_shown_to_be() {
        assert_eq!(cut(&"x".repeat(64)), "x".repeat(64));
        assert_eq!(cut(&"é".repeat(65)), format!("{}…", "é".repeat(64)));
        assert_eq!(
            cut(&format!("no user {}@example.org here", "x".repeat(3000))),
            format!("no user {}… here", "x".repeat(64))
        );
        let long = cut(&"four ".repeat(1000));
        assert_eq!((long.chars().count(), long.ends_with('…')), (VALUE + 1, true), "{long}");
        assert_eq!(cut(&"x ".repeat(200)), "x ".repeat(200));
    }

    #[test]
    fn in_pieces_it_is_cut_the_same() {
        for text in ["short and plain", &"x".repeat(100), &"é\n".repeat(100), &"ab cd ".repeat(200), &"x".repeat(64)] {
            for size in [1, 3, 7] {
                let mut pieces = String::new();
                let mut to = Cut::new(&mut pieces);
                let letters: Vec<char> = text.chars().collect();
                letters.chunks(size).for_each(|piece| to.write_str(&piece.iter().collect::<String>()).unwrap());
                assert_eq!(pieces, cut(text), "{text:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn nothing_ends_a_line_or_steers_a_terminal() {
        let said = cut("a\nforged\r\u{1b}[31m\u{9b}\u{7f}\u{2028}\u{202e}\u{0}z");
        assert_eq!(said, "a\\nforged\\r\\u{1b}[31m\\u{9b}\\u{7f}\\u{2028}\\u{202e}\\u{0}z");
    }
}
