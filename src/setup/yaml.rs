//! A YAML file as a tree that knows where each value stands, so that it can be edited as text.

use saphyr_parser::{Event, Parser, ScanError, Span};

use super::error::SetupError;

/// A value and its place. Lines and columns count from 0, columns in characters.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub line: usize,
    pub col: usize,
    /// Where its last character stands, that of a bracket included.
    pub end_line: usize,
    /// The column behind its last character.
    pub end_col: usize,
    pub kind: Kind,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Scalar(String),
    List {
        items: Vec<Node>,
        flow: bool,
    },
    /// In order, with keys that are there twice.
    Map {
        entries: Vec<(Node, Node)>,
        flow: bool,
    },
}

impl Node {
    /// The first document of `text`; `file` stands for its name in errors.
    pub fn parse(file: &str, text: &str) -> Result<Node, SetupError> {
        let mut reader = Reader { file, lines: text.lines().collect(), events: Parser::new_from_str(text) };
        loop {
            match reader.next()? {
                (Event::StreamStart | Event::DocumentStart(_) | Event::Nothing, _) => {}
                (Event::StreamEnd | Event::DocumentEnd, _) => {
                    return Err(SetupError::refused(file, 0, "holds nothing"));
                }
                (event, span) => return reader.node(event, span, 0),
            }
        }
    }

    /// The text of a scalar.
    pub fn scalar(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// The entries of a map; none of anything else.
    pub fn entries(&self) -> &[(Node, Node)] {
        match &self.kind {
            Kind::Map { entries, .. } => entries,
            _ => &[],
        }
    }

    /// The items of a list, or the value itself: many options of ejabberd take one value or a list.
    pub fn values(&self) -> Vec<&Node> {
        match &self.kind {
            Kind::List { items, .. } => items.iter().collect(),
            _ => vec![self],
        }
    }

    /// Key and value of an entry of a map.
    pub fn entry(&self, key: &str) -> Option<&(Node, Node)> {
        self.entries().iter().find(|(name, _)| name.scalar() == Some(key))
    }

    /// The value of an entry of a map.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, value)| value)
    }

    /// The value at the end of a path of keys.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// All scalars in it, keys included.
    pub fn scalars(&self) -> Vec<&str> {
        match &self.kind {
            Kind::Scalar(text) => vec![text],
            Kind::List { items, .. } => items.iter().flat_map(Node::scalars).collect(),
            Kind::Map { entries, .. } => {
                entries.iter().flat_map(|(key, value)| [key.scalars(), value.scalars()].concat()).collect()
            }
        }
    }

    /// Whether it is written in brackets.
    pub fn is_flow(&self) -> bool {
        matches!(&self.kind, Kind::List { flow: true, .. } | Kind::Map { flow: true, .. })
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        match &self.kind {
            Kind::Scalar(text) => text.is_empty() || text == "~",
            Kind::List { items, .. } => items.is_empty(),
            Kind::Map { entries, .. } => entries.is_empty(),
        }
    }
}

/// How deep a configuration may nest.
const DEPTH: usize = 64;

/// Reads one file's events.
struct Reader<'a, I> {
    file: &'a str,
    lines: Vec<&'a str>,
    events: I,
}

