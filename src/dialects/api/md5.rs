//! MD5 sums in hex, with which two of the APIs sign. Their originals chose it; a signature is no secret's only protection where
//! HTTPS is in front.

use md5::{Digest as _, Md5};

/// The sum of these, one behind the other.
pub fn sum<'a>(parts: impl IntoIterator<Item = &'a str>) -> [u8; 16] {
    parts.into_iter().fold(Md5::new(), |sum, part| sum.chain_update(part)).finalize().into()
}

/// A sum as 32 hex digits.
pub fn hex(sum: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(sum))
}

/// What 32 hex digits, in either case, say.
pub fn read(hex: &str) -> Option<[u8; 16]> {
    let digits = hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit());
    digits.then(|| u128::from_str_radix(hex, 16).ok().map(u128::to_be_bytes)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_written_and_read() {
        let empty = "d41d8cd98f00b204e9800998ecf8427e";
        assert_eq!(hex(sum([])), empty);
        assert_eq!(sum(["a", "b"]), sum(["ab"]));
        assert_eq!(read(&empty.to_uppercase()), Some(sum([""])));
        for wrong in ["", "d4", "+41d8cd98f00b204e9800998ecf8427e", "d41d8cd98f00b204e9800998ecf8427é"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
