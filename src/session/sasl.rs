//! SASL: which mechanism, and what is said in it. The authorisation identity is always empty, but where `check` tries what
//! the server makes of another one.
//!
//! ejabberd lets whoever logs in name another account as the authorisation identity and be them: in PLAIN before 26.07, in
//! X-OAUTH2 up to 26.07. So nothing that comes from a caller can set it, and NUL, which separates the three fields, is
//! refused in all of them.
//!
//! Preparation of passwords: for SCRAM, SASLprep as RFC 5802 section 5.1 demands, and the password as it is where
//! SASLprep forbids a character in it (the server hashed it unprepared, or never had it). For PLAIN and X-OAUTH2 the
//! server prepares (RFC 4616 section 2). Localparts are already prepared by the `jid` crate.

use sasl::client::mechanisms::{Plain, Scram};
use sasl::client::{Mechanism, MechanismError};
use sasl::common::scram::{Sha1, Sha256};
use sasl::common::{ChannelBinding, Password, Secret};
use secrecy::{ExposeSecret as _, SecretString};

use super::error::OpenError;

/// Longest password or token, in bytes: longer than any server takes.
pub(super) const MAX_SECRET: usize = 4096;
/// Most PBKDF2 rounds a server may ask for; more is an attempt to keep us busy.
const MAX_ITERATIONS: u32 = 1_000_000;

const BEARER: &str = "OAUTHBEARER";

/// What proves who we are.
#[derive(Clone)]
pub(super) enum Credentials {
    /// A user's password: SCRAM where it is offered, else PLAIN.
    Password(SecretString),
    /// A JWT: PLAIN, the only mechanism that hands it over whole.
    Jwt(SecretString),
    /// An OAuth token of ejabberd's: X-OAUTH2.
    Token(SecretString),
    /// A token of Prosody's: OAUTHBEARER (RFC 7628).
    Bearer(SecretString),
    /// As [`Credentials::Token`], with the localpart of another account as the authorisation identity.
    Foreign(SecretString, String),
}

/// False for what must not be sent: it is empty, too long, or holds the separator of PLAIN.
pub(super) fn sendable(user: &str, secret: &str) -> bool {
    let fine = |part: &str| !part.is_empty() && !part.contains('\0');
    fine(user) && fine(secret) && secret.len() <= MAX_SECRET
}

/// `authzid NUL user NUL token`, as ejabberd's X-OAUTH2 wants it: PLAIN's form under another name.
struct XOauth2 {
    authzid: String,
    plain: Plain,
}

impl Mechanism for XOauth2 {
    fn name(&self) -> &str {
        "X-OAUTH2"
    }

    fn from_credentials(credentials: sasl::common::Credentials) -> Result<Self, MechanismError> {
        Plain::from_credentials(credentials).map(|plain| XOauth2 { authzid: String::new(), plain })
    }

    fn initial(&mut self) -> Vec<u8> {
        [self.authzid.as_bytes(), &self.plain.initial()].concat()
    }
}

/// OAUTHBEARER's one message, which names nobody: whose token it is, the server knows.
struct Bearer(String);

impl Mechanism for Bearer {
    fn name(&self) -> &str {
        BEARER
    }

    fn from_credentials(credentials: sasl::common::Credentials) -> Result<Self, MechanismError> {
        match credentials.secret {
            Secret::Password(Password::Plain(token)) => Ok(Bearer(token)),
            _ => Err(MechanismError::PlainRequiresPlaintextPassword),
        }
    }

    fn initial(&mut self) -> Vec<u8> {
        format!("n,,\x01auth=Bearer {}\x01\x01", self.0).into_bytes()
    }
}

/// One exchange in one mechanism.
pub(super) struct Exchange {
    mechanism: Box<dyn Mechanism + Send>,
    /// Our SCRAM nonce; `None` in mechanisms that know no challenge.
    nonce: Option<String>,
    proof_sent: bool,
    server_proven: bool,
}

