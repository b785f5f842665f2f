//! What the hot path is made of, one by one with its allocations, so that a regression shows: `cargo bench --bench micro`.

use divan::{AllocProfiler, Bencher, black_box};
use serde_json::json;
use stanzagate::chat::types::message::{Fragment, MarksChild};
use stanzagate::config::qtalk::Replies;
use stanzagate::dialects::qtalk::json::read;
use stanzagate::dialects::qtalk::replies::{Endpoint, body};
use stanzagate::link::frame::FrameReader;
use stanzagate::xml::bounds::Bounds;
use stanzagate::xml::draft::Draft;
use stanzagate::xml::encode::{encode, encode_draft};
use stanzagate::xml::read::read_one;
use stanzagate::xml::{CLIENT, StreamKind};
use stanzagate::xmpp::message::{Marks, address, text};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

const BOUNDS: Bounds = Bounds { depth: 32, bytes: 65_536, elements: 1000 };
const CHILD: MarksChild = MarksChild { ns: "urn:stanzagate:qtalk:0", name: "qtalk" };
const TEXT: &str = "The build of the main branch has passed after 12 minutes; 1,024 tests, none failed.";
/// What a caller of `send_thirdmessage` gives.
const FRAGMENT: &str =
    "<message type='chat'><body id='m1' msgType='1' maType='20'>The build has passed.</body></message>";
/// What a server answers to a barrier.
const REPLY: &str = "<iq type='result' from='example.org' to='gw.example.org' id='yixfwn.barrier.11'/>";
/// Stanzas of one stream that is read.
const STANZAS: usize = 100;

fn main() {
    divan::main();
}

#[divan::bench]
fn json_of_send_message(bencher: Bencher<'_, '_>) {
    let body = json!({ "From": "alice", "To": [{ "User": "bob" }], "Body": TEXT, "Type": "chat" }).to_string();
    bencher.bench(|| read(black_box(body.as_bytes()), 1024));
}

#[divan::bench]
fn reply_of_send_message() -> Vec<u8> {
    body(Replies::Documented, Endpoint::SendMessage, Ok(None))
}

#[divan::bench]
fn fragment_check() -> bool {
    Fragment::parse(black_box(FRAGMENT), BOUNDS, CHILD).is_ok()
}

#[divan::bench]
fn parse_a_message() -> bool {
    read_one(black_box(FRAGMENT), CLIENT, BOUNDS).is_ok()
}

#[divan::bench]
fn build_and_encode_a_message(bencher: Bencher<'_, '_>) {
    let marks = marks();
    bencher.bench(|| encode_draft(&built(black_box(&marks)), StreamKind::Component));
}

#[divan::bench]
fn encode_an_element(bencher: Bencher<'_, '_>) {
    let message = built(&marks()).element();
    bencher.bench(|| encode(black_box(&message), StreamKind::Component));
}

/// A stream of barriers' answers, each read as the link reads it.
#[divan::bench]
fn read_100_replies(bencher: Bencher<'_, '_>) {
    let stream = format!(
        "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='1'>{}",
        REPLY.repeat(STANZAS)
    );
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a tokio runtime");
    bencher.bench(|| {
        runtime.block_on(async {
            let mut frames = FrameReader::new(stream.as_bytes(), BOUNDS).expecting(StreamKind::Component);
            frames.header().await.expect("a header");
            for _ in 0..STANZAS {
                black_box(frames.next().await.expect("a stanza"));
            }
        });
    });
}

fn marks() -> [(&'static str, String); 3] {
    [("id", "http1"), ("msgType", "1"), ("extendInfo", "")].map(|(name, value)| (name, value.to_owned()))
}

fn built<'a>(marks: &'a [(&'static str, String)]) -> Draft<'a> {
    let message = text(TEXT, "chat", &[], marks).with("msec_times", "1795254882595");
    let marks = Marks { ns: CHILD.ns, name: CHILD.name };
    address(message, "alice@example.org", "bob@example.org", "abcdef.0123456789abcdef.1", "chat", marks)
}
