//! Who a user is: a JWT (RFC 7519, HS256) whose subject is their bare JID, signed by the gateway when they log in, or by the
//! organisation's own back end, which shares the key.

use jid::BareJid;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};

use crate::chat::accounts::mark::{Mark, is_for};
use crate::clock;
use crate::config::rongcloud::Rongcloud;
use crate::http::jwt::{Issued, Reader};

/// By how much clocks may differ, in seconds.
const LEEWAY: u32 = 5;

/// The keys.
#[derive(Debug)]
pub struct Tokens {
    /// The first one signs.
    keys: Vec<Key>,
    /// The domain of the users.
    domain: String,
    seconds: u64,
    reader: Reader,
}

#[derive(Debug)]
struct Key {
    id: String,
    signs: EncodingKey,
    proves: DecodingKey,
}

/// What a token says.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// Whose it is.
    pub user: BareJid,
    account: Option<String>,
    issued: Option<f64>,
}

impl Token {
    /// Whether it is for the account with this mark, and not for an earlier one of the same name.
    pub fn is_for(&self, mark: Option<&Mark>) -> bool {
        is_for(mark, self.account.as_deref(), self.issued)
    }
}

impl Tokens {
    /// Tokens of the users of `domain`.
    pub fn new(config: &Rongcloud, domain: &str) -> Tokens {
        let key = |key: &crate::config::rongcloud::Key| Key {
            id: key.id.clone(),
            signs: EncodingKey::from_secret(key.key.expose().as_bytes()),
            proves: DecodingKey::from_secret(key.key.expose().as_bytes()),
        };
        let keys = config.keys.iter().map(key).collect();
        // A back end may name an audience for other readers of the same token.
        let reader = Reader::new(None, LEEWAY);
        Tokens { keys, domain: domain.to_owned(), seconds: config.token_seconds, reader }
    }

    /// A token for `user`, who has proved to be that, and for the account with this mark; `None` when there is no key.
    pub fn sign(&self, user: &BareJid, account: Option<&str>) -> Option<String> {
        self.sign_at(user, account, clock::since_1970().as_secs())
    }

    fn sign_at(&self, user: &BareJid, account: Option<&str>, now: u64) -> Option<String> {
        let key = self.keys.first()?;
        let header = Header { kid: Some(key.id.clone()), ..Header::new(Algorithm::HS256) };
        let exp = now.saturating_add(self.seconds);
        let claims = Issued { sub: user.as_str(), aud: None, iat: now, exp, account };
        jsonwebtoken::encode(&header, &claims, &key.signs).ok()
    }

    /// What a token says: that of a user of this domain, signed with one of the keys (the one it names, if it names one),
    /// and not expired. Whether it is for the account that the user has now is not looked at.
    pub fn read(&self, token: &str) -> Option<Token> {
        let claims = self.reader.read(token, self.keys.iter().map(|key| (key.id.as_str(), &key.proves)))?;
        let user = BareJid::new(&claims.sub).ok()?;
        let here = user.node().is_some() && user.domain().as_str() == self.domain;
        here.then_some(Token { user, account: claims.account, issued: claims.iat })
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
        clock::since_1970().as_secs()
    }

    fn made(key: &str, header: &Header, claims: &Value) -> String {
        encode(header, claims, &EncodingKey::from_secret(key.as_bytes())).unwrap()
    }

    fn name(tokens: &Tokens, token: &str) -> Option<String> {
        tokens.read(token).map(|token| token.user.to_string())
    }

    #[test]
    fn keys_change_without_a_user_noticing() {
        let alice = BareJid::new("alice@example.org").unwrap();
        let (before, during, after) = (tokens(&[("1", OLD)]), tokens(&[("2", NEW), ("1", OLD)]), tokens(&[("2", NEW)]));
        let (old, new) = (before.sign(&alice, None).unwrap(), during.sign(&alice, None).unwrap());
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
        // As `time.time()` of Python gives them.
        let fractions = json!({"sub": "alice@example.org", "iat": now() as f64 - 0.25, "exp": now() as f64 + 60.5});
        assert!(name(&tokens, &made(OLD, &header, &fractions)).is_some());
        let extended = Header { crit: Some(vec!["b64".to_owned()]), ..header.clone() };
        assert_eq!(name(&tokens, &made(OLD, &extended, &good)), None);
        for (key, wrong) in [
            ("exp", json!(now() - 60)),
            ("exp", json!("soon")),
            ("exp", Value::Null),
            ("nbf", json!(now() + 600)),
            ("iat", json!(now() + 600)),
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
        let expired = tokens.sign_at(&BareJid::new("alice@example.org").unwrap(), None, now() - 8 * 24 * 3600).unwrap();
        assert_eq!(name(&tokens, &expired), None);
    }

    #[test]
    fn nobody_makes_a_token_without_the_key() {
        let tokens = tokens(&[("1", OLD)]);
        let good = tokens.sign(&BareJid::new("alice@example.org").unwrap(), None).unwrap();
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
