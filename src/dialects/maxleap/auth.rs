//! Which app calls: `X-ML-AppId`, with `X-ML-Request-Sign` or `X-ML-APIKey`.
//!
//! The signature is `HEX,TIME` with HEX the MD5 of time and key, one behind the other, and TIME in milliseconds since
//! 1970; any of the app's keys may be used. `HEX,TIME,master` must be signed with its master key. `X-ML-APIKey` is a key
//! itself: the API's own libraries, from version 4 on, send nothing else.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, HeaderName};
use md5::{Digest as _, Md5};
use sha2::Sha256;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::config::maxleap::Maxleap;
use crate::config::secret::Secret;
use crate::http::access::{OwnKeys, Refusal};
use crate::http::limiter::Attempts;

const APP: HeaderName = HeaderName::from_static("x-ml-appid");
const SIGN: HeaderName = HeaderName::from_static("x-ml-request-sign");
const KEY: HeaderName = HeaderName::from_static("x-ml-apikey");

/// Wrong keys for one app from one address before that pair has to wait.
const ATTEMPTS: u32 = 30;

/// How long wrong keys count.
const WINDOW: Duration = Duration::from_secs(60);

/// Pairs of address and app whose failures are remembered.
const REMEMBERED: usize = 100_000;

/// The keys of all apps.
#[derive(Debug)]
pub struct Keys {
    apps: Vec<Arc<str>>,
    keys: Vec<KnownKey>,
    /// Greatest distance of a signature's time from now; `None`: any.
    fresh: Option<Duration>,
    /// By address and app; an app that is not known is none.
    wrong: Attempts<(IpAddr, Option<u32>)>,
}

#[derive(Debug)]
struct KnownKey {
    app: u32,
    master: bool,
    key: Secret,
    digest: [u8; 32],
}

/// What a caller shows.
enum Proof {
    Sign { md5: [u8; 16], time: String, master: bool },
    Key([u8; 32]),
}

impl Keys {
    /// The keys in the configuration.
    pub fn new(config: &Maxleap) -> Keys {
        let mut keys = Vec::new();
        for (app, given) in (0..).zip(&config.apps) {
            let known = |key: &Secret, master| {
                let digest = Sha256::digest(key.expose().as_bytes()).into();
                KnownKey { app, master, key: key.clone(), digest }
            };
            keys.extend(given.keys.iter().map(|key| known(key, false)));
            keys.extend(given.master_key.iter().map(|key| known(key, true)));
        }
        Keys {
            apps: config.apps.iter().map(|app| Arc::from(app.id.as_str())).collect(),
            keys,
            fresh: (config.sign_seconds > 0).then(|| Duration::from_secs(config.sign_seconds)),
            wrong: Attempts::new(ATTEMPTS, WINDOW, REMEMBERED),
        }
    }

    /// The place of the app with this id. Ids are no secrets: web pages show them.
    fn app(&self, headers: &HeaderMap) -> Option<u32> {
        let id = headers.get(APP)?.as_bytes();
        (0..).zip(&self.apps).find(|(_, app)| app.as_bytes() == id).map(|(place, _)| place)
    }

    /// True when what is shown was made with a key of the app. Every key is compared, whatever the outcome, so that the
    /// time says nothing about which one is near.
    fn proves(&self, proof: &Proof, app: u32) -> bool {
        let matches = |known: &KnownKey| match proof {
            Proof::Key(digest) => known.digest.ct_eq(digest),
            Proof::Sign { md5, time, master } => {
                let made: [u8; 16] = Md5::new().chain_update(time).chain_update(known.key.expose()).finalize().into();
                made.ct_eq(md5) & Choice::from(u8::from(!master || known.master))
            }
        };
        let found = self.keys.iter().fold(0, |found, known| {
            let own = matches(known) & known.app.ct_eq(&app);
            u8::conditional_select(&found, &1, own)
        });
        found == 1
    }

    fn in_time(&self, proof: &Proof, now: Duration) -> bool {
        match (proof, self.fresh) {
            (Proof::Sign { time, .. }, Some(fresh)) => {
                time.parse().is_ok_and(|ms| Duration::from_millis(ms).abs_diff(now) <= fresh)
            }
            _ => true,
        }
    }

    /// As [`OwnKeys::check`]; `clock` is the time since 1970.
    fn check_at(&self, from: IpAddr, headers: &HeaderMap, now: Instant, clock: Duration) -> Result<Arc<str>, Refusal> {
        let app = self.app(headers);
        let subject = (from, app);
        self.wrong.may_begin_at(&subject, now).map_err(Refusal::Attempts)?;
        let refusal = match (app, Proof::read(headers)) {
            (Some(app), Some(proof)) if self.proves(&proof, app) => match self.in_time(&proof, clock) {
                true => {
                    self.wrong.succeeded(&subject);
                    let known = usize::try_from(app).ok().and_then(|place| self.apps.get(place));
                    return known.cloned().ok_or(Refusal::Key);
                }
                false => "the time of X-ML-Request-Sign is too far from now",
            },
            (Some(_), Some(_)) => "the signature or key is not one of this app",
            (Some(_), None) => "a signature HEX,TIME in X-ML-Request-Sign or a key in X-ML-APIKey is needed",
            (None, _) => "X-ML-AppId is missing, or no app has that id",
        };
        self.wrong.begin_at(&subject, now).map_err(Refusal::Attempts)?;
        Err(Refusal::OwnKey(refusal))
    }
}

