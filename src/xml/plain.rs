//! Reads the plain XML that most callers give, several times as fast as the general parser, and leaves all else to it.
//!
//! Plain are tags without prefixes, attributes without line breaks, the five predefined entities, and text. What is not
//! certain to be well-formed XML of this kind is not judged here.

use rxml::{AttrMap, Namespace, NcName};

use super::Element;
use super::build::{Builder, Built};
use super::read::Bounds;

/// The element that `text` is, when it is plain and within `bounds`; white space may follow it.
pub(super) fn read_plain(text: &str, default_ns: &str, bounds: Bounds) -> Option<Element> {
    let mut open = vec![("", Namespace::from(default_ns.to_owned()))];
    let mut builder = Builder::new(bounds);
    let mut rest = text;
    loop {
        rest = rest.strip_prefix('<')?;
        let built = match rest.strip_prefix('/') {
            Some(tag) => {
                let (name, tag) = name(tag)?;
                rest = tag.strip_prefix('>')?;
                open.pop().filter(|(opened, _)| *opened == name)?;
                builder.end()
            }
            None => {
                let (name, tag) = name(rest)?;
                let (attributes, ns, tag) = attributes(tag)?;
                let ns = ns.or_else(|| open.last().map(|(_, inherited)| inherited.clone()))?;
                builder.start((ns.clone(), NcName::try_from(name).ok()?), attributes);
                match tag.strip_prefix('/') {
                    Some(tag) => {
                        rest = tag.strip_prefix('>')?;
                        builder.end()
                    }
                    None => {
                        rest = tag.strip_prefix('>')?;
                        open.push((name, ns));
                        None
                    }
                }
            }
        };
        if builder.over().is_some() {
            return None;
        }
        if let Some(Built::Whole(element)) = built {
            return rest.trim_start_matches([' ', '\t', '\n']).is_empty().then_some(element);
        }
        let (text, tag) = rest.split_at_checked(rest.find('<')?)?;
        if !text.is_empty() {
            builder.text(content(text)?);
        }
        rest = tag;
    }
}

/// A name of ASCII letters and digits, and what follows.
fn name(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')))?;
    let (name, rest) = text.split_at_checked(end)?;
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_').then_some((name, rest))
}

/// The attributes, the namespace that they declare, and what follows them.
fn attributes(mut text: &str) -> Option<(AttrMap, Option<Namespace<'static>>, &str)> {
    let (mut attributes, mut ns) = (AttrMap::new(), None);
    loop {
        let unspaced = text.trim_start_matches([' ', '\t', '\n']);
        if unspaced.starts_with(['/', '>']) {
            return Some((attributes, ns, unspaced));
        }
        if unspaced.len() == text.len() {
            return None;
        }
        let (name, rest) = name(unspaced)?;
        let rest = rest.strip_prefix('=')?;
        let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (value, rest) = rest.strip_prefix(quote)?.split_once(quote)?;
        if value.contains(['<', '\t', '\n']) {
            return None;
        }
        let value = content(value)?;
        if name != "xmlns" {
            if attributes.insert(Namespace::NONE, NcName::try_from(name).ok()?, value).is_some() {
                return None;
            }
        // What is reserved, or no namespace, is for the general parser to judge.
        } else if ns.is_some() || value.is_empty() || value.starts_with("http://www.w3.org/") {
            return None;
        } else {
            ns = Some(Namespace::from(value));
        }
        text = rest;
    }
}

