//! Where in the file a key stands, so that errors can say it.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::ConfigError;

/// A parsed file with the positions of its keys.
#[derive(Debug)]
pub(super) struct Document<'a> {
    name: &'a str,
    text: &'a str,
    table: Spanned<DeTable<'a>>,
}

impl<'a> Document<'a> {
    /// Parses the file.
    pub(super) fn parse(name: &'a str, text: &'a str) -> Result<Self, ConfigError> {
        match DeTable::parse(text) {
            Ok(table) => Ok(Self { name, text, table }),
            Err(error) => {
                Err(ConfigError::one(line(name, text, error.span().map(|s| s.start)), "", without_values(&error)))
            }
        }
    }

    /// `FILE:LINE` of a key such as `http.listen` or `qtalk.keys[1].name`, when the file has it.
    pub(super) fn place(&self, key: &str) -> Option<String> {
        let offset = offset_of(self.table.get_ref(), "", key)?;
        Some(line(self.name, self.text, Some(offset)))
    }

    /// An error of the deserialiser, with place and key.
    pub(super) fn error(&self, error: &toml::de::Error) -> ConfigError {
        let offset = error.span().map(|s| s.start);
        let key = offset.and_then(|o| key_at(self.table.get_ref(), "", o)).unwrap_or_default();
        ConfigError::one(line(self.name, self.text, offset), key, without_values(error))
    }
}

/// An error's text without the strings it quotes from the input: one of them may be a secret.
pub(super) fn without_values(error: &toml::de::Error) -> String {
    let message = error.message();
    for kind in ["invalid type: string ", "invalid value: string "] {
        if let Some(rest) = message.strip_prefix(kind) {
            let expected = rest.rfind(", expected ").and_then(|at| rest.get(at..)).unwrap_or_default();
            return format!("{}{expected}", kind.trim_end());
        }
    }
    message.to_owned()
}

fn line(name: &str, text: &str, offset: Option<usize>) -> String {
    match offset.and_then(|o| text.as_bytes().get(..o)) {
        Some(before) => format!("{name}:{}", before.iter().filter(|b| **b == b'\n').count() + 1),
        None => name.to_owned(),
    }
}

/// Every key below `table` with its own offset, the extent of its value, and the value.
fn entries<'t>(
    table: &'t DeTable<'_>,
    path: &str,
) -> impl Iterator<Item = (String, usize, std::ops::Range<usize>, &'t DeValue<'t>)> {
    table.iter().map(move |(key, value)| {
        let separator = if path.is_empty() { "" } else { "." };
        (format!("{path}{separator}{}", key.get_ref()), key.span().start, value.span(), value.get_ref())
    })
}

fn offset_of(table: &DeTable<'_>, path: &str, wanted: &str) -> Option<usize> {
    entries(table, path).find_map(|(path, offset, _, value)| {
        if path == wanted {
            return Some(offset);
        }
        match value {
            DeValue::Table(inner) => offset_of(inner, &path, wanted),
            DeValue::Array(items) => items.iter().enumerate().find_map(|(index, item)| {
                let path = format!("{path}[{index}]");
                let here = (path == wanted).then(|| item.span().start);
                here.or_else(|| item.get_ref().as_table().and_then(|inner| offset_of(inner, &path, wanted)))
            }),
            _ => None,
        }
    })
}

fn key_at(table: &DeTable<'_>, path: &str, offset: usize) -> Option<String> {
    entries(table, path).find_map(|(path, key, extent, value)| {
        let inner = match value {
            DeValue::Table(inner) => key_at(inner, &path, offset),
            DeValue::Array(items) => items.iter().enumerate().find_map(|(index, item)| {
                let path = format!("{path}[{index}]");
                let inner = item.get_ref().as_table().and_then(|inner| key_at(inner, &path, offset));
                inner.or_else(|| item.span().contains(&offset).then_some(path))
            }),
            _ => None,
        };
        inner.or_else(|| (key == offset || extent.contains(&offset)).then_some(path))
    })
}