impl OwnKeys for Keys {
    fn check(&self, from: IpAddr, headers: &HeaderMap, now: Instant) -> Result<Arc<str>, Refusal> {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.check_at(from, headers, now, clock)
    }
}

impl Proof {
    /// What the headers show; a signature is what counts where there are both.
    fn read(headers: &HeaderMap) -> Option<Proof> {
        match headers.get(SIGN) {
            Some(sign) => Proof::sign(sign.to_str().ok()?),
            None => Some(Proof::Key(Sha256::digest(headers.get(KEY)?.as_bytes().trim_ascii()).into())),
        }
    }

    fn sign(text: &str) -> Option<Proof> {
        let mut items = text.split(',').map(str::trim);
        let md5 = md5_of(items.next()?)?;
        let time = items.next().filter(|time| (1..=20).contains(&time.len()))?;
        let master = match items.next() {
            None => false,
            Some("master") => true,
            Some(_) => return None,
        };
        let digits = time.bytes().all(|b| b.is_ascii_digit());
        (digits && items.next().is_none()).then(|| Proof::Sign { md5, time: time.to_owned(), master })
    }
}

/// 32 hex digits, in either case.
fn md5_of(hex: &str) -> Option<[u8; 16]> {
    let digits = hex.bytes().all(|b| b.is_ascii_hexdigit());
    (hex.len() == 32 && digits).then(|| u128::from_str_radix(hex, 16).ok().map(u128::to_be_bytes)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::maxleap::App;

    /// The two samples that MaxLeap published: app, key, signature.
    const SAMPLES: [(&str, &str, &str); 2] = [
        (
            "56a86320e9db7300015438f7",
            "M3pyVEdsSFBBZm5UTDlLMTB3a0xYdw",
            "aa2cdfc982f44a770b4be0dec7d3a1df,1456373078542",
        ),
        (
            "569d84a0169e7d00012c7afe",
            "MjVvSjJUMTZveUR2d1hoNlVoQ0R1QQ",
            "da1bb6b56200c84995127c784de90445,1461920236060",
        ),
    ];
    const MASTER: &str = "a-master-key-of-the-first-app";
    const SECOND: &str = "another-key-of-the-first-app";

    fn keys(sign_seconds: u64) -> Keys {
        let app =
            |(id, key, _): (&str, &str, &str)| App { id: id.into(), keys: vec![Secret::new(key)], ..App::default() };
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

    fn signed(sign: &str) -> Result<String, Refusal> {
        let headers = headers(&[("x-ml-appid", SAMPLES[0].0), ("x-ml-request-sign", sign)]);
        keys(0).check(address(1), &headers, Instant::now()).map(|name| name.to_string())
    }

    fn sign(time: &str, key: &str) -> String {
        let md5 = Md5::new().chain_update(time).chain_update(key).finalize();
        md5.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "," + time
    }

    #[test]
    fn the_published_signatures_are_recognised() {
        for (app, _, sign) in SAMPLES {
            let given = headers(&[("x-ml-appid", app), ("x-ml-request-sign", sign)]);
            assert_eq!(keys(0).check(address(1), &given, Instant::now()).unwrap().as_ref(), app);
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
        for wrong in
            ["", ",", hex, time, &hex[1..], "+0000000000000000000000000000000,1", &format!("{hex},1456373078543")]
        {
            assert!(matches!(signed(wrong), Err(Refusal::OwnKey(_))), "{wrong:?}");
        }
        for time in ["-1", "1.5", "", "x", "111111111111111111111"] {
            assert!(signed(&sign(time, SECOND)).is_err(), "{time:?}");
        }
    }

    #[test]
    fn a_key_itself_is_recognised_for_its_own_app_only() {
        let check = |given: &[(&'static str, &str)]| keys(0).check(address(1), &headers(given), Instant::now()).is_ok();
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
    fn many_wrong_keys_have_to_wait_and_nobody_else() {
        let keys = keys(0);
        let now = Instant::now();
        let check = |last, app: &str, key: &str, after| {
            let given = headers(&[("x-ml-appid", app), ("x-ml-apikey", key)]);
            keys.check(address(last), &given, now + Duration::from_secs(after)).map(|_| ())
        };
        let [(first, _, _), (second, key, _)] = SAMPLES;
        for _ in 0..ATTEMPTS - 1 {
            assert!(matches!(check(1, first, "wrong", 0), Err(Refusal::OwnKey(_))));
        }
        assert_eq!(check(1, first, SECOND, 0), Ok(()), "a success starts afresh");
        for _ in 0..ATTEMPTS {
            assert!(matches!(check(1, first, "wrong", 0), Err(Refusal::OwnKey(_))));
        }
        assert_eq!(check(1, first, SECOND, 20), Err(Refusal::Attempts(Duration::from_secs(40))));
        assert_eq!(check(2, first, SECOND, 20), Ok(()), "another address");
        assert_eq!(check(1, second, key, 20), Ok(()), "another app");
        assert_eq!(check(1, first, SECOND, 60), Ok(()), "when the time is over");
    }
}
