//! A file's name and media type as others get to see them, made harmless.
//!
//! An upload service hands out files from an origin of its own, by the type that was declared (Prosody) or by the name's
//! ending (ejabberd, and web servers put in its place). So neither may be one with which a browser would run what is in the
//! file: whoever opens the link must not lend that origin their session.

/// What every file may be.
const ANY: &str = "application/octet-stream";
/// Longest name, in characters.
const NAME_CHARS: usize = 100;
/// Longest name, in bytes: servers store the file under it.
const NAME_BYTES: usize = 200;
/// Longest ending that counts as one, in characters.
const ENDING: usize = 16;
/// Longest media type, in bytes.
const TYPE_BYTES: usize = 127;
/// The name of a file that has none.
const NAMELESS: &str = "file";
/// Added to a name whose own ending would be run.
const INERT: &str = "bin";

/// Endings under which a browser runs what is in the file.
const RUN: [&str; 16] = [
    "htm", "html", "xhtml", "xht", "shtml", "mht", "mhtml", "svg", "svgz", "xml", "xsl", "xslt", "rdf", "hta", "swf",
    "htc",
];

/// The last part of the path `given`, at most 100 characters and never empty, its ending kept. Characters that mean
/// something to a shell, a path, a header or a URL become `_`, invisible ones too; others of any script stay. A name that a
/// browser would run what it opens gets `.bin` added.
pub fn name(given: &str) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = last.trim().chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let plain = plain.trim_matches([' ', '.']);
    let (stem, ending) = match plain.rsplit_once('.') {
        Some((_, ending)) if RUN.iter().any(|run| run.eq_ignore_ascii_case(ending)) => (plain, Some(INERT)),
        Some((stem, ending)) if is_ending(ending) => (stem, Some(ending)),
        _ => (plain, None),
    };
    let taken = ending.map_or(0, |ending| ending.len() + 1);
    let stem = shortened(stem, NAME_CHARS - taken, NAME_BYTES - taken).trim_end_matches([' ', '.']);
    let stem = if stem.is_empty() { NAMELESS } else { stem };
    ending.map_or_else(|| stem.to_owned(), |ending| format!("{stem}.{ending}"))
}

/// The type and subtype that `given` says, without parameters; `application/octet-stream` for what is no media type or is
/// run by browsers: HTML, SVG and other XML, scripts, style sheets, and whatever else is not known to be shown only.
pub fn content_type(given: &str) -> String {
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let parts = essence.split_once('/').filter(|(kind, subtype)| is_token(kind) && is_token(subtype));
    let Some((kind, subtype)) = parts.filter(|_| essence.len() <= TYPE_BYTES) else { return ANY.to_owned() };
    let runs = ["xml", "html", "script", "flash"].iter().any(|part| subtype.contains(part));
    let shown = match kind {
        "image" | "audio" | "video" | "font" | "application" => !runs,
        "text" => matches!(subtype, "plain" | "csv" | "markdown" | "calendar" | "vcard"),
        _ => false,
    };
    if shown { essence } else { ANY.to_owned() }
}

/// A token of RFC 9110 section 5.6.2; `*` is one there but stands for no type here.
fn is_token(text: &str) -> bool {
    let is_char = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(is_char)
}

fn is_plain(c: char) -> bool {
    let special = matches!(c, '"' | '\'' | '`' | '<' | '>' | '|' | ':' | ';' | '*' | '?' | '%' | '#' | '&' | '$');
    // Those that turn or hide what stands next to them, and those that XML cannot carry.
    let unseen = matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{ffff}' | '\u{e0000}'..='\u{e0fff}');
    !special && !unseen && !c.is_control() && (c == ' ' || !c.is_whitespace())
}

fn is_ending(text: &str) -> bool {
    (1..=ENDING).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn shortened(text: &str, chars: usize, bytes: usize) -> &str {
    let fits = |(index, (at, c)): &(usize, (usize, char))| *index < chars && at + c.len_utf8() <= bytes;
    let end = text.char_indices().enumerate().take_while(fits).last().map_or(0, |(_, (at, c))| at + c.len_utf8());
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_made_harmless() {
        for (given, expected) in [
            ("photo.jpg", "photo.jpg"),
            ("Übersicht 测试 1.pdf", "Übersicht 测试 1.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\x\\a.txt", "a.txt"),
            ("a\r\nX-Evil: 1.txt", "a__X-Evil_ 1.txt"),
            ("\"q'u`o;t%e.png", "_q_u_o_t_e.png"),
            ("gpj.\u{202e}exe.png", "gpj._exe.png"),
            (".htaccess", "htaccess"),
            ("...", "file"),
            ("", "file"),
            ("a/", "file"),
            ("\0", "_"),
            ("page.HTML", "page.HTML.bin"),
            ("x.svg", "x.svg.bin"),
            ("x.svg.", "x.svg.bin"),
            ("x.svg ", "x.svg.bin"),
            ("archive.tar.gz", "archive.tar.gz"),
        ] {
            assert_eq!(name(given), expected, "{given:?}");
        }
        let long = name(&format!("{}.jpeg", "x".repeat(300)));
        assert!(long.len() == NAME_CHARS && long.ends_with("x.jpeg"), "{long}");
        let wide = name(&format!("{}.jpeg", "测".repeat(300)));
        assert!(wide.len() <= NAME_BYTES && wide.ends_with("测.jpeg"), "{wide}");
    }

    #[test]
    fn types_that_run_are_not_passed_on() {
        for kept in ["image/png", "text/plain", "application/pdf", "audio/ogg", "video/mp4", "application/zip"] {
            assert_eq!(content_type(kept), kept);
        }
        assert_eq!(content_type("Text/Plain; charset=utf-8"), "text/plain");
        for run in [
            "text/html",
            "TEXT/HTML; charset=x",
            "image/svg+xml",
            "application/xhtml+xml",
            "text/xml",
            "application/xml",
            "text/javascript",
            "application/x-javascript",
            "application/ecmascript",
            "text/css",
            "multipart/x-mixed-replace",
            "message/rfc822",
            "application/x-shockwave-flash",
            "image/png\r\nX-Evil: 1",
            "image",
            "image/",
            "/png",
            "",
            "*/*",
            "image/png, text/html",
        ] {
            assert_eq!(content_type(run), ANY, "{run:?}");
        }
        assert_eq!(content_type(&format!("image/{}", "x".repeat(200))), ANY);
    }

    proptest! {
        #[test]
        fn any_name_is_usable(given in any::<String>()) {
            let name = name(&given);
            prop_assert!(!name.is_empty() && name.len() <= NAME_BYTES && name.chars().count() <= NAME_CHARS);
            prop_assert!(!name.starts_with('.') && !name.contains(['/', '\\', '"', '\r', '\n', '\0']));
            prop_assert_eq!(super::name(&name), name.clone());
        }

        #[test]
        fn any_type_is_one(given in "(image|text)?/?\\PC*") {
            let label = content_type(&given);
            prop_assert!(label.matches('/').count() == 1 && label.bytes().all(|b| b.is_ascii_graphic() && b != b'"'));
        }
    }
}