impl Exchange {
    /// Chooses the best mechanism among those offered.
    ///
    /// # Errors
    /// When none fits: the message names what was offered. When user or secret must not be sent.
    pub fn choose(offered: &[String], user: &str, credentials: &Credentials) -> Result<Exchange, OpenError> {
        let (wanted, secret): (&[&str], _) = match credentials {
            Credentials::Password(secret) => (&["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"], secret),
            Credentials::Jwt(secret) => (&["PLAIN"], secret),
            Credentials::Token(secret) | Credentials::Foreign(secret, _) => (&["X-OAUTH2"], secret),
            Credentials::Bearer(secret) => (&[BEARER], secret),
        };
        let secret = secret.expose_secret();
        let authzid = if let Credentials::Foreign(_, other) = credentials { other.as_str() } else { "" };
        if !sendable(user, secret) || authzid.contains('\0') {
            return Err(OpenError::Refused("the user name or the secret is empty, too long, or holds NUL".into()));
        }
        let chosen = wanted.iter().find(|name| offered.iter().any(|o| o == *name)).ok_or_else(|| {
            let offered = if offered.is_empty() { "none".to_owned() } else { offered.join(", ") };
            OpenError::Refused(format!(
                "no usable SASL mechanism: {} wanted, {offered} offered: {}",
                wanted.join(" or "),
                switched_on(credentials)
            ))
        })?;
        let scram_failed = |_| OpenError::Refused(format!("{chosen}: no random number could be had"));
        let mechanism: Box<dyn Mechanism + Send> = match *chosen {
            "SCRAM-SHA-256" => Box::new(
                Scram::<Sha256>::new(saslname(user), prepared(secret), ChannelBinding::None).map_err(scram_failed)?,
            ),
            "SCRAM-SHA-1" => Box::new(
                Scram::<Sha1>::new(saslname(user), prepared(secret), ChannelBinding::None).map_err(scram_failed)?,
            ),
            "X-OAUTH2" => Box::new(XOauth2 { authzid: authzid.to_owned(), plain: Plain::new(user, secret) }),
            BEARER => Box::new(Bearer(secret.to_owned())),
            _ => Box::new(Plain::new(user, secret)),
        };
        Ok(Exchange { mechanism, nonce: None, proof_sent: false, server_proven: false })
    }

    /// The mechanism's name.
    pub fn name(&self) -> &str {
        self.mechanism.name()
    }

    fn is_scram(&self) -> bool {
        self.name().starts_with("SCRAM-")
    }

    /// The first message.
    pub fn initial(&mut self) -> Vec<u8> {
        let data = self.mechanism.initial();
        if self.is_scram() {
            self.nonce = String::from_utf8_lossy(&data).rsplit_once(",r=").map(|(_, nonce)| nonce.to_owned());
        }
        data
    }

    /// Answers a challenge. The password's hash is computed on a thread that may block.
    ///
    /// # Errors
    /// Says what is wrong with the challenge.
    pub async fn respond(mut self, challenge: Vec<u8>) -> Result<(Exchange, Vec<u8>), String> {
        if self.proof_sent {
            self.prove_server(&challenge)?;
            return Ok((self, Vec::new()));
        }
        if self.name() == BEARER {
            // RFC 7628 section 3.2.3: the challenge is the refusal, and after this answer the server fails.
            return Ok((self, b"\x01".to_vec()));
        }
        let nonce = self.nonce.as_deref().ok_or_else(|| format!("{} knows no challenge", self.name()))?;
        check_server_first(&challenge, nonce)?;
        tokio::task::spawn_blocking(move || {
            let answer = self.mechanism.response(&challenge).map_err(|e| e.to_string())?;
            self.proof_sent = true;
            Ok((self, answer))
        })
        .await
        .map_err(|e| e.to_string())?
    }

    /// Checks the server's success: in SCRAM it must have proven that it knows the password too.
    ///
    /// # Errors
    /// When it has not: whoever answers is not the server.
    pub fn succeed(&mut self, data: &[u8]) -> Result<(), String> {
        if !self.is_scram() || (self.server_proven && data.is_empty()) {
            return Ok(());
        }
        self.prove_server(data)
    }

    fn prove_server(&mut self, data: &[u8]) -> Result<(), String> {
        self.mechanism.success(data).map_err(|e| e.to_string())?;
        self.server_proven = true;
        Ok(())
    }
}

/// What has a server offer what is wanted.
fn switched_on(credentials: &Credentials) -> &'static str {
    match credentials {
        Credentials::Password(_) => {
            "take one out of disable_sasl_mechanisms; without TLS PLAIN may need allow_unencrypted_plain_auth (Prosody)"
        }
        Credentials::Jwt(_) => "take PLAIN out of disable_sasl_mechanisms, and put jwt into auth_method (ejabberd)",
        Credentials::Token(_) | Credentials::Foreign(..) => {
            "take X-OAUTH2 out of disable_sasl_mechanisms of ejabberd.yml, also in its host_config, and set oauth_access"
        }
        Credentials::Bearer(_) => {
            "load the module stanzagate_tokens, and take OAUTHBEARER out of disable_sasl_mechanisms"
        }
    }
}

/// RFC 5802 section 5.1: `=` and `,` of a user name are written `=3D` and `=2C`.
fn saslname(user: &str) -> String {
    user.replace('=', "=3D").replace(',', "=2C")
}

