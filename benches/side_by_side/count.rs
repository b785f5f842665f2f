//! How messages are counted: every body holds a running number, which whoever receives it finds in the byte stream.

use serde::{Deserialize, Serialize};

/// What stands in a body before its number is put in. Nothing else on the wire has a tilde.
pub const SLOT: &str = "~0000000000;";
const DIGITS: usize = SLOT.len() - 2;

/// A number of messages, and the sum of their numbers: both agree only when the same messages were counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// How many.
    pub messages: u64,
    /// The sum of their numbers.
    pub sum: u64,
}

impl Count {
    /// Counts a message.
    pub fn add(&mut self, number: u64) {
        self.messages += 1;
        self.sum = self.sum.wrapping_add(number);
    }

    /// Counts all that another has counted.
    pub fn merge(&mut self, other: Count) {
        self.messages += other.messages;
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// What was counted since `before`.
    pub fn since(self, before: Count) -> Count {
        Count { messages: self.messages - before.messages, sum: self.sum.wrapping_sub(before.sum) }
    }

    /// Each message `copies` times.
    pub fn times(self, copies: u64) -> Count {
        Count { messages: self.messages * copies, sum: self.sum.wrapping_mul(copies) }
    }
}

/// A text with slots.
#[derive(Debug, Clone)]
pub struct Template {
    bytes: Vec<u8>,
    slots: Vec<usize>,
}

impl Template {
    /// Finds the slots of a text.
    pub fn new(text: &str) -> Template {
        let slots = text.match_indices(SLOT).map(|(at, _)| at + 1).collect();
        Template { bytes: text.as_bytes().to_vec(), slots }
    }

    /// Messages in one filled text.
    pub fn messages(&self) -> u64 {
        self.slots.len() as u64
    }

    /// Appends the text with the numbers from `first` on in its slots, and counts them.
    pub fn fill(&self, first: u64, out: &mut Vec<u8>, count: &mut Count) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        for (number, at) in (first..).zip(&self.slots) {
            let mut rest = number;
            for digit in (0..DIGITS).rev() {
                if let Some(place) = out.get_mut(start + at + digit) {
                    *place = b'0' + (rest % 10) as u8;
                }
                rest /= 10;
            }
            count.add(number);
        }
    }
}

/// Finds numbers in a byte stream that comes in pieces.
#[derive(Debug, Default)]
pub struct Finder {
    rest: Vec<u8>,
}

impl Finder {
    /// Counts the numbers of the next piece.
    pub fn find(&mut self, piece: &[u8], count: &mut Count) {
        let joined;
        let mut bytes = piece;
        if !self.rest.is_empty() {
            joined = [self.rest.as_slice(), piece].concat();
            bytes = &joined;
        }
        let mut kept = Vec::new();
        while let Some(at) = memchr::memchr(b'~', bytes) {
            let (_, from) = bytes.split_at(at);
            let Some((slot, after)) = from.split_at_checked(SLOT.len()) else {
                kept = from.to_vec();
                break;
            };
            let number = slot.get(1..=DIGITS).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
            if let Some(number) = number.filter(|_| slot.ends_with(b";")) {
                count.add(number);
            }
            bytes = after;
        }
        self.rest = kept;
    }
}
