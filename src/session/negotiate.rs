//! Opens a client stream: connect, TLS, SASL, bind (RFC 6120 sections 4 to 7).

use std::time::Instant;

use jid::{BareJid, FullJid};
use tracing::debug;

use super::error::OpenError;
use super::nonza::{
    Features, NS_BIND, NS_SASL, NS_SESSION, NS_STANZA_ERROR, NS_TLS, condition, iq_set, sasl, sasl_data, text,
};
use super::sasl::{Credentials, Exchange};
use super::stream::{Attempt, Reader, Stream, Writer};
use super::tls::{BoxIo, Endpoint};
use crate::config::c2s::Tls;
use crate::xml::Element;
use crate::xml::element::set;

/// Connects and authenticates as `user`. Nothing is bound yet: for a password check this is all.
pub(super) async fn authenticate(
    endpoint: &Endpoint,
    user: &BareJid,
    credentials: &Credentials,
    deadline: Instant,
) -> Result<Stream, OpenError> {
    let domain = user.domain().as_str().to_owned();
    let attempt = Attempt { address: endpoint.address.clone(), domain, deadline };
    let (stream, features) = secure(endpoint, attempt).await?;
    let localpart = user.node().map(|node| node.as_str()).unwrap_or_default();
    log_in(stream, &features, localpart, credentials).await
}

async fn secure(endpoint: &Endpoint, attempt: Attempt) -> Result<(Stream, Features), OpenError> {
    let arriving = attempt.within("a place to connect", endpoint.arrivals.acquire()).await?;
    let tcp: BoxIo = Box::new(attempt.within("the connection", endpoint.connect()).await??);
    match endpoint.tls {
        Tls::None => {
            let (stream, features) = Stream::open(tcp, attempt.clone()).await?;
            if features.starttls && features.mechanisms.is_empty() {
                stream.quit(false).await;
                return Err(attempt.refused(
                    "it offers no log-in before STARTTLS, and c2s.tls = \"none\" goes without: set c2s.tls = \"starttls\" \
                     (for a certificate that no authority vouches for with c2s.pin), or let it do without on loopback (ejabberd: \
                     starttls_required: false; Prosody: c2s_require_encryption = false)",
                ));
            }
            Ok((stream, features))
        }
        Tls::Direct => {
            let tls = attempt.within("the TLS handshake", endpoint.secure(tcp, &attempt.domain)).await??;
            drop(arriving);
            Stream::open(tls, attempt).await
        }
        Tls::Starttls => {
            let (mut stream, features) = Stream::open(tcp, attempt.clone()).await?;
            drop(arriving);
            if !features.starttls {
                return Err(attempt.refused("it does not offer STARTTLS, and c2s.tls = \"starttls\" demands it"));
            }
            stream.send(&Element::bare("starttls", NS_TLS)).await?;
            if !stream.next("the answer to STARTTLS").await?.is("proceed", NS_TLS) {
                return Err(attempt.refused("it refused STARTTLS"));
            }
            let tcp = stream.into_io()?;
            let tls = attempt.within("the TLS handshake", endpoint.secure(tcp, &attempt.domain)).await??;
            Stream::open(tls, attempt).await
        }
    }
}