fn prepared(password: &str) -> String {
    stringprep::saslprep(password).map_or_else(|_| password.to_owned(), |prepared| prepared.into_owned())
}

/// What the sasl crate leaves out: the server's nonce must continue ours, or an old exchange could be played back, and
/// the rounds must be bounded.
fn check_server_first(challenge: &[u8], nonce: &str) -> Result<(), String> {
    let text = std::str::from_utf8(challenge).map_err(|_| "the challenge is not UTF-8")?;
    let field = |key: &str| text.split(',').find_map(|part| part.strip_prefix(key));
    if !field("r=").is_some_and(|r| r.len() > nonce.len() && r.starts_with(nonce)) {
        return Err("the server's nonce does not continue ours".into());
    }
    match field("i=").and_then(|i| i.parse::<u32>().ok()) {
        Some(1..=MAX_ITERATIONS) => Ok(()),
        _ => Err(format!("the iteration count is not between 1 and {MAX_ITERATIONS}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Credentials {
        Credentials::Password(text.to_owned().into())
    }

    fn offered(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    #[test]
    fn prefers_scram_and_falls_back_to_plain_with_an_empty_authzid() {
        let all = offered(&["PLAIN", "X-OAUTH2", "SCRAM-SHA-1", "SCRAM-SHA-256"]);
        assert_eq!(Exchange::choose(&all, "alice", &password("pw")).ok().unwrap().name(), "SCRAM-SHA-256");
        let mut plain = Exchange::choose(&offered(&["PLAIN"]), "alice", &password("pw")).ok().unwrap();
        assert_eq!(plain.initial(), b"\0alice\0pw");
        let token = Credentials::Token("t0ken".to_owned().into());
        let mut oauth = Exchange::choose(&all, "alice", &token).ok().unwrap();
        assert_eq!((oauth.name().to_owned(), oauth.initial()), ("X-OAUTH2".to_owned(), b"\0alice\0t0ken".to_vec()));
        let foreign = Credentials::Foreign("t0ken".to_owned().into(), "bob".into());
        assert_eq!(Exchange::choose(&all, "alice", &foreign).ok().unwrap().initial(), b"bob\0alice\0t0ken");
    }

    #[test]
    fn names_what_was_offered_when_nothing_fits() {
        let token = Credentials::Token("t".to_owned().into());
        match Exchange::choose(&offered(&["PLAIN", "SCRAM-SHA-1"]), "alice", &token) {
            Err(OpenError::Refused(why)) => {
                let seen =
                    "no usable SASL mechanism: X-OAUTH2 wanted, PLAIN, SCRAM-SHA-1 offered: take X-OAUTH2 out of";
                assert!(why.starts_with(seen), "{why}");
            }
            _ => panic!("X-OAUTH2 is not offered"),
        }
    }

    #[test]
    fn refuses_what_could_name_another_user() {
        for (user, secret) in [("alice\0carol", "pw"), ("alice", "carol\0pw"), ("", "pw"), ("alice", "")] {
            assert!(Exchange::choose(&offered(&["PLAIN"]), user, &password(secret)).is_err(), "{user:?} {secret:?}");
        }
        let foreign = Credentials::Foreign("t".to_owned().into(), "bob\0carol".into());
        assert!(Exchange::choose(&offered(&["X-OAUTH2"]), "alice", &foreign).is_err());
    }

    #[tokio::test]
    async fn scram_follows_the_example_of_rfc_5802_only_with_its_own_nonce_and_bounded_rounds() {
        let scram = || {
            let mut scram = Exchange::choose(&offered(&["SCRAM-SHA-1"]), "user,=", &password("pencil")).ok().unwrap();
            let first = String::from_utf8(scram.initial()).unwrap();
            let nonce = first.strip_prefix("n,,n=user=2C=3D,r=").expect("escaped, no authzid").to_owned();
            (scram, nonce)
        };
        let challenge = |r: &str, i: &str| format!("r={r},s=QSXCR+Q6sek8bf92,i={i}").into_bytes();
        let (exchange, _) = scram();
        assert!(exchange.respond(challenge("someone-elses", "4096")).await.is_err());
        let (exchange, nonce) = scram();
        assert!(exchange.respond(challenge(&format!("{nonce}x"), "4000000000")).await.is_err());
        let (exchange, nonce) = scram();
        let (mut exchange, answer) = exchange.respond(challenge(&format!("{nonce}x"), "4096")).await.unwrap();
        assert!(String::from_utf8(answer).unwrap().starts_with(&format!("c=biws,r={nonce}x,p=")));
        assert!(exchange.succeed(b"").is_err(), "the server has not proven itself");
        assert!(exchange.succeed(b"v=AAAA").is_err());
    }
}
