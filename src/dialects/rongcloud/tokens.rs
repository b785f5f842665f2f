//! Who a user is: a JWT (RFC 7519, HS256) whose subject is his bare JID, signed by the gateway when he logs in, or by the
//! organisation's own back end, which shares the key.

use std::collections::HashSet;
use std::time::{SystemTime, UNIX_EPOCH};

use jid::BareJid;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::config::rongcloud::Rongcloud;

/// Longest token that is looked at, in bytes.
const LONGEST: usize = 4096;
/// By how much clocks may differ, in seconds.
const LEEWAY: u64 = 5;

/// The keys.
#[derive(Debug)]
pub struct Tokens {
    /// The first one signs.
    keys: Vec<Key>,
    /// The domain of the users.
    domain: String,
    seconds: u64,
    validation: Validation,
}

#[derive(Debug)]
struct Key {
    id: String,
    signs: EncodingKey,
    proves: DecodingKey,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    /// The bare JID.
    sub: String,
    /// Seconds since 1970.
    exp: u64,
    #[serde(default)]
    iat: u64,
}

impl Tokens {
    /// Tokens of the users of `domain`.
    pub fn new(config: &Rongcloud, domain: &str) -> Tokens {
        let key = |key: &crate::config::rongcloud::Key| Key {
            id: key.id.clone(),
            signs: EncodingKey::from_secret(key.key.expose().as_bytes()),
            proves: DecodingKey::from_secret(key.key.expose().as_bytes()),
        };
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        // A back end may name an audience for other readers of the same token.
        validation.validate_aud = false;
        validation.required_spec_claims = HashSet::from(["exp".to_owned(), "sub".to_owned()]);
        let keys = config.keys.iter().map(key).collect();
        Tokens { keys, domain: domain.to_owned(), seconds: config.token_seconds, validation }
    }

