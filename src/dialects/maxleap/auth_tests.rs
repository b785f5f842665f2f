//! The published signatures, and what is refused.

use super::*;
use crate::config::maxleap::App;

/// The two samples that MaxLeap published: app, key, signature.
const SAMPLES: [(&str, &str, &str); 2] = [
    ("56a86320e9db7300015438f7", "M3pyVEdsSFBBZm5UTDlLMTB3a0xYdw", "aa2cdfc982f44a770b4be0dec7d3a1df,1456373078542"),
    ("569d84a0169e7d00012c7afe", "MjVvSjJUMTZveUR2d1hoNlVoQ0R1QQ", "da1bb6b56200c84995127c784de90445,1461920236060"),
];
const MASTER: &str = "a-master-key-of-the-first-app";
const SECOND: &str = "another-key-of-the-first-app";

fn keys(sign_seconds: u64) -> Keys {
    let app = |(id, key, _): (&str, &str, &str)| App { id: id.into(), keys: vec![Secret::new(key)], ..App::default() };
    let mut apps: Vec<App> = SAMPLES.into_iter().map(app).collect();
    apps[0].keys.push(Secret::new(SECOND));
    apps[0].master_key = Some(Secret::new(MASTER));
    Keys::new(&Maxleap { apps, sign_seconds, ..Maxleap::default() })
}

fn headers(given: &[(&'static str, &str)]) -> HeaderMap {
    let pairs = given.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
    HeaderMap::from_iter(pairs)
}

fn address(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn check_now(keys: &Keys, last: u8, given: &HeaderMap, now: Instant) -> Result<Arc<str>, Refusal> {
    keys.check_at(address(last), given, now, Duration::from_secs(1_000_000))
}

fn signed(sign: &str) -> Result<String, Refusal> {
    let headers = headers(&[("x-ml-appid", SAMPLES[0].0), ("x-ml-request-sign", sign)]);
    check_now(&keys(0), 1, &headers, Instant::now()).map(|name| name.to_string())
}

fn sign(time: &str, key: &str) -> String {
    md5::hex(md5::sum([time, key])) + "," + time
}

#[test]
fn the_published_signatures_are_recognised() {
    for (app, _, sign) in SAMPLES {
        let given = headers(&[("x-ml-appid", app), ("x-ml-request-sign", sign)]);
        assert_eq!(check_now(&keys(0), 1, &given, Instant::now()).unwrap().as_ref(), app);
    }
    let (hex, time) = SAMPLES[0].2.split_once(',').unwrap();
    assert_eq!(signed(&format!("{},{time}", hex.to_uppercase())).unwrap(), SAMPLES[0].0);
    assert!(signed(SAMPLES[1].2).is_err(), "a signature of another app");
}

#[test]
fn every_key_may_sign_but_only_the_master_key_as_master() {
    for key in [SAMPLES[0].1, SECOND, MASTER] {
        assert!(signed(&sign("1", key)).is_ok(), "{key}");
        assert_eq!(signed(&format!("{},master", sign("1", key))).is_ok(), key == MASTER, "{key}");
        for other in [",", ",client", ",Master", ",master,", ",master,x"] {
            assert!(signed(&(sign("1", key) + other)).is_err(), "{other}");
        }
    }
}

#[test]
fn what_is_no_signature_is_refused() {
    let good = sign("1456373078542", SECOND);
    let (hex, time) = good.split_once(',').unwrap();
    for wrong in ["", ",", hex, time, &hex[1..], "+0000000000000000000000000000000,1", &format!("{hex},1456373078543")]
    {
        assert!(matches!(signed(wrong), Err(Refusal::OwnKey(_))), "{wrong:?}");
    }
    for time in ["-1", "1.5", "", "x", "111111111111111111111"] {
        assert!(signed(&sign(time, SECOND)).is_err(), "{time:?}");
    }
}

#[test]
fn a_key_itself_is_recognised_for_its_own_app_only() {
    let check = |given: &[(&'static str, &str)]| check_now(&keys(0), 1, &headers(given), Instant::now()).is_ok();
    let app = ("x-ml-appid", SAMPLES[0].0);
    for key in [SAMPLES[0].1, SECOND, MASTER] {
        assert!(check(&[app, ("x-ml-apikey", key)]), "{key}");
    }
    for wrong in ["", SAMPLES[1].1, "x", &SECOND.to_uppercase()] {
        assert!(!check(&[app, ("x-ml-apikey", wrong)]), "{wrong:?}");
    }
    assert!(!check(&[app]) && !check(&[("x-ml-apikey", SECOND)]) && !check(&[]));
    assert!(!check(&[("x-ml-appid", "nobody"), ("x-ml-apikey", SECOND)]));
    let both = [app, ("x-ml-apikey", SECOND), ("x-ml-request-sign", "00000000000000000000000000000000,1")];
    assert!(!check(&both), "a wrong signature is not made good by a key");
}

#[test]
fn signatures_age_only_where_that_is_asked_for() {
    let keys = keys(60);
    let check = |sign: &str, clock| {
        let given = headers(&[("x-ml-appid", SAMPLES[0].0), ("x-ml-request-sign", sign)]);
        keys.check_at(address(1), &given, Instant::now(), Duration::from_secs(clock)).is_ok()
    };
    let at = sign("1000000", SECOND);
    assert!(check(&at, 1000) && check(&at, 1060) && check(&at, 940));
    assert!(!check(&at, 1061) && !check(&at, 939));
    assert!(!check(&sign("99999999999999999999", SECOND), 1000));
}

#[test]
fn many_wrong_keys_have_to_wait_and_right_ones_never() {
    let keys = keys(0);
    let now = Instant::now();
    let check = |last, app: &str, key: &str, after| {
        let given = headers(&[("x-ml-appid", app), ("x-ml-apikey", key)]);
        check_now(&keys, last, &given, now + Duration::from_secs(after)).map(|_| ())
    };
    let [(first, _, _), (second, key, _)] = SAMPLES;
    for _ in 0..ATTEMPTS - 1 {
        assert!(matches!(check(1, first, "wrong", 0), Err(Refusal::OwnKey(_))));
    }
    assert_eq!(check(1, first, SECOND, 0), Ok(()), "a success starts afresh");
    for _ in 0..ATTEMPTS {
        assert!(matches!(check(1, first, "wrong", 0), Err(Refusal::OwnKey(_))));
    }
    assert_eq!(check(1, first, "wrong", 20), Err(Refusal::Attempts(Duration::from_secs(40))));
    assert!(matches!(check(2, first, "wrong", 20), Err(Refusal::OwnKey(_))), "another address");
    assert!(matches!(check(1, second, "wrong", 20), Err(Refusal::OwnKey(_))), "another app");
    assert_eq!(check(1, second, key, 20), Ok(()));
    assert_eq!(check(1, first, SECOND, 20), Ok(()), "whoever shares the address is not locked out");
}
