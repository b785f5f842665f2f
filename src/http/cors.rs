//! Which pages of other origins may call (CORS).

use std::time::Duration;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, Method};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// How long a browser may keep what it was told.
const PREFLIGHT: Duration = Duration::from_secs(3600);

/// Lets pages of `origins` (or of any, where one of them is `*`) call these routes, and read the headers `exposed`.
///
/// It belongs outside of all else: a browser asks beforehand without a key, and reads no refusal that does not name its
/// origin.
pub fn around(routes: Router, origins: &[String], exposed: &[HeaderName]) -> Router {
    let origin = match origins {
        [] => return routes,
        all if all.iter().any(|origin| origin == "*") => AllowOrigin::any(),
        some => AllowOrigin::list(some.iter().filter_map(|origin| origin.parse::<HeaderValue>().ok())),
    };
    let cors = CorsLayer::new()
        .allow_origin(origin)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        // Whatever a library adds to its own headers: the keys are what protects an API, and no cookie is.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(exposed.to_vec())
        .max_age(PREFLIGHT);
    routes.layer(cors)
}