    /// A token for `user`, who has proved that he is; `None` when there is no key.
    pub fn sign(&self, user: &BareJid) -> Option<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs()).unwrap_or_default();
        self.sign_at(user, now)
    }

    fn sign_at(&self, user: &BareJid, now: u64) -> Option<String> {
        let key = self.keys.first()?;
        let header = Header { kid: Some(key.id.clone()), ..Header::new(Algorithm::HS256) };
        let claims = Claims { sub: user.to_string(), exp: now.saturating_add(self.seconds), iat: now };
        jsonwebtoken::encode(&header, &claims, &key.signs).ok()
    }

    /// Whose token it is: that of a user of this domain, signed with one of the keys (the one it names, if it names one),
    /// and not expired.
    pub fn user(&self, token: &str) -> Option<BareJid> {
        if token.len() > LONGEST {
            return None;
        }
        let header = jsonwebtoken::decode_header(token).ok()?;
        let named = |key: &&Key| header.kid.as_ref().is_none_or(|id| *id == key.id);
        let claims = self.keys.iter().filter(named).find_map(|key| {
            jsonwebtoken::decode::<Claims>(token, &key.proves, &self.validation).ok().map(|read| read.claims)
        })?;
        let user = BareJid::new(&claims.sub).ok()?;
        (user.node().is_some() && user.domain().as_str() == self.domain).then_some(user)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::encode;
    use serde_json::{Value, json};

    use super::*;
    use crate::config::rongcloud::Key as Configured;
    use crate::config::secret::Secret;

    const OLD: &str = "an old key of thirty-two letters, or more";
    const NEW: &str = "a new key of thirty-two letters, or more!";

    fn tokens(keys: &[(&str, &str)]) -> Tokens {
        let keys = keys.iter().map(|(id, key)| Configured { id: (*id).to_owned(), key: Secret::new(*key) }).collect();
        Tokens::new(&Rongcloud { keys, ..Rongcloud::default() }, "example.org")
    }

    fn now() -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
    }

    fn made(key: &str, header: &Header, claims: &Value) -> String {
        encode(header, claims, &EncodingKey::from_secret(key.as_bytes())).unwrap()
    }

    fn name(tokens: &Tokens, token: &str) -> Option<String> {
        tokens.user(token).map(|user| user.to_string())
    }

    #[test]
    fn keys_change_without_a_user_noticing() {
        let alice = BareJid::new("alice@example.org").unwrap();
        let (before, during, after) = (tokens(&[("1", OLD)]), tokens(&[("2", NEW), ("1", OLD)]), tokens(&[("2", NEW)]));
        let (old, new) = (before.sign(&alice).unwrap(), during.sign(&alice).unwrap());
        assert_eq!(
            [name(&during, &old), name(&during, &new), name(&after, &new)],
            [const { "alice@example.org" }; 3].map(|user| Some(user.to_owned()))
        );
        assert_eq!([name(&after, &old), name(&before, &new)], [None, None]);
        // A back end that names no key.
        let nameless =
            made(OLD, &Header::new(Algorithm::HS256), &json!({"sub": "alice@example.org", "exp": now() + 60}));
        assert!(name(&during, &nameless).is_some());
        // One key's name over the other one's signature.
        let mixed = Header { kid: Some("2".to_owned()), ..Header::new(Algorithm::HS256) };
        assert_eq!(name(&during, &made(OLD, &mixed, &json!({"sub": "alice@example.org", "exp": now() + 60}))), None);
    }

    #[test]
    fn a_token_is_good_for_its_time_and_its_user_alone() {
        let tokens = tokens(&[("1", OLD)]);
        let header = Header::new(Algorithm::HS256);
        let good = json!({"sub": "alice@example.org", "exp": now() + 60, "aud": "others too"});
        assert!(name(&tokens, &made(OLD, &header, &good)).is_some());
        for (key, wrong) in [
            ("exp", json!(now() - 60)),
            ("exp", json!("soon")),
            ("exp", Value::Null),
            ("nbf", json!(now() + 600)),
            ("sub", json!("alice@elsewhere.example")),
            ("sub", json!("alice@conference.example.org")),
            ("sub", json!("example.org")),
            ("sub", json!("alice")),
            ("sub", json!("")),
            ("sub", json!(1)),
            ("sub", Value::Null),
        ] {
            let mut claims = good.clone();
            claims[key] = wrong.clone();
            if wrong.is_null() {
                claims.as_object_mut().unwrap().remove(key);
            }
            assert_eq!(name(&tokens, &made(OLD, &header, &claims)), None, "{key} {wrong}");
        }
        let expired = tokens.sign_at(&BareJid::new("alice@example.org").unwrap(), now() - 8 * 24 * 3600).unwrap();
        assert_eq!(name(&tokens, &expired), None);
    }

    #[test]
    fn nobody_makes_a_token_without_the_key() {
        let tokens = tokens(&[("1", OLD)]);
        let good = tokens.sign(&BareJid::new("alice@example.org").unwrap()).unwrap();
        let parts: Vec<&str> = good.split('.').collect();
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let claims = part(json!({"sub": "bob@example.org", "exp": now() + 60}));
        for forged in [
            format!("{}.{claims}.{}", parts[0], parts[2]),
            format!("{}.{claims}.", part(json!({"alg": "none", "typ": "JWT"}))),
            format!("{}.{claims}.{}", part(json!({"alg": "none"})), parts[2]),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{}.{}", parts[0], parts[1]),
            made(NEW, &Header::new(Algorithm::HS256), &json!({"sub": "bob@example.org", "exp": now() + 60})),
            made(OLD, &Header::new(Algorithm::HS512), &json!({"sub": "bob@example.org", "exp": now() + 60})),
            "a".repeat(100_000),
            "..".to_owned(),
            String::new(),
        ] {
            assert_eq!(name(&tokens, &forged), None, "{forged}");
        }
    }
}
