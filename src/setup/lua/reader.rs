//! Reads the tokens of a Prosody configuration as settings.

use super::{Config, Included, Opened, Section, Setting, Table, Value};
use crate::setup::error::SetupError;
use crate::setup::lua_tokens::{Token, What};

/// Reads one file.
pub(super) struct Reader<'a> {
    name: &'a str,
    text: &'a str,
    tokens: &'a [Token],
    at: usize,
    section: Section,
    config: &'a mut Config,
}

impl<'a> Reader<'a> {
    /// Adds what the tokens of a file say to `config`.
    pub(super) fn new(name: &'a str, text: &'a str, tokens: &'a [Token], config: &'a mut Config) -> Self {
        Reader { name, text, tokens, at: 0, section: Section::Global, config }
    }

    fn what(&self, ahead: usize) -> Option<&What> {
        self.tokens.get(self.at + ahead).map(|token| &token.what)
    }

    fn is(&self, ahead: usize, sign: &str) -> bool {
        matches!(self.what(ahead), Some(What::Sign(found)) if found == sign)
    }

    fn line(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(0, |token| token.line)
    }

    /// Reads all of it.
    pub(super) fn file(mut self) -> Result<(), SetupError> {
        while self.at < self.tokens.len() {
            let line = self.line();
            let refuse = |what: &str| Err(SetupError::refused(self.name, line, what));
            match self.what(0) {
                Some(What::Sign(sign)) if sign == ";" => self.at += 1,
                Some(What::Name(name)) => match name.as_str() {
                    "VirtualHost" | "Host" | "Component" | "component" | "host" => {
                        let host = !name.eq_ignore_ascii_case("component");
                        self.open(host, line)?;
                    }
                    "Include" | "include" => {
                        self.at += 1;
                        let begin = self.at;
                        let pattern = self.text_argument().or_else(|| {
                            self.value();
                            self.texts(begin).pop()
                        });
                        let Some(pattern) = pattern else {
                            return refuse("includes what setup cannot tell");
                        };
                        let after = self.config.settings.len();
                        self.config.includes.push(Included { pattern, after });
                        self.section = Section::Global;
                    }
                    "local" if matches!(self.what(1), Some(What::Name(name)) if name == "function") => self.skip(line),
                    "local" => {
                        self.at += 1;
                        let names = self.at;
                        while matches!(self.what(0), Some(What::Name(_))) || self.is(0, ",") {
                            self.at += 1;
                        }
                        let names = names..self.at;
                        if self.is(0, "=") {
                            self.at += 1;
                            self.local(names);
                        }
                    }
                    "if" | "for" | "while" | "function" | "do" => self.skip(line),
                    "repeat" | "return" => {
                        return refuse("is Lua code that setup cannot read: put the gateway's part in by hand");
                    }
                    key => {
                        let key = key.to_owned();
                        self.at += 1;
                        let begin = self.at;
                        let value = if self.is(0, "=") {
                            self.at += 1;
                            self.value()
                        } else {
                            self.value();
                            Value::Other
                        };
                        let section = self.section.clone();
                        let (file, texts) = (self.name.to_owned(), self.texts(begin));
                        self.config.settings.push(Setting { section, key, value, texts, file, line });
                    }
                },
                _ => return refuse("is no setting that setup understands"),
            }
        }
        Ok(())
    }

    /// Takes what the variables at these tokens are set to.
    fn local(&mut self, names: std::ops::Range<usize>) {
        let begin = self.at;
        let value = match self.value() {
            Value::Text(value) | Value::Number(value) => Some(value),
            _ => match self.tokens.get(begin..self.at).unwrap_or_default() {
                [.., Token { what: What::Name(or), .. }, Token { what: What::Text(value), .. }] if or == "or" => {
                    Some(value.clone())
                }
                _ => None,
            },
        };
        if let ([Token { what: What::Name(name), .. }], Some(value)) =
            (self.tokens.get(names).unwrap_or_default(), value)
        {
            self.config.locals.push((self.name.to_owned(), name.clone(), value));
        }
    }

    /// The texts among the tokens from `begin` up to here.
    fn texts(&self, begin: usize) -> Vec<String> {
        let tokens = self.tokens.get(begin..self.at).unwrap_or_default();
        let text = |token: &Token| match &token.what {
            What::Text(text) => Some(text.clone()),
            _ => None,
        };
        tokens.iter().filter_map(text).collect()
    }

