//! Names and values as forms and queries write them (application/x-www-form-urlencoded).

use percent_encoding::percent_decode;

/// What a name or a value says: `+` is a blank, `%XX` a byte. What only looks like an escape is what it is.
pub fn decoded(text: &[u8]) -> Vec<u8> {
    let blanks: Vec<u8> = text.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
    percent_decode(&blanks).collect()
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn blanks_and_escapes_are_undone_once() {
        for (text, said) in [("a+b%2Bc", &b"a b+c"[..]), ("%ff%2525", b"\xff%25"), ("%zz%", b"%zz%"), ("", b"")] {
            assert_eq!(decoded(text.as_bytes()), said, "{text}");
        }
    }
}
