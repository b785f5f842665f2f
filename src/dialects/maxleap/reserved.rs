//! Ids that no caller may give a passenger: an account of that name would be taken for the operator, or for a user of another
//! API.
//!
//! Names are compared as people read them: case, the tildes of capitals, escapes (XEP-0106), accents, letters of other
//! scripts that look the same (UTS #39) and all that is neither letter nor digit make no difference. `Admin`, `ádmin` and
//! `ad.min_` are one name here.

use jid::BareJid;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use unicode_security::skeleton;

use super::context::Context;

/// What XEP-0106 writes as `\` and two digits: none of it is a letter or a digit.
const ESCAPED: [&str; 10] = ["20", "22", "26", "27", "2f", "3a", "3c", "3e", "40", "5c"];

/// True when no passenger gets this address: its name is in `maxleap.reserved`, is that of the sender of Xuanxuan's
/// notifications, or a number where numbers are users of the RongCloud API.
pub fn is_reserved(cx: &Context<'_>, user: &BareJid) -> bool {
    let local = user.node().map_or("", |node| node.as_str());
    let here = |hosts| cx.chat.addresses().realm(&hosts).is_ok_and(|realm| realm.domain == user.domain().as_str());
    let (xuanxuan, rongcloud) = (&cx.config.xuanxuan, &cx.config.rongcloud);
    cx.config.maxleap.reserved.iter().any(|pattern| is_like(local, pattern))
        || (xuanxuan.enabled && shape(&xuanxuan.sender) == shape(local) && here(xuanxuan.hosts()))
        || (rongcloud.enabled && is_like(local, "#") && here(rongcloud.hosts()))
}

/// A name's letters and digits, without case.
fn plain(name: &str) -> String {
    let mut letters = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(c) = rest.chars().next() {
        let escape = rest.get(1..3).filter(|code| c == '\\' && ESCAPED.contains(code));
        rest = rest.get(escape.map_or(c.len_utf8(), |_| 3)..).unwrap_or_default();
        if escape.is_none() {
            letters.extend(c.to_lowercase().filter(|c| c.is_alphanumeric()));
        }
    }
    letters
}

/// What a name looks like: the same for all that people take for one another. Digits may look like letters.
fn shape(name: &str) -> String {
    let letters: String = plain(name).nfkd().filter(|c| !is_combining_mark(*c)).collect();
    // Of some letters the look-alike is a capital.
    skeleton(&skeleton(&letters).collect::<String>().to_lowercase()).collect()
}

/// True for a name that a pattern means, as it is written or by its shape: `*` is any text, `#` a number, all else itself.
fn is_like(name: &str, pattern: &str) -> bool {
    is_like_as(plain, name, pattern) || (!pattern.contains('#') && is_like_as(shape, name, pattern))
}

fn is_like_as(read: fn(&str) -> String, name: &str, pattern: &str) -> bool {
    let signs: String = pattern
        .split_inclusive(['*', '#'])
        .map(|part| match part.chars().next_back().filter(|sign| matches!(sign, '*' | '#')) {
            Some(sign) => format!("{}{sign}", read(part)),
            None => read(part),
        })
        .collect();
    !signs.is_empty() && matches(&read(name), &signs)
}

fn matches(name: &str, pattern: &str) -> bool {
    let mut signs = pattern.chars();
    match signs.next() {
        None => name.is_empty(),
        Some('*') => name
            .char_indices()
            .map(|(at, _)| at)
            .chain([name.len()])
            .any(|at| matches(name.get(at..).unwrap_or_default(), signs.as_str())),
        Some('#') => {
            let digits = name.chars().take_while(|c| c.is_numeric()).map(char::len_utf8).sum();
            digits > 0 && matches(name.get(digits..).unwrap_or_default(), signs.as_str())
        }
        Some(sign) => name.strip_prefix(sign).is_some_and(|rest| matches(rest, signs.as_str())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::types::user_id;
    use crate::config::maxleap::Maxleap;

    fn reserved(id: &str) -> bool {
        let local = user_id::localpart(id).unwrap_or_else(|| panic!("{id:?} is no id"));
        Maxleap::default().reserved.iter().any(|pattern| is_like(&local, pattern))
    }

    #[test]
    fn names_are_reserved_however_they_are_written() {
        for id in [
            "admin",
            "Admin",
            "ADMIN",
            "aDmIn",
            "ad-min",
            "_admin_",
            "admin.",
            "-a-d-m-i-n",
            "administrator",
            "admin\\20",
            "\\20admin",
            "adm\\5cin",
            "postmaster",
            "Abuse",
            "root",
            "notice",
            "Notice",
            "system",
            "systemmessage",
            "support",
            "管理员",
            "客服",
            "stanzagate-check-1",
            "notıce",
            "аdmin",
            "roоt",
            "nοtice",
            "ádmin",
            "n0tice",
            "suppօrt",
        ] {
            assert!(reserved(id), "{id}");
        }
        for id in ["13800138000", "0", "007", "+8613800138000", "138-0013-8000", "1_2", "99999999999999999999999", "٣"]
        {
            assert!(reserved(id), "{id}");
        }
        for id in [
            "jerry",
            "visitor1",
            "badmin",
            "supporter2",
            "763fda2708ba21a48158bd2ac594df2b",
            "a1",
            "1a",
            "--",
            "张三",
            "rooted",
            "adm",
            "informatik",
        ] {
            assert!(!reserved(id), "{id}");
        }
    }

    #[test]
    fn patterns_mean_what_they_say() {
        for (pattern, likes, others) in [
            ("vip*", &["vip", "vip7", "vipers"][..], &["avip", "vi"][..]),
            ("*bot", &["bot", "chatbot"], &["bots"]),
            ("user#", &["user1", "user007"], &["user", "user1a"]),
            ("#", &["1", "42"], &["", "x1", "1x"]),
            ("Ad.Min", &["admin"], &["admins"]),
            ("a*b#c", &["ab1c", "axxb22c"], &["abc", "ab1"]),
            ("", &[], &["", "a"]),
            ("._", &[], &["", "a"]),
        ] {
            for name in likes {
                assert!(is_like(name, pattern), "{name} {pattern}");
            }
            for name in others {
                assert!(!is_like(name, pattern), "{name} {pattern}");
            }
        }
    }
}
