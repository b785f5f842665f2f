//! `auth_uk`: is this key the user's? Its tokens are issued over XMPP, to users who have logged in there.

use std::time::Duration;

use jid::BareJid;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};

use super::context::Context;
use super::error::{Code, Failure};
use super::replies::Done;
use crate::chat::accounts::mark::is_for;
use crate::chat::types::error::ChatError;
use crate::chat::types::error::Kind;
use crate::clock;
use crate::config::qtalk::Qtalk;
use crate::http::form::{decoded_strictly, pairs};
use crate::http::jwt::{Claims, Issued, Reader};
use crate::http::logins::Logins;

/// Who a token is for: no other token signed with the same key passes for one.
const AUDIENCE: &str = "qtalk-uk";

/// Longest key that is looked at, in bytes.
const LONGEST_KEY: usize = 4096;

/// Issues tokens and recognises them: HS256 JWTs with the user's bare JID as subject.
pub struct Tokens {
    sign: EncodingKey,
    verify: DecodingKey,
    reader: Reader,
    seconds: u64,
}

impl Tokens {
    /// Tokens signed with `secret`, valid for `seconds`.
    pub fn new(secret: &str, seconds: u64) -> Tokens {
        let secret = secret.as_bytes();
        let reader = Reader::new(Some(AUDIENCE), 0);
        Tokens { sign: EncodingKey::from_secret(secret), verify: DecodingKey::from_secret(secret), reader, seconds }
    }

    /// A token for `user` and the account with this mark, or none when it cannot be signed.
    pub fn issue(&self, user: &BareJid, account: Option<&str>) -> Option<String> {
        let now = clock::since_1970().as_secs();
        let exp = now.saturating_add(self.seconds);
        let claims = Issued { sub: user.as_str(), aud: Some(AUDIENCE), iat: now, exp, account };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.sign).ok()
    }

    /// What `token` says when it was issued to `user`, or to an earlier one of that name, and is still valid.
    pub fn read(&self, token: &str, user: &BareJid) -> Option<Claims> {
        let read = self.reader.read(token, std::iter::once(("", &self.verify)));
        read.filter(|claims| claims.sub == user.as_str())
    }
}

/// The claim of a call: that `key` is the user's.
#[derive(PartialEq, Eq)]
pub struct Claim {
    /// `user` or `user@host`, as given.
    pub user: String,
    /// The key, as given. Not printable: it may be a password.
    pub key: String,
}

impl Claim {
    /// Reads `u` and `k` from a query string, the first of each; others are not looked at. None when one is missing or
    /// empty, or when anything in the query is not proper percent-encoding of UTF-8.
    pub fn read(query: &str) -> Option<Claim> {
        let (mut user, mut key) = (None, None);
        for (name, value) in pairs(query.as_bytes()) {
            let read = |text| std::str::from_utf8(text).ok().and_then(decoded_strictly);
            let (name, value) = (read(name)?, read(value.unwrap_or_default())?);
            let slot = match name.as_str() {
                "u" => &mut user,
                "k" => &mut key,
                _ => continue,
            };
            slot.get_or_insert(value);
        }
        let claim = Claim { user: user?, key: key? };
        (!claim.user.is_empty() && !claim.key.is_empty() && claim.key.len() <= LONGEST_KEY).then_some(claim)
    }
}

/// The one text for every wrong claim: it does not tell which part was wrong.
fn refused() -> Failure {
    Failure::new(Code::AuthFail, "auth fail")
}

/// What auth_uk keeps between calls: nothing but its key and the latest failures.
pub struct Uk {
    tokens: Option<Tokens>,
    logins: Logins,
}

/// Why a claim was not confirmed.
pub enum Refusal {
    /// Too many failures: wait so long.
    Wait(Duration),
    /// It is wrong, or could not be checked.
    Failed(Failure),
}

impl Uk {
    /// Tokens exist only when there is a key to sign them.
    pub fn new(config: &Qtalk) -> Uk {
        let tokens = config.uk_secret.as_ref().map(|secret| Tokens::new(secret.expose(), config.uk_seconds));
        Uk { tokens, logins: Logins::of_servers() }
    }

    /// A token for `user`, who has proved to the XMPP server to be that, and the account with this mark.
    pub fn issue(&self, user: &BareJid, account: Option<&str>) -> Option<String> {
        self.tokens.as_ref()?.issue(user, account)
    }
}

