//! Whether a request is that of a program of those who run the gateway: nobody is asked for a key there.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;

use super::client_addr::{Peer, client_addr, is_in};
use super::{Web, plain_shape};

/// Refuses requests of other networks than this machine's and those of `metrics_allow`, which is called `setting` for people,
/// and those of web pages.
pub fn refusal(web: &Web, request: &Request, setting: &str) -> Option<Response> {
    let config = web.config();
    let from = client_addr(request.extensions().get::<Peer>(), request.headers(), &config.trusted_proxies);
    let allowed = from.is_local() || (!from.relayed && is_in(&config.metrics_allow, from.ip));
    if !allowed {
        return Some(plain_shape(StatusCode::FORBIDDEN, &format!("{setting} does not name this network")));
    }
    let foreign = web.shared.site.check(request.headers(), request.uri()).err()?;
    Some(plain_shape(StatusCode::FORBIDDEN, foreign.text()))
}
