//! Reads the plain XML that callers and servers usually write, several times as fast as the general parser, and leaves all
//! else to it.
//!
//! Plain are tags without prefixes, attributes without line breaks, `xml:lang`, the five predefined entities, and text.
//! What is not certain to be well-formed XML of this kind is not judged here.

use memchr::{memchr, memmem};
use rxml::{AttrMap, Namespace, NcName};

use super::Element;
use super::build::{Builder, Built};

/// The element with which `bytes` begin, when it is whole, plain and within the builder's bounds; and what follows it.
pub fn read_plain<'a>(
    bytes: &'a [u8],
    default_ns: Namespace<'static>,
    mut builder: Builder,
) -> Option<(Element, &'a [u8])> {
    let mut open = vec![("", default_ns)];
    let mut rest = bytes;
    loop {
        rest = rest.strip_prefix(b"<")?;
        let built = match rest.strip_prefix(b"/") {
            Some(tag) => {
                let (name, tag) = name(tag)?;
                rest = tag.strip_prefix(b">")?;
                open.pop().filter(|(opened, _)| *opened == name)?;
                builder.end()
            }
            None => {
                let (name, tag) = name(rest)?;
                let (attributes, ns, tag) = attributes(tag)?;
                let ns = ns.or_else(|| open.last().map(|(_, inherited)| inherited.clone()))?;
                builder.start((ns.clone(), NcName::try_from(name).ok()?), attributes);
                match tag.strip_prefix(b"/") {
                    Some(tag) => {
                        rest = tag.strip_prefix(b">")?;
                        builder.end()
                    }
                    None => {
                        rest = tag.strip_prefix(b">")?;
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
            return Some((element, rest));
        }
        let (text, tag) = rest.split_at_checked(memchr(b'<', rest)?)?;
        if !text.is_empty() {
            builder.text(content(text)?);
        }
        rest = tag;
    }
}

/// What follows the white space at the beginning.
pub fn trim_start(bytes: &[u8]) -> &[u8] {
    let spaces = bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n')).count();
    bytes.get(spaces..).unwrap_or_default()
}

/// A name of ASCII letters and digits, and what follows.
fn name(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')))?;
    let (name, rest) = bytes.split_at_checked(end)?;
    let first = name.first()?;
    (first.is_ascii_alphabetic() || *first == b'_').then_some((std::str::from_utf8(name).ok()?, rest))
}

/// The attributes, the namespace that they declare, and what follows them.
fn attributes(mut bytes: &[u8]) -> Option<(AttrMap, Option<Namespace<'static>>, &[u8])> {
    let (mut attributes, mut ns) = (AttrMap::new(), None);
    loop {
        let unspaced = trim_start(bytes);
        if matches!(unspaced.first()?, b'/' | b'>') {
            return Some((attributes, ns, unspaced));
        }
        if unspaced.len() == bytes.len() {
            return None;
        }
        let (space, (name, rest)) = match unspaced.strip_prefix(b"xml:lang") {
            Some(rest) => (Namespace::XML, ("lang", rest)),
            None => (Namespace::NONE, name(unspaced)?),
        };
        let (quote, rest) = rest.strip_prefix(b"=")?.split_first()?;
        if !matches!(quote, b'\'' | b'"') {
            return None;
        }
        let (value, rest) = rest.split_at_checked(memchr(*quote, rest)?)?;
        if value.iter().any(|byte| matches!(byte, b'<' | b'\t' | b'\n')) {
            return None;
        }
        let value = content(value)?;
        if name != "xmlns" {
            if attributes.insert(space, NcName::try_from(name).ok()?, value).is_some() {
                return None;
            }
        // What is reserved, or no namespace, is for the general parser to judge.
        } else if ns.is_some() || value.is_empty() || value.starts_with("http://www.w3.org/") {
            return None;
        } else {
            ns = Some(Namespace::from(value));
        }
        bytes = rest.get(1..)?;
    }
}

/// What a text or the value of an attribute says.
fn content(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let valid = |c: char| c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}') || matches!(c, '\t' | '\n');
    if !text.chars().all(valid) || memmem::find(bytes, b"]]>").is_some() {
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
    use crate::xml::read::{Bounds, ReadError, read_general};

    const BOUNDS: Bounds = Bounds { depth: 4, bytes: 200, elements: 6 };

    fn plain(text: &str, bounds: Bounds) -> Option<Element> {
        let (element, rest) = read_plain(text.as_bytes(), Namespace::from("urn:default"), Builder::new(bounds))?;
        trim_start(rest).is_empty().then_some(element)
    }

    fn general(text: &str, bounds: Bounds) -> Result<Element, ReadError> {
        read_general("", text, "urn:default", bounds)
    }

    /// Pieces of XML in an order that often makes a whole of them.
    fn documents() -> impl Strategy<Value = String> {
        let text = prop_oneof![
            8 => "[ -%\\'-;=-~\u{a0}\u{4e00}\u{ff0c}\t\n]{0,6}",
            2 => prop::sample::select(vec!["&lt;", "&amp;x&quot;", "&gt;&apos;", "]]", "\u{7f}\u{85}"]).prop_map(str::to_owned),
            1 => prop::sample::select(vec!["&#x41;", "&none;", "&", "]]>", "\u{1}", "\u{fffe}"]).prop_map(str::to_owned),
        ];
        let name = prop_oneof![
            9 => "[a-zA-Z_][a-z0-9._-]{0,2}",
            1 => prop::sample::select(vec!["xml", "xmlns", "xml:lang", "p:a", "\u{e4}", "-a", "1"]).prop_map(str::to_owned),
        ];
        let value = prop_oneof![
            9 => text.clone(),
            1 => prop::sample::select(vec!["urn:a", "", "http://www.w3.org/2000/xmlns/"]).prop_map(str::to_owned),
        ];
        let attribute = (name.clone(), value, prop::sample::select(vec!["'", "\""]))
            .prop_map(|(name, value, quote)| format!(" {name}={quote}{}{quote}", value.replace(quote, "")));
        let declared = prop::sample::select(vec![
            "",
            "",
            " xmlns='urn:a'",
            " xmlns=\"urn:&amp;\"",
            " xmlns:p='urn:p'",
            " xml:lang='en'",
        ]);
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

            if let Some(element) = plain(&text, BOUNDS) {
                prop_assert_eq!(Ok(element), general(&text, BOUNDS));
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
            assert_eq!(plain(text, bounds), general(text, bounds).ok());
            assert!(plain(text, bounds).is_some(), "{text}");
        }
    }
}
