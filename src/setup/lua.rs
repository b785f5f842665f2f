//! A Prosody configuration as what it sets. It is a Lua program: what is more than settings is refused or left unread.

mod reader;
#[cfg(test)]
mod tests;

use self::reader::Reader;
use super::error::SetupError;
use super::lua_tokens::tokens;
use super::plan::File;

/// What an option is set to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Bool(bool),
    Number(String),
    Table(Table),
    /// An expression, which only Lua can tell.
    Other,
}

/// A table as it is written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Table {
    /// What stands between its braces.
    pub inner: String,
    /// Its texts without a key.
    pub texts: Vec<String>,
    /// Its keys.
    pub keys: Vec<String>,
    /// Whether it says the same in any file: no names of variables.
    pub literal: bool,
}

/// The part of the configuration in which an option stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Section {
    Global,
    Host(String),
    Component(String),
}

/// A `VirtualHost` or `Component` line.
#[derive(Debug, Clone)]
pub(super) struct Opened {
    pub section: Section,
    /// The module of a component; an external one has none.
    pub module: Option<String>,
    pub file: String,
    pub line: usize,
}

/// One option.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub section: Section,
    pub key: String,
    pub value: Value,
    /// The texts in it, those of an expression too.
    pub texts: Vec<String>,
    pub file: String,
    pub line: usize,
}

/// An `Include` line.
#[derive(Debug, Clone)]
pub(super) struct Included {
    pub pattern: String,
    /// How many settings stand before it.
    pub after: usize,
}

/// What one or more files say, in order.
#[derive(Debug, Default)]
pub(super) struct Config {
    pub opened: Vec<Opened>,
    pub settings: Vec<Setting>,
    pub includes: Vec<Included>,
    /// The variables of each file with a text or number, or with one where the environment says nothing (`ENV_… or "5347"`).
    locals: Vec<(String, String, String)>,
    /// Where Lua code stands that was not read: file and line.
    pub unread: Vec<(String, usize)>,
}

impl Config {
    /// Adds what a file says.
    pub fn read(&mut self, file: &File) -> Result<(), SetupError> {
        let name = file.name();
        let tokens = tokens(&name, &file.text)?;
        Reader::new(&name, &file.text, &tokens, self).file()
    }

    /// What a variable in the file of a setting stands for.
    pub fn local(&self, setting: &Setting, name: &str) -> Option<&str> {
        let of = |(file, variable, _): &&(String, String, String)| *file == setting.file && variable == name;
        self.locals.iter().rev().find(of).map(|(.., value)| value.as_str())
    }

    /// The last setting of an option in exactly this section.
    pub fn setting(&self, section: &Section, key: &str) -> Option<&Setting> {
        self.settings.iter().rev().find(|setting| setting.section == *section && setting.key == key)
    }

    /// As [`Config::setting`], or that of the whole server.
    pub fn effective(&self, section: &Section, key: &str) -> Option<&Setting> {
        self.setting(section, key).or_else(|| self.setting(&Section::Global, key))
    }

    /// Where a host or component was opened first, with its module.
    pub fn opened(&self, name: &str) -> Option<&Opened> {
        let named = |opened: &&Opened| matches!(&opened.section, Section::Host(n) | Section::Component(n) if n == name);
        self.opened
            .iter()
            .filter(named)
            .find(|opened| opened.module.is_some())
            .or_else(|| self.opened.iter().find(named))
    }
}
