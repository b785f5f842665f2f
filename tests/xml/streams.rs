//! Whatever stands in a stanza of a server's stream, the next one is read: a fuzz of grammar and of mutations.
//!
//! `STANZAGATE_FUZZ_STANZAS=1000000 cargo test --release --test xml streams` is the long run.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use stanzagate::link::frame::{Frame, FrameReader};
use stanzagate::xml::StreamKind;
use stanzagate::xml::bounds::Bounds;

use crate::targets::stream::{HEADER, Pieces, is_one_element};

/// Stanzas of the run in every test run.
const STANZAS: usize = 20_000;
/// Odd stanzas of one stream.
const STREAM: usize = 50;

/// What servers send.
const USUAL: &[&str] = &[
    "<message from='a@example.org/x' to='gw.example.org' id='m1' type='chat'><body>1 &lt; 2</body></message>",
    "<message xml:lang='en' from='r@rooms.example.org/a' to='gw.example.org' type='groupchat' id='m2'><body>x</body>\
     <stanza-id xmlns='urn:xmpp:sid:0' by='r@rooms.example.org' id='1'/><x xmlns='http://jabber.org/protocol/muc#user'/></message>",
    "<iq type='result' from='a@example.org' to='gw.example.org' id='q1'><vCard xmlns='vcard-temp'><NICKNAME>a</NICKNAME>\
     <PHOTO><TYPE>image/png</TYPE><BINVAL>AAAA</BINVAL></PHOTO></vCard></iq>",
    "<message from='r@rooms.example.org' to='gw.example.org'><result xmlns='urn:xmpp:mam:2' id='1'><forwarded \
     xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00Z'/><message xmlns='jabber:client' \
     xmlns:ns1='urn:a' ns1:b='c' type='groupchat'><body>x</body></message></forwarded></result></message>",
    "<iq type='error' from='example.org' to='gw.example.org' id='q2'><error type='cancel' code='404'><item-not-found \
     xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
    "<presence from=\"a@example.org/&#x4f60;\" to='gw.example.org'><c xmlns='http://jabber.org/protocol/caps' hash='sha-1'/></presence>",
];

const NAMES: &[&str] = &[
    "message",
    "iq",
    "presence",
    "a",
    "body",
    "xml:a",
    "xml",
    "xmlns",
    "xmlns:a",
    "stream:a",
    "stream:stream",
    "p:a",
    "none:a",
    ":a",
    "a:",
    "a:b:c",
    "1",
    "-",
    "\u{4f60}",
    "a\u{301}",
    "a.b",
    "a$b",
    "a=b",
    "ns1:a",
    "\u{fffe}",
];
const ATTRIBUTES: &[&str] = &[
    "xmlns",
    "xmlns:p",
    "xmlns:ns1",
    "xmlns:xml",
    "xmlns:xmlns",
    "xmlns:",
    "xml:lang",
    "xml:foo",
    "p:a",
    "ns1:foo",
    "none:a",
    "id",
    "from",
    "to",
    "type",
    "1",
    "\u{4f60}",
    "a:b:c",
    "=",
    "a$",
    "ns1:lang",
];
const VALUES: &[&str] = &[
    "",
    "urn:a",
    "http://www.w3.org/XML/1998/namespace",
    "http://www.w3.org/2000/xmlns/",
    "jabber:client",
    "result",
    "error",
    "http://etherx.jabber.org/streams",
    "jabber:component:accept",
    "a>b",
    "&lt;",
    "&none;",
    "&",
    "&#0;",
    "&#xd800;",
    "&#99999999999;",
    "&#x;",
    "]]>",
    "\t\n\r",
    "/>",
    "\u{1}",
    "\u{ffff}",
    "\u{1f600}",
];

