//! Loads a configuration: defaults < file < environment < flags.
//!
//! The environment variable of a key is `STANZAGATE_SECTION__KEY`, such as `STANZAGATE_HTTP__LISTEN`, with two
//! underscores between section and key. A list is written with commas; a list of tables (`qtalk.keys`) as TOML, such as
//! `[{ name = "crm", key = "…" }]`. A secret may be given as the path of a file by adding `_FILE`, such as
//! `STANZAGATE_COMPONENT__SECRET_FILE=/run/secrets/component`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Table, Value};

use super::error::ConfigError;
use super::position::{self, Document};
use super::{Config, beside};

/// A value that wins over the file.
#[derive(Debug, Clone)]
pub struct Override {
    /// Who says so: the name of the environment variable or flag.
    pub source: String,
    /// Which key: section and name.
    pub key: (String, String),
    /// The value as text.
    pub value: String,
}

impl Override {
    /// What a flag says about `section.name`.
    pub fn flag(flag: &str, section: &str, name: &str, value: impl Into<String>) -> Self {
        Self { source: flag.into(), key: (section.into(), name.into()), value: value.into() }
    }
}

/// The overrides that environment variables make.
///
/// # Errors
/// A variable of ours that names a section but is not of the form above: a typing error that would go unnoticed.
pub fn environment(variables: impl IntoIterator<Item = (String, String)>) -> Result<Vec<Override>, ConfigError> {
    let mut overrides = Vec::new();
    for (source, value) in variables {
        let Some(rest) = source.strip_prefix("STANZAGATE_") else { continue };
        if let Some((section, name)) = rest.split_once("__") {
            let key = (section.to_ascii_lowercase(), name.to_ascii_lowercase());
            overrides.push(Override { source, key, value });
            continue;
        }
        // Others stay untouched: an orchestrator sets STANZAGATE_SERVICE_HOST and the like by itself.
        if let Some((section, name)) = rest.split_once('_')
            && Config::sections().any(|known| known.eq_ignore_ascii_case(section))
        {
            let what = format!("two underscores separate section and key: STANZAGATE_{section}__{name}");
            return Err(ConfigError::one(source, "", what));
        }
    }
    Ok(overrides)
}

/// Loads and checks a configuration. Files that it names by a relative name are beside it.
///
/// # Errors
/// Everything with which the gateway cannot start, each with its place and key.
pub fn load(file: Option<&Path>, overrides: &[Override]) -> Result<Config, ConfigError> {
    let (name, text) = match file {
        None => (PathBuf::new(), String::new()),
        Some(path) => {
            let refuse = |e| ConfigError::one(path.display().to_string(), "", format!("cannot read this file: {e}"));
            let text = std::fs::read_to_string(path).map_err(refuse)?;
            (path.to_owned(), beside::absolute(path.parent().unwrap_or(Path::new("")), text))
        }
    };
    parse(&name.display().to_string(), &text, overrides)
}

/// As [`load`], from text; `name` stands for the file's in errors.
///
/// # Errors
/// As [`load`].
pub fn parse(name: &str, text: &str, overrides: &[Override]) -> Result<Config, ConfigError> {
    let document = Document::parse(name, text)?;
    let mut table: Table = toml::from_str(text).map_err(|e| document.error(&e))?;
    // The file is judged on its own first: only then do errors know their lines.
    toml::from_str::<Config>(text).map_err(|e| document.error(&e))?;
    let mut sources = BTreeMap::new();
    for item in overrides {
        let (section, key, value) = fit(item)?;
        sources.insert(format!("{section}.{key}"), item.source.clone());
        if let Value::Table(table) = table.entry(section).or_insert_with(|| Value::Table(Table::new())) {
            table.insert(key, value);
        }
    }
    let config = Config::deserialize(table).map_err(|e| ConfigError::one(name, "", position::without_values(&e)))?;
    config.validate_at(|key| {
        let said = |key: &str| sources.get(key).cloned().or_else(|| document.place(key));
        said(key).or_else(|| key.split_once('[').and_then(|(list, _)| said(list))).unwrap_or_else(|| name.to_owned())
    })?;
    Ok(config)
}

/// The value that the key's own type takes among those that the text may mean.
fn fit(item: &Override) -> Result<(String, String, Value), ConfigError> {
    let (section, key) = &item.key;
    let refuse = |what| ConfigError::one(&item.source, format!("{section}.{key}"), what);
    let mut first_error = None;
    for value in meanings(&item.value) {
        match accepts(section, key, &value) {
            Ok(()) => return Ok((section.clone(), key.clone(), value)),
            Err(error) => {
                let mistyped = error.message().starts_with("invalid type");
                if first_error.is_none() || !mistyped {
                    first_error = Some(error);
                }
            }
        }
    }
    if let Some(secret) = key.strip_suffix("_file") {
        let value = Value::Table(Table::from_iter([("file".to_owned(), Value::String(item.value.clone()))]));
        match accepts(section, secret, &value) {
            Ok(()) => return Ok((section.clone(), secret.to_owned(), value)),
            Err(error) if !error.message().starts_with("unknown field") => {
                return Err(refuse(position::without_values(&error)));
            }
            Err(_) => {}
        }
    }
    Err(refuse(first_error.map(|e| position::without_values(&e)).unwrap_or_default()))
}

fn accepts(section: &str, key: &str, value: &Value) -> Result<(), toml::de::Error> {
    let inner = Table::from_iter([(key.to_owned(), value.clone())]);
    Config::deserialize(Table::from_iter([(section.to_owned(), Value::Table(inner))])).map(|_| ())
}

fn meanings(text: &str) -> Vec<Value> {
    let mut values = vec![Value::String(text.to_owned())];
    values.extend(text.parse().ok().map(Value::Integer));
    values.extend(text.parse().ok().map(Value::Boolean));
    if text.starts_with('[') {
        values.extend(toml::from_str::<Table>(&format!("value = {text}")).ok().and_then(|mut t| t.remove("value")));
    }
    let list = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    values.push(Value::Array(list.map(|item| Value::String(item.to_owned())).collect()));
    values
}