impl<'i, I: Iterator<Item = Result<(Event<'i>, Span), ScanError>>> Reader<'_, I> {
    fn next(&mut self) -> Result<(Event<'i>, Span), SetupError> {
        match self.events.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let line = error.marker().line().saturating_sub(1);
                Err(SetupError::refused(self.file, line, format!("is no YAML: {}", error.info())))
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    /// Where the dash before an item stands: on its line, or above.
    fn dash(&self, item: &Node) -> Option<(usize, usize)> {
        let before = |line: usize| {
            let text = self.lines.get(line)?;
            let end = if line == item.line { item.col } else { text.chars().count() };
            let place = text.chars().take(end).collect::<Vec<_>>().iter().rposition(|c| *c == '-')?;
            text.chars().take(place).all(|c| c.is_whitespace() || c == '-').then_some((line, place))
        };
        (0..=item.line).rev().find_map(before)
    }

    fn node(&mut self, event: Event<'i>, span: Span, depth: usize) -> Result<Node, SetupError> {
        let (mut line, mut col) = (span.start.line().saturating_sub(1), span.start.col());
        let refuse = |what: &str| Err(SetupError::refused(self.file, line, what));
        let first = self.lines.get(line).and_then(|text| text.chars().nth(col));
        let flow = matches!(first, Some('[' | '{'));
        if depth > DEPTH {
            return refuse("nests too deep");
        }
        let (kind, end) = match event {
            Event::Scalar(text, ..) => (Kind::Scalar(text.into_owned()), None),
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                let end = loop {
                    match self.next()? {
                        (Event::SequenceEnd, span) => break span,
                        (event, span) => items.push(self.node(event, span, depth + 1)?),
                    }
                };
                if let Some(first) = items.first().filter(|_| !flow) {
                    (line, col) = self.dash(first).unwrap_or((line, col));
                }
                (Kind::List { items, flow }, Some(end))
            }
            Event::MappingStart(..) => {
                let mut entries = Vec::new();
                let end = loop {
                    match self.next()? {
                        (Event::MappingEnd, span) => break span,
                        (event, span) => {
                            let key = self.node(event, span, depth + 1)?;
                            let (event, span) = self.next()?;
                            entries.push((key, self.node(event, span, depth + 1)?));
                        }
                    }
                };
                (Kind::Map { entries, flow }, Some(end))
            }
            Event::Alias(_) => return refuse("holds an alias (*name): write out what it stands for"),
            _ => return refuse("is no value"),
        };
        let last = match &kind {
            Kind::List { items, .. } => items.last(),
            Kind::Map { entries, .. } => entries.last().map(|(_, value)| value),
            Kind::Scalar(_) => None,
        };
        let (end_line, end_col) = match (end, last) {
            (Some(_), Some(last)) if !flow => (last.end_line, last.end_col),
            (Some(end), _) => (end.end.line().saturating_sub(1), end.end.col()),
            (None, _) => (span.end.line().saturating_sub(1), span.end.col()),
        };
        Ok(Node { line, col, end_line, end_col, kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_where_values_stand() {
        let text = "# c\nhosts:\n  - a.org  # first\n  - \"b.org\"\nmodules:\n  mod_a: {}\n  mod_b:\n    x: [1, 2]\n  mod_c:\nlast: end\n";
        let tree = Node::parse("f", text).unwrap();
        let hosts = tree.get("hosts").unwrap();
        assert_eq!((hosts.line, hosts.col, hosts.end_line, hosts.is_flow()), (2, 2, 3, false));
        assert_eq!(hosts.values().iter().filter_map(|v| v.scalar()).collect::<Vec<_>>(), ["a.org", "b.org"]);
        let a = tree.at(&["modules", "mod_a"]).unwrap();
        assert_eq!((a.line, a.col, a.end_line, a.end_col, a.is_flow(), a.is_empty()), (5, 9, 5, 11, true, true));
        let x = tree.at(&["modules", "mod_b", "x"]).unwrap();
        assert_eq!((x.line, x.col, x.end_col), (7, 7, 13));
        assert!(tree.at(&["modules", "mod_c"]).unwrap().is_empty());
        assert_eq!(tree.entry("last").map(|(key, _)| key.line), Some(9));
    }

    #[test]
    fn knows_where_dashes_stand() {
        let text = "a:\n- x\n- y\nb:\n  -\n    port: 1\nc:\n    # - no\n    - \"z\"\nd: [p, q]\n";
        let tree = Node::parse("f", text).unwrap();
        let place = |key: &str| tree.get(key).map(|list| (list.line, list.col, list.is_flow()));
        assert_eq!(place("a"), Some((1, 0, false)));
        assert_eq!(place("b"), Some((4, 2, false)));
        assert_eq!(place("c"), Some((8, 4, false)));
        assert_eq!(place("d"), Some((9, 3, true)));
    }

    #[test]
    fn says_where_the_file_is_wrong() {
        for (text, expected) in [("a: [1\nb: 2\n", "f:"), ("a: *b\n", "f:1: "), ("", "f:1: holds nothing")] {
            let error = Node::parse("f", text).map(|_| ()).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{text:?}: {error}");
        }
    }
}
