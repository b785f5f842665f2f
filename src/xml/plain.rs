//! Reads plain XML, as callers and servers usually write it, several times as fast as the general parser, and leaves all
//! else to it.

use rxml::{AttrMap, Namespace, NcName};

use super::Element;
use super::build::{Builder, Built};
use super::token::{Stop, after, attributes, content, name, tag_end, until_tag, value};

/// The element with which `bytes` begin, when it is whole, plain and within the builder's bounds; and what follows it.
pub fn read_plain<'a>(
    bytes: &'a [u8],
    default_ns: Namespace<'static>,
    builder: Builder,
) -> Option<(Element, &'a [u8])> {
    read(bytes, default_ns, builder).ok()
}

fn read<'a>(
    bytes: &'a [u8],
    default_ns: Namespace<'static>,
    mut builder: Builder,
) -> Result<(Element, &'a [u8]), Stop> {
    let mut open = vec![(&b""[..], default_ns)];
    let mut rest = bytes;
    loop {
        rest = after(b'<', rest)?;
        let built = match rest.strip_prefix(b"/") {
            Some(tag) => {
                let (name, tag) = name(tag)?;
                rest = after(b'>', tag)?;
                open.pop().filter(|(opened, _)| *opened == name).ok_or(Stop::Other)?;
                builder.end()
            }
            None => {
                let (name, tag) = name(rest)?;
                let mut found = AttrMap::new();
                let (ns, tag) = attributes(tag, |attribute| {
                    let space = if attribute.xml { Namespace::XML } else { Namespace::NONE };
                    match found.insert(space, nc_name(attribute.name)?, value(attribute.value)?.into_owned()) {
                        None => Ok(()),
                        Some(_) => Err(Stop::Other),
                    }
                })?;
                let ns = match ns {
                    Some(ns) => Namespace::from(value(ns)?.into_owned()),
                    None => open.last().map(|(_, inherited)| inherited.clone()).ok_or(Stop::Other)?,
                };
                builder.start((ns.clone(), nc_name(name)?), found);
                let (empty, after_tag) = tag_end(tag)?;
                rest = after_tag;
                if empty {
                    builder.end()
                } else {
                    open.push((name, ns));
                    None
                }
            }
        };
        if builder.over().is_some() {
            return Err(Stop::Other);
        }
        if let Some(Built::Whole(element)) = built {
            return Ok((element, rest));
        }
        let (text, tag) = until_tag(rest)?;
        if !text.is_empty() {
            builder.text(content(text)?.into_owned());
        }
        rest = tag;
    }
}

fn nc_name(name: &[u8]) -> Result<NcName, Stop> {
    let name = std::str::from_utf8(name).map_err(|_| Stop::Other)?;
    NcName::try_from(name).map_err(|_| Stop::Other)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::xml::bounds::Bounds;
    use crate::xml::read::{ReadError, read_general};
    use crate::xml::token::trim_start;

    pub(in crate::xml) const BOUNDS: Bounds = Bounds { depth: 4, bytes: 200, elements: 6 };

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
    pub(in crate::xml) fn almost_documents() -> impl Strategy<Value = String> {
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
