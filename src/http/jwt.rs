//! JWTs (RFC 7519) that a shared key signs by HS256: what must be true of each, whichever API reads it.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};

use crate::clock;

/// Longest token that is looked at, in bytes.
pub const LONGEST: usize = 4096;
/// By how much a token may have been issued in the future: what another machine's clock may be wrong by, in seconds.
const AHEAD: f64 = 60.0;

/// What a token says. Times are seconds since 1970, with a fraction or without (RFC 7519 section 2, NumericDate).
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Claims {
    /// Whose it is.
    pub sub: String,
    /// When it ends.
    pub exp: f64,
    /// When it begins.
    #[serde(default)]
    pub nbf: Option<f64>,
    /// When it was issued.
    #[serde(default)]
    pub iat: Option<f64>,
    /// For which account of that name, by its mark.
    #[serde(default, rename = "urn:stanzagate:account")]
    pub account: Option<String>,
}

/// What the gateway says in a token of its own.
#[derive(Debug, Serialize)]
pub struct Issued<'a> {
    /// Whose it is.
    pub sub: &'a str,
    /// For whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aud: Option<&'static str>,
    /// When it is issued.
    pub iat: u64,
    /// When it ends.
    pub exp: u64,
    /// For which account of that name, by its mark.
    #[serde(rename = "urn:stanzagate:account", skip_serializing_if = "Option::is_none")]
    pub account: Option<&'a str>,
}

/// What is looked at in a token's head.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    kid: Option<String>,
    /// Whether extensions are named that a reader must understand (RFC 7515 section 4.1.11). There are none here.
    #[serde(default, deserialize_with = "there")]
    crit: bool,
}

fn there<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_| true)
}

/// Reads tokens.
#[derive(Debug)]
pub struct Reader {
    validation: Validation,
    leeway: f64,
}

impl Reader {
    /// A reader of tokens for `audience`; `None`: for any. Their times may be off by `leeway` seconds.
    pub fn new(audience: Option<&str>, leeway: u32) -> Reader {
        let mut validation = Validation::new(Algorithm::HS256);
        // Its own look at the times takes no fractions for claims, and panics when the clock stands before 1970.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.required_spec_claims.clear();
        match audience {
            Some(audience) => {
                validation.set_audience(&[audience]);
                validation.set_required_spec_claims(&["aud"]);
            }
            None => validation.validate_aud = false,
        }
        Reader { validation, leeway: f64::from(leeway) }
    }

    /// What a token says that one of `keys` has signed (the one it names, where it names one) and that is good now.
    pub fn read<'k>(&self, token: &str, keys: impl Iterator<Item = (&'k str, &'k DecodingKey)>) -> Option<Claims> {
        // On a clock before 1970 it counts as 1970: a token that was issued before it is used is then refused.
        self.read_at(token, keys, clock::since_1970().as_secs_f64())
    }

    fn read_at<'k>(
        &self,
        token: &str,
        mut keys: impl Iterator<Item = (&'k str, &'k DecodingKey)>,
        now: f64,
    ) -> Option<Claims> {
        if token.len() > LONGEST {
            return None;
        }
        let head = head(token).filter(|head| !head.crit)?;
        let claims = keys.find_map(|(id, key)| {
            let named = head.kid.as_ref().is_none_or(|kid| kid == id);
            named.then(|| jsonwebtoken::decode::<Claims>(token, key, &self.validation).ok())?
        })?;
        (self.is_good(&claims.claims, now)).then_some(claims.claims)
    }

    fn is_good(&self, claims: &Claims, now: f64) -> bool {
        now < claims.exp + self.leeway
            && claims.nbf.is_none_or(|begin| begin <= now + self.leeway)
            && claims.iat.is_none_or(|issued| issued <= now + AHEAD)
    }
}