/// Bytes without the one that would begin a tag, or end what they stand in.
fn bytes(random: &mut StdRng, without: &[u8], to: &mut Vec<u8>) {
    let mut out = Vec::new();
    for _ in 0..random.random_range(0..12) {
        match random.random_range(0..8) {
            0 => out.extend(VALUES.choose(random).into_iter().flat_map(|value| value.bytes())),
            1 => out.push(random.random()),
            _ => out.push(random.random_range(b' '..=b'~')),
        }
    }
    // Now and then far over what a parser takes for a token, and over the bounds.
    let long = match random.random_range(0..20_000) {
        0 => 300_000,
        1..50 => 9000,
        _ => 0,
    };
    out.extend(std::iter::repeat_n(b'x', long));
    to.extend(out.into_iter().filter(|byte| *byte != b'<' && !without.contains(byte)));
}

fn attributes(random: &mut StdRng, out: &mut Vec<u8>) {
    for _ in 0..random.random_range(0..5) {
        out.push(*b" \n\t/".choose(random).unwrap_or(&b' '));
        let many = if random.random_range(0..3000) == 0 { 500 } else { 1 };
        for number in 0..many {
            out.extend(ATTRIBUTES.choose(random).into_iter().flat_map(|name| name.bytes()));
            if many > 1 {
                out.extend(format!("{number}").bytes());
            }
            if random.random_range(0..30) == 0 {
                continue;
            }
            out.extend([&b"="[..], b" = ", b"\n=", b"=="].choose(random).into_iter().copied().flatten());
            let quote = *b"'\"".choose(random).unwrap_or(&b'"');
            let mut value = Vec::new();
            match random.random_range(0..3) {
                0 => bytes(random, &[quote], &mut value),
                _ => value.extend(VALUES.choose(random).into_iter().flat_map(|value| value.bytes())),
            }
            value.retain(|byte| *byte != quote);
            out.push(quote);
            out.extend(value);
            out.push(quote);
            if random.random_range(0..10) > 0 {
                out.push(b' ');
            }
        }
    }
}

/// An element that is whole, whatever stands in it.
fn element(random: &mut StdRng, level: usize, out: &mut Vec<u8>) {
    let name = if level == 0 && random.random() { "message" } else { NAMES.choose(random).copied().unwrap_or("a") };
    let from = out.len();
    out.extend(format!("<{name}").bytes());
    attributes(random, out);
    // A slash at the end would be a tag's own.
    while out.len() > from + 1 + name.len() && matches!(out.last(), Some(b'/')) {
        out.pop();
    }
    if random.random_range(0..3) == 0 {
        out.extend(b"/>");
        return;
    }
    out.push(b'>');
    for _ in 0..random.random_range(0..4usize) {
        match random.random_range(0..8) {
            0 => {
                out.extend(b"<![CDATA[");
                bytes(random, b"]", out);
                out.extend(b"]]>");
            }
            1 => {
                out.extend(b"<!--");
                bytes(random, b"-", out);
                out.extend(b"-->");
            }
            2 => {
                out.extend(b"<?");
                bytes(random, b"?", out);
                out.extend(b"?>");
            }
            3 | 4 if level < 6 => element(random, level + 1, out),
            5 if random.random_range(0..500) == 0 => {
                let levels = random.random_range(1..6000);
                out.extend(b"<x>".repeat(levels));
                out.extend(b"</x>".repeat(levels));
            }
            _ => bytes(random, b"", out),
        }
    }
    out.extend(format!("</{name}>").bytes());
}

/// A usual stanza of which some bytes are others.
fn mutated(random: &mut StdRng) -> Vec<u8> {
    let mut stanza: Vec<u8> = USUAL.choose(random).into_iter().flat_map(|stanza| stanza.bytes()).collect();
    for _ in 0..random.random_range(1..4) {
        let at = random.random_range(1..stanza.len() - 1);
        match random.random_range(0..4) {
            0 => stanza[at] = random.random(),
            1 => drop(stanza.remove(at)),
            2 => stanza.insert(at, *b"<>&'\"/=:;![]- \0\xff".choose(random).unwrap_or(&0)),
            _ => {
                let part = [ATTRIBUTES, NAMES, VALUES].choose(random).and_then(|all| all.choose(random)).copied();
                stanza.splice(at..at, part.unwrap_or_default().bytes());
            }
        }
    }
    stanza
}

