//! Lines for a server's configuration, those for one place merged, so that they are ready to be added once.

use super::report::Lines;

/// What is to be added, by place.
#[derive(Debug, Default)]
pub(super) struct Sections(Vec<Section>);

/// What is to be added to one place.
#[derive(Debug)]
struct Section {
    /// A comment that says where.
    place: String,
    /// Comments on what is added.
    remarks: Vec<String>,
    nodes: Vec<Node>,
}

/// A line, and those below it that are indented further.
#[derive(Debug, Clone)]
struct Node {
    text: String,
    indent: usize,
    children: Vec<Node>,
}

impl Sections {
    /// Adds lines. A comment at the margin says where those below it belong, and further ones what to know of them.
    pub(super) fn add(&mut self, text: &str) {
        let is_comment = |line: &str| line.starts_with('#') || line.starts_with("--");
        let lines: Vec<&str> = text.lines().collect();
        for chunk in lines.chunk_by(|line, next| is_comment(line) || !is_comment(next)) {
            let comments = chunk.iter().take_while(|line| is_comment(line)).count();
            let (comments, body) = chunk.split_at(comments);
            let (place, remarks) = comments.split_first().map_or(("", comments), |(place, remarks)| (*place, remarks));
            let section = self.section(place);
            for remark in remarks {
                if !section.remarks.iter().any(|known| known == remark) {
                    section.remarks.push((*remark).to_owned());
                }
            }
            merge(&mut section.nodes, tree(&mut body.iter().copied().peekable(), 0));
        }
    }

    fn section(&mut self, place: &str) -> &mut Section {
        let known = self.0.iter().position(|section| section.place == place);
        let at = known.unwrap_or_else(|| {
            self.0.push(Section { place: place.to_owned(), remarks: Vec::new(), nodes: Vec::new() });
            self.0.len() - 1
        });
        &mut self.0[at]
    }

    pub(super) fn into_lines(self) -> Vec<Lines> {
        let lines = |section: Section| {
            let mut lines = section.remarks;
            section.nodes.iter().for_each(|node| node.write(&mut lines));
            Lines { place: section.place, lines: lines.join("\n") }
        };
        self.0.into_iter().map(lines).collect()
    }
}

impl Node {
    /// What a line is about: two lines about the same cannot stand side by side.
    fn key(&self) -> &str {
        let text = self.text.as_str();
        let end = match text {
            item if item.starts_with("- ") => None,
            _ => text.find(" = ").or_else(|| text.find(": ")),
        };
        end.map_or(text.trim_end_matches(':'), |end| &text[..end])
    }

    fn write(&self, lines: &mut Vec<String>) {
        lines.push(format!("{}{}", " ".repeat(self.indent), self.text));
        self.children.iter().for_each(|child| child.write(lines));
    }

    /// Takes in what another line about the same says.
    fn take(&mut self, other: Node) {
        // `key: {}` and `key:` with lines below.
        if self.children.is_empty() && !other.children.is_empty() {
            self.text = other.text;
        } else if let Some(text) = joined(&self.text, &other.text) {
            self.text = text;
        }
        merge(&mut self.children, other.children);
    }
}

/// The lines that are indented by `indent` or more, as a tree.
fn tree<'a>(lines: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>, indent: usize) -> Vec<Node> {
    let width = |line: &str| line.len() - line.trim_start().len();
    let mut nodes = Vec::new();
    while let Some(line) = lines.next_if(|line| width(line) >= indent) {
        let own = width(line);
        nodes.push(Node { text: line.trim().to_owned(), indent: own, children: tree(lines, own + 1) });
    }
    nodes
}

fn merge(into: &mut Vec<Node>, nodes: Vec<Node>) {
    for node in nodes {
        match into.iter_mut().find(|known| known.key() == node.key()) {
            Some(known) => known.take(node),
            None => into.push(node),
        }
    }
}

/// Two lists in one line each, such as `name = { a; b }` and `name: [a, b]`, as one with the items of both.
fn joined(one: &str, other: &str) -> Option<String> {
    let ((head, mut items), (_, more)) = (list(one)?, list(other)?);
    let separator = if one.ends_with(']') { ", " } else { "; " };
    for item in more {
        let same = |known: &&mut String| {
            known.split_once(" = ").map_or(known.as_str(), |(key, _)| key)
                == item.split_once(" = ").map_or(item.as_str(), |(key, _)| key)
        };
        match items.iter_mut().find(same) {
            Some(known) => *known = joined(known, &item).unwrap_or_else(|| known.clone()),
            None => items.push(item),
        }
    }
    let items = items.join(separator);
    Some(if one.ends_with(']') { format!("{head}[{items}]") } else { format!("{head}{{ {items} }}") })
}

