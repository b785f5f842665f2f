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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::xml::bounds::Bounds;
    use crate::xml::read::{ReadError, read_general};
    use crate::xml::samples::{BOUNDS, almost_documents};
    use crate::xml::token::trim_start;

    fn plain(text: &str, bounds: Bounds) -> Option<Element> {
        let (element, rest) = read_plain(text.as_bytes(), Namespace::from("urn:default"), Builder::new(bounds))?;
        trim_start(rest).is_empty().then_some(element)
    }

    fn general(text: &str, bounds: Bounds) -> Result<Element, ReadError> {
        read_general("", text, "urn:default", bounds)
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
