//! The tokens of a Lua text, without comments.

use super::error::SetupError;

/// One token.
#[derive(Debug)]
pub(super) struct Token {
    pub what: What,
    /// Counted from 0.
    pub line: usize,
    /// Its first byte.
    pub begin: usize,
    /// The byte behind it.
    pub end: usize,
}

/// What a token is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    Name(String),
    Text(String),
    Number(String),
    Sign(String),
}

/// All of a text.
pub(super) fn tokens(file: &str, text: &str) -> Result<Vec<Token>, SetupError> {
    let (mut found, mut at, mut line) = (Vec::new(), 0, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let first = rest.chars().next().unwrap_or_default();
        let refuse = |what: &str| Err(SetupError::refused(file, line, what));
        let (length, what) = if first.is_whitespace() {
            (first.len_utf8(), None)
        } else if let Some(comment) = rest.strip_prefix("--") {
            match long(comment) {
                Some((length, _)) => (2 + length, None),
                None => (rest.find('\n').unwrap_or(rest.len()), None),
            }
        } else if at == 0 && rest.starts_with('#') {
            (rest.find('\n').unwrap_or(rest.len()), None)
        } else if let Some((length, inner)) = long(rest) {
            (length, Some(What::Text(inner.to_owned())))
        } else if first == '"' || first == '\'' {
            let Some((length, inner)) = short(rest, first) else { return refuse("a text does not end on its line") };
            (length, Some(What::Text(inner)))
        } else if first.is_ascii_digit() {
            let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(rest.len());
            (length, Some(What::Number(rest.get(..length).unwrap_or_default().to_owned())))
        } else if first.is_ascii_alphabetic() || first == '_' {
            let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            (length, Some(What::Name(rest.get(..length).unwrap_or_default().to_owned())))
        } else {
            (first.len_utf8(), Some(What::Sign(first.to_string())))
        };
        if let Some(what) = what {
            found.push(Token { what, line, begin: at, end: at + length });
        }
        line += rest.get(..length).unwrap_or_default().matches('\n').count();
        at += length.max(1);
    }
    Ok(found)
}

/// A text in long brackets, such as `[==[ … ]==]`: its length, and what is in it.
fn long(text: &str) -> Option<(usize, &str)> {
    let level = text.strip_prefix('[')?.chars().take_while(|c| *c == '=').count();
    let opening = format!("[{}[", "=".repeat(level));
    let closing = format!("]{}]", "=".repeat(level));
    let inner = text.strip_prefix(opening.as_str())?;
    let end = inner.find(&closing)?;
    Some((opening.len() + end + closing.len(), inner.get(..end)?))
}

/// A text in quotes: its length, and what it says.
fn short(text: &str, quote: char) -> Option<(usize, String)> {
    let mut inner = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            _ if c == quote => return Some((at + c.len_utf8(), inner)),
            '\n' => return None,
            '\\' => match chars.next()?.1 {
                'n' => inner.push('\n'),
                't' => inner.push('\t'),
                other => inner.push(other),
            },
            _ => inner.push(c),
        }
    }
    None
}
