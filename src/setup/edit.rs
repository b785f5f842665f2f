//! Edits of a text by lines of the original: all others stay as they are, byte for byte.

use std::collections::BTreeMap;

/// Edits of one text. Lines count from 0, as they were before any edit.
#[derive(Debug, Default)]
pub(super) struct Edits {
    /// What stands in place of a line; `None`: nothing.
    instead: BTreeMap<usize, Option<String>>,
    /// What is put before a line, in order.
    before: BTreeMap<usize, Vec<String>>,
}

impl Edits {
    /// Puts a line before `line`, behind what was put there before.
    pub fn insert(&mut self, line: usize, text: impl Into<String>) {
        self.before.entry(line).or_default().push(text.into());
    }

    /// Takes a line away.
    pub fn remove(&mut self, line: usize) {
        self.instead.insert(line, None);
    }

    /// Changes a line; `edit` is given what other edits have made of it.
    pub fn change(&mut self, text: &str, line: usize, edit: impl FnOnce(&str) -> String) {
        let original = text.lines().nth(line).unwrap_or_default();
        let now = self.instead.get(&line).cloned().flatten().unwrap_or_else(|| original.to_owned());
        self.instead.insert(line, Some(edit(&now)));
    }

    /// The text with all edits. What is new ends as the first line of the text does.
    pub fn apply(&self, text: &str) -> String {
        let first = text.split_inclusive('\n').next();
        let ending = if first.is_some_and(|line| line.ends_with("\r\n")) { "\r\n" } else { "\n" };
        let mut result = String::with_capacity(text.len() + 1024);
        let mut count = 0;
        for (number, line) in text.split_inclusive('\n').enumerate() {
            for new in self.before.get(&number).into_iter().flatten() {
                result.push_str(new);
                result.push_str(ending);
            }
            match self.instead.get(&number) {
                None => result.push_str(line),
                Some(None) => {}
                Some(Some(new)) => {
                    result.push_str(new);
                    result.push_str(ending);
                }
            }
            count = number + 1;
        }
        for new in self.before.range(count..).flat_map(|(_, lines)| lines) {
            if !result.is_empty() && !result.ends_with('\n') {
                result.push_str(ending);
            }
            result.push_str(new);
            result.push_str(ending);
        }
        result
    }
}

/// The byte at which character `col` of a line begins.
pub(super) fn at(line: &str, col: usize) -> usize {
    line.char_indices().nth(col).map_or(line.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_every_other_byte_alone() {
        let text = "a\r\nb\r\n\tc";
        let mut edits = Edits::default();
        assert_eq!(edits.apply(text), text);
        edits.insert(1, "x");
        edits.insert(1, "y");
        edits.remove(1);
        edits.insert(9, "end");
        assert_eq!(edits.apply(text), "a\r\nx\r\ny\r\n\tc\r\nend\r\n");
        let mut edits = Edits::default();
        edits.change("one\ntwo\n", 1, |line| format!("{line}!"));
        edits.change("one\ntwo\n", 1, |line| format!("<{line}>"));
        assert_eq!(edits.apply("one\ntwo\n"), "one\n<two!>\n");
    }
}
