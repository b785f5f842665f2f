//! The fuzzers' targets with the inputs that are kept, and with some of those changed: no coverage guides it, but it is part
//! of every test run. `fuzz/README.md` has the long run.

use std::path::Path;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use crate::targets::{fragment, json, stream};

/// Changed inputs of each target.
const CHANGED: usize = 3000;
/// Bytes of one, at most.
const LONGEST: usize = 4096;
const FUZZ: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz");

/// Prints the input under which a target has panicked.
struct Told<'a>(&'a [u8]);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("with the input b\"{}\"", self.0.escape_ascii());
        }
    }
}

fn kept(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(FUZZ).join("corpus").join(target);
    let files = std::fs::read_dir(folder).expect("a folder of inputs");
    files.map(|file| std::fs::read(file.expect("a file").path()).expect("an input")).collect()
}

/// The tokens of a dictionary for libFuzzer.
fn tokens(dictionary: &str) -> Vec<Vec<u8>> {
    let text = std::fs::read_to_string(Path::new(FUZZ).join("dictionaries").join(dictionary)).expect("a dictionary");
    let lines = text.lines().filter_map(|line| line.strip_prefix('"')?.strip_suffix('"'));
    lines.map(unescaped).collect()
}

fn unescaped(token: &str) -> Vec<u8> {
    let mut pieces = token.split("\\x");
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (code, rest) = piece.split_at(2);
        bytes.push(u8::from_str_radix(code, 16).expect("two digits"));
        bytes.extend(rest.bytes());
    }
    bytes
}

/// An input that is another by one to six steps.
fn changed(inputs: &[Vec<u8>], tokens: &[Vec<u8>], random: &mut StdRng) -> Vec<u8> {
    let mut input = inputs.choose(random).cloned().unwrap_or_default();
    for _ in 0..random.random_range(1..=6) {
        let (from, other) = (random.random_range(0..=input.len()), random.random_range(0..=input.len()));
        let (from, to) = (from.min(other), from.max(other));
        let near = to.min(from + 4);
        match random.random_range(0..6) {
            0 => drop(input.drain(from..near)),
            1 => drop(input.splice(from..near, tokens.choose(random).cloned().unwrap_or_default())),
            2 => input.insert(from, random.random()),
            3 => input[from..near].iter_mut().for_each(|byte| *byte ^= 1 << random.random_range(0..8)),
            4 => drop(input.splice(from..from, input[from..to].to_vec())),
            _ => {
                let other = inputs.choose(random).map(Vec::as_slice).unwrap_or_default();
                let at = random.random_range(0..=other.len());
                input.truncate(from);
                input.extend(&other[at..]);
            }
        }
        input.truncate(LONGEST);
    }
    input
}

fn tries(target: &str, dictionary: &str, run: fn(&[u8])) {
    let inputs = kept(target);
    assert!(inputs.len() > 10, "only {} inputs of {target}", inputs.len());
    let run = |input: &[u8]| {
        let told = Told(input);
        run(told.0);
    };
    inputs.iter().for_each(|input| run(input));
    let (tokens, seed) = (tokens(dictionary), rand::random());
    println!("from seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..CHANGED {
        run(&changed(&inputs, &tokens, &mut random));
    }
}

#[test]
fn streams_are_read_to_their_end() {
    tries("stream", "xml.dict", stream::run);
}

#[test]
fn fragments_are_refused_or_passed_on() {
    tries("fragment", "xml.dict", fragment::run);
}

#[test]
fn json_is_read_as_it_is_meant() {
    tries("json", "json.dict", json::run);
}