    /// Goes behind the `end` of a block of code. What it sets is not known.
    fn skip(&mut self, line: usize) {
        self.config.unread.push((self.name.to_owned(), line));
        // Of `for … do` and `while … do` the `do` is what `end` belongs to.
        let mut depth = 0_usize;
        while let Some(what) = self.what(0) {
            let word = if let What::Name(name) = what { name.as_str() } else { "" };
            let (opens, ends) = (matches!(word, "if" | "do" | "function"), word == "end");
            self.at += 1;
            depth += usize::from(opens);
            if ends {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return;
                }
            }
        }
    }

    /// A text, in round brackets or without.
    fn text_argument(&mut self) -> Option<String> {
        let bracket = usize::from(self.is(0, "("));
        let Some(What::Text(text)) = self.what(bracket) else { return None };
        let text = text.clone();
        self.at += 1 + 2 * bracket;
        Some(text)
    }

    fn open(&mut self, host: bool, line: usize) -> Result<(), SetupError> {
        self.at += 1;
        let Some(name) = self.text_argument() else {
            return Err(SetupError::refused(self.name, line, "opens a host whose name setup cannot tell"));
        };
        let module = if host { None } else { self.text_argument() };
        if self.is(0, "{") {
            let what = "sets a host's options in braces: write them below the line, as Prosody's own examples do";
            return Err(SetupError::refused(self.name, line, what));
        }
        self.section = if host { Section::Host(name) } else { Section::Component(name) };
        let section = self.section.clone();
        self.config.opened.push(Opened { section, module, file: self.name.to_owned(), line });
        Ok(())
    }

    /// Takes an expression.
    fn value(&mut self) -> Value {
        let begin = self.at;
        let value = self.simple();
        let mut depth = 0_usize;
        let mut whole = true;
        // Whether an expression could end here.
        let mut ended = self.at > begin;
        while let Some(what) = self.what(0) {
            let goes_on = match what {
                What::Sign(sign) => match sign.as_str() {
                    "{" | "(" | "[" => {
                        depth += 1;
                        ended = false;
                        true
                    }
                    "}" | ")" | "]" if depth > 0 => {
                        depth -= 1;
                        ended = true;
                        true
                    }
                    ";" | "," | "}" | "]" | ")" if depth == 0 => false,
                    _ => {
                        ended = false;
                        true
                    }
                },
                What::Name(name) if matches!(name.as_str(), "or" | "and" | "not") => {
                    ended = false;
                    true
                }
                What::Name(_) if ended && depth == 0 => false,
                _ => {
                    ended = true;
                    true
                }
            };
            if !goes_on {
                break;
            }
            whole = false;
            self.at += 1;
        }
        if whole { value } else { Value::Other }
    }

    /// A text, number, truth value or table.
    fn simple(&mut self) -> Value {
        let value = match self.what(0) {
            Some(What::Text(text)) => Value::Text(text.clone()),
            Some(What::Number(number)) => Value::Number(number.clone()),
            Some(What::Name(name)) if name == "true" || name == "false" => Value::Bool(name == "true"),
            Some(What::Sign(sign)) if sign == "{" => return self.table(),
            _ => return Value::Other,
        };
        self.at += 1;
        value
    }

    fn table(&mut self) -> Value {
        let begin = self.tokens.get(self.at).map_or(0, |token| token.end);
        self.at += 1;
        let mut table = Table { inner: String::new(), texts: Vec::new(), keys: Vec::new(), literal: true };
        while let Some(token) = self.tokens.get(self.at) {
            match &token.what {
                What::Sign(sign) if sign == "}" => {
                    table.inner = self.text.get(begin..token.begin).unwrap_or_default().to_owned();
                    self.at += 1;
                    break;
                }
                What::Sign(sign) if sign == ";" || sign == "," => self.at += 1,
                What::Sign(sign) if sign == "[" => {
                    self.at += 1;
                    match self.what(0) {
                        Some(What::Text(key)) => table.keys.push(key.clone()),
                        Some(What::Number(_)) => {}
                        _ => table.literal = false,
                    }
                    self.at += 3;
                    table.literal &= self.is_literal();
                }
                What::Name(key) if self.is(1, "=") => {
                    table.keys.push(key.clone());
                    self.at += 2;
                    table.literal &= self.is_literal();
                }
                _ => {
                    let before = self.at;
                    match self.value() {
                        Value::Text(text) => table.texts.push(text),
                        Value::Table(inner) => table.literal &= inner.literal,
                        Value::Other => table.literal = false,
                        _ => {}
                    }
                    if self.at == before {
                        self.at += 1;
                    }
                }
            }
        }
        Value::Table(table)
    }

    fn is_literal(&mut self) -> bool {
        match self.value() {
            Value::Other => false,
            Value::Table(table) => table.literal,
            _ => true,
        }
    }
}
