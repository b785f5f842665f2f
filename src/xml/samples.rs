//! Documents for tests, plain and not, well-formed and not.

use proptest::prelude::*;

use super::bounds::Bounds;

/// What some of the documents exceed.
pub(super) const BOUNDS: Bounds = Bounds { depth: 4, bytes: 200, elements: 6 };

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
    let head = (name, prop::collection::vec(attribute, 0..3), declared, space)
        .prop_map(|(name, attributes, declared, space)| (name, format!("{declared}{}{space}", attributes.concat())));
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
pub(super) fn almost_documents() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec!["", "<", ">", "/", "&", "'", " ", "<a>", "</a>", "<!---->", "<![CDATA[x]]>"]);
    (documents(), any::<prop::sample::Index>(), 0..3usize, odd, 0..3u8).prop_map(|(text, at, gone, odd, damaged)| {
        if damaged > 0 {
            return text;
        }
        let mut letters: Vec<char> = text.chars().collect();
        let at = at.index(letters.len());
        letters.splice(at..(at + gone).min(letters.len()), odd.chars());
        letters.into_iter().collect()
    })
}