/// Checks the claim in `query`: a token first, which costs nothing, then the XMPP password.
pub async fn auth_uk(context: &Context<'_>, uk: &Uk, query: &str) -> Result<Done, Refusal> {
    let claim = Claim::read(query).ok_or_else(|| Refusal::Failed(refused()))?;
    let user = context.scope.person(&claim.user, context.scope.addresses.domain());
    let user = user.map_err(|_| Refusal::Failed(refused()))?;
    context.scope.may_act_for(&user).map_err(Refusal::Failed)?;
    if let Some(token) = uk.tokens.as_ref().and_then(|tokens| tokens.read(&claim.key, &user)) {
        return confirm(context, &user, &token).await.map_err(Refusal::Failed);
    }
    let attempt = uk.logins.begin(&user, context.scope.caller.addr).map_err(Refusal::Wait)?;
    match context.chat.accounts.check_password(context.call, &user, &claim.key).await {
        Ok(true) => {
            attempt.succeeded();
            Ok(None)
        }
        Ok(false) => Err(Refusal::Failed(refused())),
        // Nothing has been done, and the next try may well find the server there.
        Err(error) if error.kind() == Kind::ClientPort => {
            attempt.withdrawn();
            Err(Refusal::Failed(Failure::new(Code::Unavailable, error.to_string())))
        }
        Err(error) => match Failure::from(error) {
            failure if matches!(failure.code, Code::UnknownUser | Code::Address | Code::Xml) => {
                Err(Refusal::Failed(refused()))
            }
            failure => {
                attempt.withdrawn();
                Err(Refusal::Failed(failure))
            }
        },
    }
}

/// A token is the user's as long as the account is there that it was issued to.
async fn confirm(context: &Context<'_>, user: &BareJid, token: &Claims) -> Result<Done, Failure> {
    if !context.chat.accounts.account_exists(context.call, user).await? {
        return Err(refused());
    }
    match context.chat.accounts.mark_of(context.call, user).await {
        Ok(mark) if is_for(mark.as_ref(), token.account.as_deref(), token.iat) => Ok(None),
        Ok(_) | Err(ChatError::UnknownUser(_)) => Err(refused()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(secret: &str, seconds: u64) -> Tokens {
        Tokens::new(secret, seconds)
    }

    fn user(jid: &str) -> BareJid {
        BareJid::new(jid).unwrap()
    }

    fn read(query: &str) -> Option<(String, String)> {
        Claim::read(query).map(|claim| (claim.user, claim.key))
    }

    #[test]
    fn a_token_is_good_for_its_user_only() {
        let ours = tokens("0123456789abcdef0123456789abcdef", 60);
        let alice = user("alice@example.org");
        let token = ours.issue(&alice, None).unwrap();
        assert!(ours.read(&token, &alice).is_some());
        assert!(ours.read(&token, &user("bob@example.org")).is_none());
        assert!(tokens("another-key-another-key-another-k", 60).read(&token, &alice).is_none());
        assert!(ours.read("290711548828672407278", &alice).is_none());
    }

    #[test]
    fn foreign_expired_and_unsigned_tokens_are_refused() {
        let ours = tokens("0123456789abcdef0123456789abcdef", 60);
        let alice = user("alice@example.org");
        let now = || clock::since_1970().as_secs();
        let signed = |header: &Header, aud: &'static str, exp: u64| {
            let claims = Issued { sub: alice.as_str(), aud: Some(aud), iat: 0, exp, account: None };
            jsonwebtoken::encode(header, &claims, &ours.sign).unwrap()
        };
        let hs256 = Header::new(Algorithm::HS256);
        assert!(ours.read(&signed(&hs256, AUDIENCE, now() + 60), &alice).is_some());
        assert!(ours.read(&signed(&hs256, "other", now() + 60), &alice).is_none());
        assert!(ours.read(&signed(&hs256, AUDIENCE, now() - 5), &alice).is_none());
        assert!(ours.read(&signed(&Header::new(Algorithm::HS512), AUDIENCE, now() + 60), &alice).is_none());
        let signed = signed(&hs256, AUDIENCE, now() + 60);
        let claims = signed.split('.').nth(1).unwrap();
        // {"alg":"none","typ":"JWT"}
        assert!(ours.read(&format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{claims}."), &alice).is_none());
    }

    #[test]
    fn the_documented_query_and_its_variants_are_read() {
        let pair = |u: &str, k: &str| Some((u.to_owned(), k.to_owned()));
        assert_eq!(read("u=test&k=290711548828672407278"), pair("test", "290711548828672407278"));
        assert_eq!(read("k=a%2Bb+c&u=test%40qtalk.test.org&x"), pair("test@qtalk.test.org", "a+b c"));
        assert_eq!(read("u=first&u=second&k=1"), pair("first", "1"));
        for bad in ["", "u=test", "u&k=1", "u=test&k", "u=test&k=", "u=%zz&k=1", "u=%4&k=1", "u=%ff&k=1"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