fn head(token: &str) -> Option<Head> {
    use base64::Engine as _;
    let (head, _) = token.split_once('.')?;
    let head = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(head).ok()?;
    serde_json::from_slice(&head).ok()
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header};
    use serde_json::{Value, json};

    use super::*;

    const KEY: &[u8] = b"a key of thirty-two letters, or more";
    const NOW: f64 = 1_800_000_000.5;

    fn signed(head: Value, claims: &Value) -> String {
        let part = |value: &Value| {
            use base64::Engine as _;
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string())
        };
        let mut full = json!({"alg": "HS256", "typ": "JWT"});
        full.as_object_mut().unwrap().extend(head.as_object().unwrap().clone());
        let text = format!("{}.{}", part(&full), part(claims));
        let signature =
            jsonwebtoken::crypto::sign(text.as_bytes(), &EncodingKey::from_secret(KEY), Algorithm::HS256).unwrap();
        format!("{text}.{signature}")
    }

    fn read(token: &str, now: f64) -> Option<Claims> {
        let key = DecodingKey::from_secret(KEY);
        Reader::new(None, 5).read_at(token, [("1", &key)].into_iter(), now)
    }

    fn is_read(change: Value) -> bool {
        let mut claims = json!({"sub": "alice@example.org", "exp": NOW + 60.0});
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        read(&signed(json!({}), &claims), NOW).is_some()
    }

    #[test]
    fn times_have_fractions_or_none() {
        for good in [
            json!({}),
            json!({"exp": 1_800_000_060}),
            json!({"exp": 1_800_000_060.25}),
            json!({"exp": 1.80000006e9}),
            json!({"exp": NOW - 4.9}),
            json!({"iat": NOW - 0.25, "nbf": NOW - 0.25}),
            json!({"nbf": NOW + 4.9}),
            json!({"iat": NOW + 59.9}),
            json!({"iat": 0}),
        ] {
            assert!(is_read(good.clone()), "{good}");
        }
        for bad in [
            json!({"exp": NOW - 5.1}),
            json!({"exp": -1}),
            json!({"exp": 0}),
            json!({"exp": "1800000060"}),
            json!({"exp": null}),
            json!({"exp": true}),
            json!({"nbf": NOW + 5.1}),
            json!({"nbf": 1e300}),
            json!({"nbf": "1"}),
            json!({"iat": NOW + 60.1}),
            json!({"iat": []}),
        ] {
            assert!(!is_read(bad.clone()), "{bad}");
        }
        let endless = signed(json!({}), &json!({"sub": "a@example.org", "exp": 7})).replace('.', "..");
        assert_eq!(read(&endless, 0.0), None);
    }

    #[test]
    fn an_extension_that_must_be_understood_refuses_the_token() {
        let claims = json!({"sub": "alice@example.org", "exp": NOW + 60.0});
        assert!(read(&signed(json!({"kid": "1", "x": 1}), &claims), NOW).is_some());
        for head in [
            json!({"crit": ["exp"], "exp": NOW + 60.0}),
            json!({"crit": ["b64"], "b64": true}),
            json!({"crit": ["https://example.org/x"], "https://example.org/x": 1}),
            json!({"crit": []}),
            json!({"crit": null}),
            json!({"crit": "b64"}),
        ] {
            assert_eq!(read(&signed(head.clone(), &claims), NOW), None, "{head}");
        }
    }

    #[test]
    fn a_clock_before_1970_refuses_what_was_issued_after_it() {
        let claims = json!({"sub": "alice@example.org", "iat": NOW, "exp": NOW + 60.0});
        assert_eq!(read(&signed(json!({}), &claims), 0.0), None);
    }

    #[test]
    fn made_tokens_are_read() {
        let issued = Issued {
            sub: "alice@example.org",
            aud: Some("me"),
            iat: 1_800_000_000,
            exp: 1_800_000_060,
            account: Some("m"),
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &issued, &EncodingKey::from_secret(KEY));
        let token = token.unwrap();
        let claims = read(&token, NOW).unwrap();
        assert_eq!((claims.iat, claims.account.as_deref()), (Some(1_800_000_000.0), Some("m")));
        let key = DecodingKey::from_secret(KEY);
        let for_whom = |audience| Reader::new(Some(audience), 0).read_at(&token, [("", &key)].into_iter(), NOW);
        assert!(for_whom("me").is_some() && for_whom("you").is_none());
    }
}