/// What stands before a list at the end of a line, and its items.
fn list(line: &str) -> Option<(&str, Vec<String>)> {
    let (open, close, separator) = if line.ends_with(']') { ('[', ']', ',') } else { ('{', '}', ';') };
    // `["name"]` of Lua is no list.
    let at = match open {
        '{' => line.find(" = {").map_or(0, |at| at + " = ".len()),
        _ => line.find(": [")? + ": ".len(),
    };
    let (head, rest) = line.split_at(at);
    let inside = rest.strip_prefix(open)?.strip_suffix(close)?;
    let (mut items, mut depth, mut begin) = (Vec::new(), 0usize, 0);
    for (at, c) in inside.char_indices() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            c if c == separator && depth == 0 => {
                items.push(inside[begin..at].trim().to_owned());
                begin = at + 1;
            }
            _ => {}
        }
    }
    items.push(inside[begin..].trim().to_owned());
    items.retain(|item| !item.is_empty());
    Some((head, items))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::types::product::Product;
    use crate::chat::types::right::Right;

    const ALL: [Right; 23] = [
        Right::Answers,
        Right::SendAs,
        Right::ExtraLinks,
        Right::Accounts,
        Right::Rooms,
        Right::RoomList,
        Right::Archive,
        Right::Reflection,
        Right::SenderCopy,
        Right::Bookmarks,
        Right::Passwords,
        Right::Records,
        Right::RecordsAlone,
        Right::RecordsClosed,
        Right::MakeAccounts,
        Right::AccountList,
        Right::Presence,
        Right::Rosters,
        Right::Histories,
        Right::Broadcast,
        Right::Uploads,
        Right::LoginTokens,
        Right::NotBanned,
    ];

    fn merged(product: Product) -> Vec<Lines> {
        let mut sections = Sections::default();
        for right in ALL {
            sections.add(&right.lines_for(product, "gw.example.org", "example.org"));
        }
        sections.into_lines()
    }

    fn of<'a>(lines: &'a [Lines], place: &str) -> &'a str {
        lines.iter().find(|lines| lines.place == place).map_or("", |lines| &lines.lines)
    }

    #[test]
    fn what_ejabberd_lacks_is_one_piece_without_a_key_twice() {
        let lines = merged(Product::Ejabberd);
        let yaml = of(&lines, "# ejabberd.yml:");
        for once in [
            "acl:",
            "access_rules:",
            "modules:",
            "  mod_muc:",
            "  mod_mam: {}",
            "hosts:",
            "listen:",
            "    default_room_options:",
        ] {
            assert_eq!(yaml.lines().filter(|line| *line == once).count(), 1, "{once}: {yaml}");
        }
        assert!(
            yaml.contains("    default_room_options:\n      mam: true\n      allow_subscription: true\n"),
            "{yaml}"
        );
        assert!(
            yaml.contains(
                "acl:\n  gateway:\n    node_regexp:\n      \"^$\": \"^gw[.]example[.]org$\"\n  gateway_address:\n"
            ),
            "{yaml}"
        );
        let listener = of(&lines, "# ejabberd.yml, in the ejabberd_service listener:");
        assert_eq!(listener.matches("check_from").count(), 1, "{listener}");
    }

    #[test]
    fn what_prosody_lacks_sets_no_option_twice() {
        let lines = merged(Product::Prosody);
        let host = of(&lines, "-- prosody.cfg.lua, in the VirtualHost:");
        assert!(
            host.contains(
                "modules_enabled = { \"admin_adhoc\"; \"firewall\"; \"stanzagate\"; \"mam\"; \"announce\"; \"stanzagate_tokens\" }"
            ),
            "{host}"
        );
        assert_eq!(host.matches("modules_enabled").count(), 1, "{host}");
        let all = of(&lines, "-- prosody.cfg.lua, globally:");
        assert!(
            all.contains(
                "privileged_entities = { [\"gw.example.org\"] = { message = \"outgoing\"; \
                 iq = { [\"http://jabber.org/protocol/pubsub\"] = \"both\" }; roster = \"both\" } }"
            ),
            "{all}"
        );
        assert_eq!(all.matches("plugin_paths").count(), 1, "{all}");
    }

    #[test]
    fn more_is_taken_in_where_it_belongs() {
        let mut sections = Sections::default();
        sections.add("# f:\na:\n  - x\nb: {}\nc: [one, two]");
        sections.add("# f:\n# why\na:\n  - x\n  - y\nb:\n  d: 1\nc: [two, three]");
        sections.add("# g: only a remark");
        let expected =
            [("# f:", "# why\na:\n  - x\n  - y\nb:\n  d: 1\nc: [one, two, three]"), ("# g: only a remark", "")];
        let expected = expected.map(|(place, lines)| Lines { place: place.into(), lines: lines.into() });
        assert_eq!(sections.into_lines(), expected);
    }
}
