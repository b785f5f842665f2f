//! Tests of the signatures, with the vectors of the API's own documentation, and of what is answered without one.

use axum::http::{Request, header};

use super::*;

const KEY: &str = "3cd0914d656e90ab181f1d52ff352cfe";

fn entries(time_seconds: u64) -> Entries {
    let entry = |code: &str, key: Option<&str>, allow: &[&str]| crate::config::xuanxuan::Entry {
        code: code.to_owned(),
        key: key.map(Secret::new),
        allow: allow.iter().map(|network| network.parse().unwrap()).collect(),
    };
    let entries = vec![
        entry("myAppCode", Some(KEY), &[]),
        entry("other", Some("00000000000000000000000000000000"), &[]),
        entry("shut", None, &[]),
        entry("inside", Some(KEY), &["10.0.0.0/8"]),
        entry("here", Some(KEY), &["127.0.0.0/8"]),
    ];
    Entries::new(&Xuanxuan { entries, time_seconds, ..Xuanxuan::default() })
}

fn from(ip: &str, relayed: bool) -> ClientAddr {
    ClientAddr { ip: ip.parse().unwrap(), relayed }
}

fn head(query: &str, language: &str) -> Parts {
    let request = Request::builder().uri(format!("/api.php?{query}")).header(header::ACCEPT_LANGUAGE, language);
    request.body(()).unwrap().into_parts().0
}

fn check(entries: &Entries, query: &str) -> Result<Arc<str>, Refusal> {
    let clock = Duration::from_secs(1_700_000_000);
    entries.check_at(from("192.0.2.1", false), &head(query, "en"), Instant::now(), clock)
}

fn signed(query: &str) -> String {
    format!("{:032x}", u128::from_be_bytes(signature(query, KEY)))
}

const INVALID: Result<Arc<str>, Refusal> = Err(Refusal::Own(StatusCode::UNAUTHORIZED, "Invalid token."));

#[test]
fn the_documented_vectors_are_valid() {
    let gid = "gid=30683aea-7a1f-4ec8-a6d6-834e0310fd7d";
    for (query, token) in [
        ("m=chat&f=getChatUsers&code=myAppCode".to_owned(), "f5633c34c0c551a16c1d63bceb38d6a8"),
        ("m=chat&f=getChatGroups&code=myAppCode".to_owned(), "27e4520df8e4b82456b1c46d75f22d8d"),
        ("m=chat&f=notifyMSG&code=myAppCode".to_owned(), "87a7adeee894c69adcb61313d3e52523"),
        (format!("m=chat&f=getChatUsers&{gid}&code=myAppCode"), "8c33d28cb2afee2f1e1bc3eed59aafc7"),
    ] {
        assert_eq!(check(&entries(0), &format!("{query}&token={token}")), Ok("myAppCode".into()));
        assert_eq!(check(&entries(0), &format!("token={token}&{query}")), Ok("myAppCode".into()));
        assert_eq!(check(&entries(0), &format!("{query}&x=1&token={token}")), INVALID);
        assert_eq!(check(&entries(0), &format!("{query}&token={}", token.to_uppercase())), Ok("myAppCode".into()));
    }
}

#[test]
fn a_token_is_good_for_one_query_only() {
    let good = signed("m=chat&f=x&code=myAppCode");
    for query in [
        "m=chat&code=myAppCode&f=x",
        "m=chat&f=y&code=myAppCode",
        "m=chat&f=x&code=other",
        "m=chat&f=x&code=myAppCode&code=myAppCode&f=y",
        "m=chat&f=x&f=y&code=myAppCode",
    ] {
        assert_eq!(check(&entries(0), &format!("{query}&token={good}")), INVALID, "{query}");
    }
    // One that is given twice says the same as once, and PHP sees it once.
    assert!(check(&entries(0), &format!("m=no&m=chat&f=x&code=myAppCode&token={good}")).is_ok());
    for wrong in ["x", "", &good[1..], &format!("{good}0"), &format!("+{}", &good[1..]), &"g".repeat(32)] {
        assert!(check(&entries(0), &format!("m=chat&f=x&code=myAppCode&token={wrong}")).is_err(), "{wrong}");
    }
}

