//! Links as callers write them: what a URL may not hold is escaped, what is no link is left to the caller to judge.

/// Longest link, in bytes.
const URL: usize = 4096;

/// A URL of http or https that stays one wherever it is written: blanks, quotes, brackets and the like are escaped, as
/// browsers do, and line breaks left out. `None` for anything else.
pub fn usable(given: &str) -> Option<String> {
    let mut url = String::with_capacity(given.len());
    let given = given.trim();
    for (at, c) in given.char_indices() {
        match c {
            '\n' | '\r' | '\t' => {}
            // A percent sign that begins no escape stands for itself.
            '%' if !is_escape(given.as_bytes().get(at + 1..at + 3)) => url.push_str("%25"),
            '"' | '<' | '>' | '{' | '}' | '|' | '\\' | '^' | '`' => url.push_str(&escaped(c)),
            c if c.is_whitespace() || c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                url.push_str(&escaped(c))
            }
            c => url.push(c),
        }
    }
    let parsed = reqwest::Url::parse(&url).ok()?;
    (url.len() <= URL && matches!(parsed.scheme(), "http" | "https") && parsed.has_host()).then_some(url)
}

fn is_escape(digits: Option<&[u8]>) -> bool {
    digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

fn escaped(c: char) -> String {
    c.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_url_may_not_hold_is_escaped() {
        for (given, expected) in [
            ("http://ci.local/job/My Job/57/", Some("http://ci.local/job/My%20Job/57/")),
            ("https://x.example/a?q=\"{<b>}\"|^`\\", Some("https://x.example/a?q=%22%7B%3Cb%3E%7D%22%7C%5E%60%5C")),
            (" HTTPS://x.example/张?a=%20&b=100%#'(c)[d] ", Some("HTTPS://x.example/张?a=%20&b=100%25#'(c)[d]")),
            ("http://x.example/\r\ny\u{3000}\u{1b}z", Some("http://x.example/y%E3%80%80%1Bz")),
            ("http://[::1]:8080/x", Some("http://[::1]:8080/x")),
            ("http://my host/", None),
            ("http://", None),
            ("/data/a.png", None),
            ("//x.example/a", None),
            ("javascript:alert(1)", None),
            ("", None),
        ] {
            assert_eq!(usable(given).as_deref(), expected, "{given:?}");
        }
        assert_eq!(usable(&format!("http://x.example/{}", "y".repeat(URL))), None);
        assert_eq!(usable(&format!("http://x.example/{}", " ".repeat(URL / 2) + "y")), None);
    }
}
