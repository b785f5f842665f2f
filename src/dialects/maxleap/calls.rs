//! The calls of the API, one row each.

mod groups;
mod others;
mod users;

use futures::future::BoxFuture;

use super::context::Context;
use super::error::Failure;
use super::wire::{Reply, Request};
use crate::dialects::api::call::{Call, Kind, Parameter};

/// The handler of a call.
#[derive(Clone, Copy)]
pub enum Run {
    /// One that is given its whole request.
    Whole(for<'a> fn(&'a Context<'a>, &'a Request<'a>) -> BoxFuture<'a, Result<Reply, Failure>>),
    /// The upload, whose body is passed on as it comes.
    Upload,
}

/// The handler of a row.
macro_rules! run {
    ($endpoint:path) => {
        $crate::dialects::maxleap::calls::Run::Whole(|context, request| Box::pin($endpoint(context, request)))
    };
}
use run;

const USER: Parameter = Parameter::path("user", "The id of the user.");
const KEY: Parameter = Parameter::path("key", "The name of the attribute.");
const TS: Parameter = Parameter::query("ts", Kind::Number, "Only what is older than this, in milliseconds since 1970.");
const LIMIT: Parameter =
    Parameter::query("limit", Kind::Number, "At most so many, 20 without it, never more than 100.");
const DETAIL: Parameter =
    Parameter::query("detail", Kind::Flag, "Whether there is more than the ids: there is a name and no value.");
const ATTRIBUTES: Kind = Kind::Map(&Kind::Any);

/// What searches take beside `attribute=value`.
const SEARCH: &[Parameter] = &[
    Parameter::query("_skip", Kind::Number, "So many are passed over."),
    Parameter::query("_limit", Kind::Number, "At most so many, 20 without it, never more than 100."),
    Parameter::query(
        "_sort",
        Kind::Text,
        "Attributes to sort by, with commas between; `-` before one turns its order.",
    ),
];

/// Messages of a history.
const MESSAGES: Kind = Kind::List(&Kind::Object(&[
    Parameter::body("speaker", Kind::Text, "The id of who said it.").required(),
    Parameter::body("content", Kind::Any, "`media` and `body`.").required(),
    Parameter::body("ts", Kind::Number, "When, in milliseconds since 1970.").required(),
]));

/// All calls, family by family.
pub const CALLS: &[&[Call<Run>]] = &[users::CALLS, groups::GROUPS, groups::ROOMS, others::CALLS];