/// What is between two sentinels.
fn odd(random: &mut StdRng) -> Vec<u8> {
    loop {
        let mut stanza = Vec::new();
        if random.random() {
            element(random, 0, &mut stanza);
        } else {
            stanza = mutated(random);
            if !is_one_element(&stanza) {
                continue;
            }
        }
        return stanza;
    }
}

/// Reads a stream of odd stanzas, each before a sentinel, all of which must come.
async fn reads_what_follows(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut stream = HEADER.as_bytes().to_vec();
    let odd: Vec<Vec<u8>> = (0..STREAM).map(|_| odd(&mut random)).collect();
    for (number, stanza) in odd.iter().enumerate() {
        stream.extend(stanza);
        let sentinel = format!("<iq type='result' from='example.org' to='gw.example.org' id='sentinel-{number}'/>");
        stream.extend(sentinel.bytes());
    }
    let bytes = *[300, 5000, 1 << 20].choose(&mut random).unwrap_or(&300);
    let bounds = Bounds { depth: 64, bytes, elements: 10_000 };
    let most = *[1, 7, 300, 65_536].choose(&mut random).unwrap_or(&1);
    let mut lengths = random.clone();
    let pieces = Pieces::new(&stream, || Some(lengths.random_range(1..=most)));
    let mut frames = FrameReader::new(pieces, bounds);
    if random.random() {
        frames = frames.expecting(StreamKind::Component);
    }
    frames.header().await.expect("a header");
    for (number, stanza) in odd.iter().enumerate() {
        let told = || {
            format!("seed {seed}, stanza {number}: {:?}", String::from_utf8_lossy(&stanza[..stanza.len().min(2000)]))
        };
        let id = format!("sentinel-{number}");
        for before in 0.. {
            match frames.next().await.unwrap_or_else(|error| panic!("{error}: {}", told())) {
                Frame::Element(element) if element.attr("id") == Some(&id) && element.nodes().len() == 0 => break,
                Frame::End => panic!("an end: {}", told()),
                frame => assert!(before == 0, "{frame:?} is one too many: {}", told()),
            }
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().expect("a tokio runtime")
}

#[test]
fn whatever_stands_in_a_stanza_the_next_one_is_read() {
    let stanzas = std::env::var("STANZAGATE_FUZZ_STANZAS").map_or(STANZAS, |count| count.parse().expect("a number"));
    let first: u64 = rand::random();
    println!("{stanzas} stanzas from seed {first}");
    for stream in 0..stanzas.div_ceil(STREAM) {
        runtime().block_on(reads_what_follows(first.wrapping_add(stream as u64)));
    }
}

#[test]
fn what_is_no_tree_ends_the_stream_and_nothing_else() {
    let mut random = StdRng::seed_from_u64(rand::random());
    for _ in 0..STANZAS {
        let stanza = mutated(&mut random);
        let stream = [HEADER.as_bytes(), &stanza, b"<iq id='sentinel'/>"].concat();
        let bounds = Bounds { depth: 64, bytes: 10_000, elements: 1000 };
        runtime().block_on(async {
            let mut frames = FrameReader::new(&stream[..], bounds).expecting(StreamKind::Component);
            frames.header().await.expect("a header");
            // It comes to an end: no more frames than there are tags.
            for _ in 0..stream.len() {
                match frames.next().await {
                    Ok(Frame::End) | Err(_) => return,
                    Ok(_) => {}
                }
            }
            panic!("no end: {:?}", String::from_utf8_lossy(&stanza));
        });
    }
}
