//! From the rows of an API to its routes.

use axum::routing::{MethodFilter, MethodRouter, on};

use super::call::{About, Who};
use crate::http::dialect::Dialect;

/// Adds the route of one call, for whoever may call it. `handlers` are what `handle` makes of the call's methods.
pub fn add<S: Clone + Send + Sync + 'static>(
    dialect: Dialect<S>,
    prefix: &str,
    about: &'static About,
    handle: impl FnOnce(MethodFilter) -> MethodRouter<S>,
) -> Dialect<S> {
    let path = format!("{prefix}{}", about.path);
    let handlers = about.filter().map(handle).unwrap_or_default();
    match about.who {
        Who::Application | Who::User => dialect.route(about.name, &path, handlers),
        Who::Anybody => dialect.open_route(about.name, &path, handlers),
    }
}

/// The same for one handler that takes each of the call's methods.
pub fn add_one<S, H, T>(dialect: Dialect<S>, prefix: &str, about: &'static About, handler: H) -> Dialect<S>
where
    S: Clone + Send + Sync + 'static,
    H: axum::handler::Handler<T, S>,
    T: 'static,
{
    add(dialect, prefix, about, |methods| on(methods, handler))
}
