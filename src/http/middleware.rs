//! What happens around every request of a dialect: bounds, access, metrics and the log line.

use std::convert::Infallible;
use std::fmt::{self, Display, Write as _};
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;

use super::access::Caller;
use super::body;
use super::call::{REQUEST_ID, request_id, trace, wait};
use super::client_addr::{Peer, client_addr};
use super::dialect::Route;
use super::refusal::{overloaded, refuse, shaped};
use super::serve::{Serve, WholeRequest};
use super::{Cause, Outcome, Told};
use crate::chat::{Call, Tally, Trace};

/// Handles one request of `route`.
pub(super) fn handle<T: Serve>(
    route: Arc<Route<T>>,
    request: Request,
) -> impl Future<Output = Result<Response, Infallible>> + Send {
    let started = Instant::now();
    let endpoint = &route.endpoint;
    let shared = &endpoint.common.shared;
    let (head, mut body) = request.into_parts();
    let request = request_id(&head.headers);
    let peer = head.extensions.get::<Peer>();
    let from = client_addr(peer, &head.headers, &shared.config.trusted_proxies);
    if from.relayed {
        shared.relayed(from.ip);
    }
    let mut log = LogLine {
        request,
        method: head.method.clone(),
        from: from.ip,
        key: None,
        trace: trace(&head.headers),
        tally: Arc::default(),
    };
    let place = shared.place(peer, from.ip);
    let gauge = place.is_some().then(|| shared.metrics.http.begin());
    let caller = match (place, endpoint.checked) {
        (None, _) => Err((overloaded(endpoint), None)),
        (Some(place), false) => Ok((Caller::unchecked(from.ip), place)),
        (Some(place), true) => match endpoint.admits(from, &head, started) {
            Ok(caller) => Ok((caller, place)),
            Err(refusal) => Err((refuse(endpoint, refusal), Some(place))),
        },
    };
    let asked = match caller {
        Ok((caller, place)) => {
            log.key.clone_from(&caller.name);
            let deadline = started + endpoint.request_time;
            match wait(&head.headers) {
                Ok(wait) => {
                    let call = Call::counted(Arc::clone(&log.request), deadline, Arc::clone(&log.tally));
                    let call = Call { wait, trace: log.trace.clone(), ..call };
                    Ok((Box::new(WholeRequest { call, caller, head, body: Bytes::new() }), place))
                }
                Err(text) => {
                    let refused = shaped(endpoint, StatusCode::BAD_REQUEST, "bad_request", text);
                    Err((refused, body::waits(&head.headers), Some(place)))
                }
            }
        }
        Err((refused, place)) => Err((refused, body::waits(&head.headers), place)),
    };

    // What the head alone decides is decided: thousands of requests may wait here, each in as little room as it can.
    async move {
        let mut response = match asked {
            Ok((asked, place)) => T::serve(&route, asked, body, place).await,
            Err((refused, waits, place)) => {
                body::discard_some(waits, &mut body).await;
                drop(place);
                refused
            }
        };
        drop(gauge);
        let outcome = outcome_of(&response);
        if let Ok(id) = HeaderValue::from_str(&log.request) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        let took = started.elapsed();
        route.endpoint.metrics.answered(outcome, took);
        log.write(&route.path, outcome, took, &response);
        Ok(response)
    }
}

fn outcome_of(response: &Response) -> &'static str {
    match response.extensions().get::<Outcome>() {
        Some(Outcome(outcome)) => outcome,
        None if response.status().is_server_error() => "server_error",
        None if response.status().is_client_error() => "client_error",
        None => "ok",
    }
}

/// The access log's line, from what is known before the request is handled. The path is the route's, never the
/// caller's: a query may hold a password.
struct LogLine {
    request: Arc<str>,
    method: Method,
    from: IpAddr,
    key: Option<Arc<str>>,
    trace: Option<Arc<Trace>>,
    tally: Arc<Tally>,
}

impl LogLine {
    fn write(&self, path: &str, outcome: &'static str, took: Duration, response: &Response) {
        let (told, cause) = if outcome == "ok" {
            (None, None)
        } else {
            (response.extensions().get::<Told>(), response.extensions().get::<Cause>())
        };
        let (messages, failed) = self.tally.read();
        // Of one alone the outcome says all.
        let several = messages > 1;
        tracing::info!(
            target: "stanzagate::access",
            request = &*self.request,
            method = %self.method,
            path,
            status = response.status().as_u16(),
            outcome,
            ms = (took.as_secs_f64() * 100_000.0).round() / 100.0,
            from = %Shown(self.from),
            key = self.key.as_deref().unwrap_or(""),
            messages = several.then_some(messages),
            failed = several.then_some(failed),
            trace = self.trace.as_deref().map(Trace::id),
            told = told.map(|told| &*told.0),
            cause = cause.map(|cause| &*cause.0),
            "request"
        );
    }
}

/// An address as it is always written, at a fraction of the usual cost.
struct Shown(IpAddr);

impl Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let IpAddr::V4(ip) = self.0 else { return self.0.fmt(f) };
        for (place, octet) in ip.octets().into_iter().enumerate() {
            if place > 0 {
                f.write_char('.')?;
            }
            f.write_str(itoa::Buffer::new().format(octet))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_as_ever() {
        for ip in ["0.0.0.0", "127.0.0.1", "192.168.10.255", "::1", "2001:db8::7", "::ffff:10.0.0.1"] {
            let ip: IpAddr = ip.parse().unwrap();
            assert_eq!(Shown(ip).to_string(), ip.to_string());
        }
    }
}