/// What a text or the value of an attribute says.
fn content(text: &str) -> Option<String> {
    let valid = |c: char| c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}') || matches!(c, '\t' | '\n');
    if !text.chars().all(valid) || text.contains("]]>") {
        return None;
    }
    let mut said = String::with_capacity(text.len());
    let mut pieces = text.split('&');
    said.push_str(pieces.next()?);
    for piece in pieces {
        let (entity, rest) = piece.split_once(';')?;
        said.push(match entity {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "apos" => '\'',
            "quot" => '"',
            _ => return None,
        });
        said.push_str(rest);
    }
    Some(said)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::xml::read::read_general;

    const BOUNDS: Bounds = Bounds { depth: 4, bytes: 200, elements: 6 };

    /// Pieces of XML in an order that often makes a whole of them.
    fn documents() -> impl Strategy<Value = String> {
        let text = prop_oneof![
            8 => "[ -%\\'-;=-~\u{a0}\u{4e00}\u{ff0c}\t\n]{0,6}",
            2 => prop::sample::select(vec!["&lt;", "&amp;x&quot;", "&gt;&apos;", "]]", "\u{7f}\u{85}"]).prop_map(str::to_owned),
            1 => prop::sample::select(vec!["&#x41;", "&none;", "&", "]]>", "\u{1}", "\u{fffe}"]).prop_map(str::to_owned),
        ];
        let name = prop_oneof![
            9 => "[a-zA-Z_][a-z0-9._-]{0,2}",
            1 => prop::sample::select(vec!["xml", "xmlns", "p:a", "\u{e4}", "-a", "1"]).prop_map(str::to_owned),
        ];
        let value = prop_oneof![
            9 => text.clone(),
            1 => prop::sample::select(vec!["urn:a", "", "http://www.w3.org/2000/xmlns/"]).prop_map(str::to_owned),
        ];
        let attribute = (name.clone(), value, prop::sample::select(vec!["'", "\""]))
            .prop_map(|(name, value, quote)| format!(" {name}={quote}{}{quote}", value.replace(quote, "")));
        let declared = prop::sample::select(vec!["", "", " xmlns='urn:a'", " xmlns=\"urn:&amp;\"", " xmlns:p='urn:p'"]);
        let space = prop::sample::select(vec!["", "", "", " ", "\n"]);
        let head = (name, prop::collection::vec(attribute, 0..3), declared, space).prop_map(
            |(name, attributes, declared, space)| (name, format!("{declared}{}{space}", attributes.concat())),
        );
        let leaf = (head.clone(), text.clone()).prop_map(|((name, head), text)| match text.is_empty() {
            true => format!("<{name}{head}/>"),
            false => format!("<{name}{head}>{text}</{name}>"),
        });
        leaf.prop_recursive(4, 8, 3, move |inner| {
            (head.clone(), prop::collection::vec((text.clone(), inner), 0..3)).prop_map(|((name, head), inner)| {
                let inside: String = inner.into_iter().map(|(text, element)| text + &element).collect();
                format!("<{name}{head}>{inside}</{name}>")
            })
        })
    }

    /// A document, some of them with something taken out or put in.
    fn almost_documents() -> impl Strategy<Value = String> {
        let odd =
            prop::sample::select(vec!["", "<", ">", "/", "&", "'", " ", "<a>", "</a>", "<!---->", "<![CDATA[x]]>"]);
        (documents(), any::<prop::sample::Index>(), 0..3usize, odd, 0..3u8).prop_map(
            |(text, at, gone, odd, damaged)| {
                if damaged > 0 {
                    return text;
                }
                let mut letters: Vec<char> = text.chars().collect();
                let at = at.index(letters.len());
                letters.splice(at..(at + gone).min(letters.len()), odd.chars());
                letters.into_iter().collect()
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5000))]
        #[test]
        fn what_is_read_fast_is_what_the_general_parser_reads(text in almost_documents()) {

            if let Some(element) = read_plain(&text, "urn:default", BOUNDS) {
                prop_assert_eq!(Ok(element), read_general("", &text, "urn:default", BOUNDS));
            }
        }
    }

    #[test]
    fn what_callers_send_is_read_fast() {
        for text in [
            "<message type='chat'><body id='m1' msgType='1' maType='20'>Tom &amp; \u{4f60}\u{597d}\u{ff01}</body></message>",
            "<message type=\"note\" client_ver=\"0\"><body>a > b</body><stime xmlns='jabber:stime:delay' stamp='1'/>\n</message>\n",
        ] {
            let bounds = Bounds { bytes: 1000, ..BOUNDS };
            assert_eq!(read_plain(text, "jabber:client", bounds), read_general("", text, "jabber:client", bounds).ok());
            assert!(read_plain(text, "jabber:client", bounds).is_some(), "{text}");
        }
    }
}