async fn log_in(
    mut stream: Stream,
    features: &Features,
    user: &str,
    credentials: &Credentials,
) -> Result<Stream, OpenError> {
    let mut exchange = match Exchange::choose(&features.mechanisms, user, credentials) {
        Ok(exchange) => exchange,
        Err(error) => {
            stream.quit(false).await;
            return Err(error);
        }
    };
    let mut auth = sasl("auth", &exchange.initial());
    set(&mut auth, "mechanism", exchange.name());
    stream.send(&auth).await?;
    // SCRAM has at most two challenges; a server with more is none we know.
    for _ in 0..3 {
        let answer = stream.next("the SASL answer").await?;
        let malformed = || stream.attempt.refused("the SASL answer is malformed");
        if !answer.has_ns(NS_SASL) {
            return Err(malformed());
        }
        match answer.name() {
            "success" => {
                let data = sasl_data(&answer).ok_or_else(malformed)?;
                exchange.succeed(&data).map_err(|e| stream.attempt.refused(&format!("SASL: {e}")))?;
                return Ok(stream);
            }
            "challenge" => {
                let data = sasl_data(&answer).ok_or_else(malformed)?;
                let responded = stream.attempt.within("the password's hash", exchange.respond(data)).await?;
                let (next, response) = responded.map_err(|e| stream.attempt.refused(&format!("SASL: {e}")))?;
                exchange = next;
                stream.send(&sasl("response", &response)).await?;
            }
            _ => {
                let error = failure(&stream.attempt, &answer, exchange.name());
                stream.quit(false).await;
                return Err(error);
            }
        }
    }
    Err(stream.attempt.refused("SASL does not come to an end"))
}

/// Tells wrong credentials from a server that cannot say (RFC 6120 section 6.5).
fn failure(attempt: &Attempt, failure: &Element, mechanism: &str) -> OpenError {
    let (name, described) = condition(failure, NS_SASL);
    match name.as_str() {
        "temporary-auth-failure" => attempt.unreachable(&format!("{mechanism}: {described}")),
        // malformed-request and incorrect-encoding: our own messages are well-formed, so it is the user name or the
        // password that the server cannot prepare, and no account can have it.
        "not-authorized"
        | "account-disabled"
        | "credentials-expired"
        | "invalid-authzid"
        | "malformed-request"
        | "incorrect-encoding" => {
            debug!(mechanism, condition = %described, "log-in denied");
            OpenError::Denied(format!("{mechanism}: {described}"))
        }
        _ => attempt.refused(&format!("{mechanism}: {described}")),
    }
}

/// Binds `resource` on an authenticated stream and returns the halves, on which stanzas may flow from now on.
pub(super) async fn bind(
    stream: Stream,
    user: &BareJid,
    resource: &str,
) -> Result<(FullJid, Reader, Writer), OpenError> {
    let (mut stream, features) = stream.restart().await?;
    let mut bind = Element::bare("bind", NS_BIND);
    bind.append_child(text("resource", NS_BIND, resource));
    let result = ask(&mut stream, "bind", bind).await?;
    let bound = result
        .get_child("bind", NS_BIND)
        .and_then(|bind| bind.get_child("jid", NS_BIND))
        .and_then(|jid| FullJid::new(&jid.text()).ok())
        .ok_or_else(|| stream.attempt.refused("the answer to bind has no full JID"))?;
    if bound.to_bare() != *user {
        stream.quit(false).await;
        return Err(OpenError::Refused("the server bound the session of another user".into()));
    }
    if features.session {
        ask(&mut stream, "session", Element::bare("session", NS_SESSION)).await?;
    }
    let (reader, writer) = stream.into_parts();
    Ok((bound, reader, writer))
}

/// Sends an IQ and waits for its result. Nothing else can come before the first presence but a push to this resource.
async fn ask(stream: &mut Stream, what: &str, payload: Element) -> Result<Element, OpenError> {
    stream.send(&iq_set(what, payload)).await?;
    for _ in 0..16 {
        let answer = stream.next(&format!("the answer to {what}")).await?;
        if answer.name() != "iq" || answer.attr("id") != Some(what) {
            continue;
        }
        return match answer.attr("type") {
            Some("result") => Ok(answer),
            _ => {
                let described = answer
                    .children()
                    .find(|child| child.name() == "error")
                    .map_or_else(|| "no cause given".to_owned(), |error| condition(error, NS_STANZA_ERROR).1);
                Err(stream.attempt.refused(&format!("{what}: {described}")))
            }
        };
    }
    Err(stream.attempt.refused(&format!("no answer to {what} among what it sends")))
}
