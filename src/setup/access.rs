//! Letting the gateway in, beside those whom an access rule of ejabberd lets in already.

use std::collections::BTreeSet;

use super::edit::{Edits, at};
use super::error::SetupError;
use super::yaml::{Kind, Node};

/// The name of the gateway's ACL, and of the rule that allows it alone.
pub(super) const OURS: &str = "stanzagate";

/// Edits the rules of one file.
pub(super) struct Rules<'a> {
    pub file: &'a str,
    pub text: &'a str,
    pub tree: &'a Node,
    /// The ACL that names the gateway.
    pub acl: &'a str,
    /// Rules that were merged already.
    pub merged: BTreeSet<String>,
}

impl Rules<'_> {
    /// Lets `acl` in where a module's option names a rule or holds one.
    pub fn option(&mut self, value: &Node, acl: &str, edits: &mut Edits) -> Result<(), SetupError> {
        match value.scalar() {
            Some("all") => Ok(()),
            Some("none") => {
                let rule = if acl == self.acl { OURS } else { acl };
                let (from, to) = (value.col, value.end_col);
                edits.change(self.text, value.line, |line| replaced(line, from, to, rule));
                Ok(())
            }
            Some(name) => self.rule(name, value.line, acl, edits),
            None => self.merge(value, acl, edits),
        }
    }

    /// Lets `acl` in by the rule of this name, which `line` asks for.
    pub fn rule(&mut self, name: &str, line: usize, acl: &str, edits: &mut Edits) -> Result<(), SetupError> {
        // Rules of the include file are made for the gateway.
        let ours = name.strip_prefix(OURS).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
        if ours && self.tree.at(&["access_rules", name]).is_none() || !self.merged.insert(format!("{name} {acl}")) {
            return Ok(());
        }
        match self.tree.at(&["access_rules", name]) {
            Some(rule) => self.merge(rule, acl, edits),
            None => {
                let why =
                    format!("names the rule {name}, which is not in this file's access_rules: define it there first");
                Err(SetupError::refused(self.file, line, why))
            }
        }
    }

    fn merge(&self, rule: &Node, acl: &str, edits: &mut Edits) -> Result<(), SetupError> {
        let refuse = |why: &str| Err(SetupError::refused(self.file, rule.line, why));
        let indent = " ".repeat(rule.col);
        match &rule.kind {
            Kind::Scalar(text) if matches!(text.as_str(), "allow" | "all") => Ok(()),
            Kind::Scalar(_) => {
                refuse("is a rule that cannot be added to: write it as a list, such as `- allow: local`")
            }
            _ if first_allows(rule, acl) => Ok(()),
            Kind::List { items, flow: false } if !items.is_empty() => {
                edits.insert(rule.line, format!("{indent}- allow: {acl}"));
                Ok(())
            }
            Kind::Map { entries, flow: false } if !entries.is_empty() => {
                // A map cannot have `allow` twice: it becomes a list, in which the order says the same.
                edits.insert(rule.line, format!("{indent}- allow: {acl}"));
                let keys: BTreeSet<usize> = entries.iter().map(|(key, _)| key.line).collect();
                for line in rule.line..=rule.end_line {
                    edits.change(self.text, line, |text| {
                        let cut = at(text, rule.col);
                        match (text.get(..cut), text.get(cut..)) {
                            (Some(before), Some(rest)) if keys.contains(&line) => format!("{before}- {rest}"),
                            _ if text.trim().is_empty() => text.to_owned(),
                            _ => format!("  {text}"),
                        }
                    });
                }
                Ok(())
            }
            _ => refuse("is a rule in brackets, or an empty one: write it as a list, one `- allow: …` on each line"),
        }
    }
}

/// Whether this ACL is allowed before anybody is denied.
fn first_allows(rule: &Node, acl: &str) -> bool {
    let steps: Vec<&(Node, Node)> = match &rule.kind {
        Kind::List { items, .. } => {
            if items.first().and_then(Node::scalar) == Some("allow") {
                return true;
            }
            items.iter().flat_map(|item| item.entries()).collect()
        }
        _ => rule.entries().iter().collect(),
    };
    let allowed = steps.iter().take_while(|(action, _)| action.scalar() == Some("allow"));
    allowed.into_iter().any(|(_, who)| matches!(who.scalar(), Some(name) if name == acl || name == "all"))
}

/// A line with other text from one column to another.
pub(super) fn replaced(line: &str, from: usize, to: usize, text: &str) -> String {
    let (from, to) = (at(line, from), at(line, to));
    format!("{}{text}{}", line.get(..from).unwrap_or_default(), line.get(to..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(text: &str, rule: &str) -> Result<String, String> {
        let tree = Node::parse("f", text).unwrap();
        let mut rules = Rules { file: "f", text, tree: &tree, acl: "stanzagate", merged: BTreeSet::new() };
        let mut edits = Edits::default();
        rules.rule(rule, 0, "stanzagate", &mut edits).map_err(|error| error.to_string())?;
        rules.rule(rule, 0, "stanzagate", &mut edits).map_err(|error| error.to_string())?;
        let text = edits.apply(text);
        Node::parse("f", &text).map_err(|error| error.to_string())?;
        Ok(text)
    }

    #[test]
    fn keeps_whom_the_rule_let_in() {
        let map = "access_rules:\n  a:\n    # who\n    deny: blocked\n    allow:\n      - acl: x\n      - acl: y\n  b:\n    allow: z\n";
        let list = "access_rules:\n  a:\n    # who\n    - allow: stanzagate\n    - deny: blocked\n    - allow:\n        - acl: x\n        - acl: y\n  b:\n    allow: z\n";
        assert_eq!(merged(map, "a").unwrap(), list);
        assert_eq!(merged(list, "a").unwrap(), list);
        let short = "access_rules:\n  a:\n  - deny: blocked\n  - allow\n";
        assert_eq!(merged(short, "a").unwrap(), short.replace("  - deny", "  - allow: stanzagate\n  - deny"));
        let all = "access_rules:\n  a: allow\n";
        assert_eq!(merged(all, "a").unwrap(), all);
    }

    #[test]
    fn refuses_to_guess() {
        for (text, expected) in [
            ("access_rules:\n  a: { allow: b }\n", "f:2: is a rule in brackets"),
            ("access_rules:\n  a: blocked\n", "f:2: is a rule that cannot be added to"),
            ("access_rules:\n  b: allow\n", "f:1: names the rule a,"),
        ] {
            let error = merged(text, "a").unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