#[test]
fn what_was_sent_may_be_signed_or_what_php_makes_of_it() {
    let raw = "m=chat&f=getChatUsers&gid=%e5%bc%a0%20~&code=myAppCode";
    let php = "m=chat&f=getChatUsers&gid=%E5%BC%A0+%7E&code=myAppCode";
    for form in [raw, php] {
        assert!(check(&entries(0), &format!("{raw}&token={}", signed(form))).is_ok());
    }
    let token = signed("m=chat&f=getChatUsers&gid=张 ~&code=myAppCode");
    assert_eq!(check(&entries(0), &format!("{raw}&token={token}")), INVALID);
}

#[test]
fn code_key_and_time_are_a_signature_too() {
    let token = |time: &str| {
        let made = md5::sum(["myAppCode", KEY, time]);
        format!("{:032x}", u128::from_be_bytes(made))
    };
    let call = |entries: &Entries, time: &str| {
        check(entries, &format!("m=chat&f=x&code=myAppCode&time={time}&token={}", token(time)))
    };
    let (any, fresh) = (entries(0), entries(300));
    for time in ["1600000000", "1700000000000", "0000000001"] {
        assert!(call(&any, time).is_ok(), "{time}");
    }
    for time in ["", "1", "17000000000", "4000000000", "-700000000", "+700000000", "170000000x", "1700000000.0"] {
        assert_eq!(call(&any, time), INVALID, "{time}");
    }
    assert!(call(&fresh, "1700000300").is_ok() && call(&fresh, "1699999700000").is_ok());
    assert_eq!((call(&fresh, "1700000301"), call(&fresh, "1699999699")), (INVALID, INVALID));
    // The query's own signature covers the time as well.
    let query = "m=chat&f=x&code=myAppCode&time=5";
    assert!(check(&fresh, &format!("{query}&token={}", signed(query))).is_ok());
}

#[test]
fn each_denial_has_the_originals_words_in_its_order() {
    let entries = entries(0);
    let said = |query: &str, language: &str, from: ClientAddr| match entries.check_at(
        from,
        &head(query, language),
        Instant::now(),
        Duration::ZERO,
    ) {
        Err(Refusal::Own(status, text)) => (status.as_u16(), text),
        other => panic!("{other:?}"),
    };
    let outside = from("192.0.2.7", false);
    let token = "0".repeat(32);
    for (query, status, chinese, english) in [
        ("".to_owned(), 401, "缺少code参数", "Param code is missing."),
        (format!("code=&token={token}"), 401, "缺少code参数", "Param code is missing."),
        ("code=nobody".to_owned(), 401, "缺少token参数", "Param token is missing."),
        (format!("code=nobody&token={token}"), 404, "应用不存在", "Key of entry is missing."),
        (format!("code=shut&token={token}"), 401, "应用未设置密钥", "Key of entry is missing."),
        (format!("code=inside&token={token}"), 403, "该IP被限制访问", "IP is denied."),
        (format!("code=myAppCode&token={token}"), 401, "无效的token参数", "Invalid token."),
    ] {
        assert_eq!(said(&query, "zh-CN,en;q=0.5", outside), (status, chinese), "{query}");
        assert_eq!(said(&query, "en", outside), (status, english), "{query}");
    }
    assert_eq!(said(&format!("code=inside&token={token}"), "en", from("10.1.2.3", false)).1, "Invalid token.");
    // Whoever comes through a proxy of this machine that is not trusted may come from anywhere.
    assert_eq!(said(&format!("code=here&token={token}"), "en", from("127.0.0.1", true)).1, "IP is denied.");
    assert_eq!(said(&format!("code=here&token={token}"), "en", from("127.0.0.1", false)).1, "Invalid token.");
}

#[test]
fn too_many_wrong_tokens_have_to_wait_and_right_ones_never() {
    let entries = entries(0);
    let now = Instant::now();
    let call = |query: &str, ip: &str, after: u64| {
        entries.check_at(from(ip, false), &head(query, "en"), now + Duration::from_secs(after), Duration::ZERO)
    };
    let good = format!("code=myAppCode&token={}", signed("code=myAppCode"));
    let bad = format!("code=myAppCode&token={}", "0".repeat(32));
    for n in 0..ATTEMPTS {
        assert_eq!(call(&bad, "192.0.2.1", 0), INVALID, "{n}");
    }
    assert!(matches!(call(&bad, "192.0.2.1", 1), Err(Refusal::Attempts(_))));
    assert_eq!(call(&bad, "192.0.2.2", 1), INVALID, "another address");
    assert!(call(&good, "192.0.2.1", 1).is_ok(), "whoever shares the address is not locked out");
}
