//! The calls of the API, one row each. All share their two paths; the query says which is meant.

use axum::extract::Request;
use futures::future::BoxFuture;

use super::context::Context;
use super::error::Failure;
use super::query::Query;
use super::wire::{self, Reply};
use super::{lists, notify};
use crate::chat::types::right::Right::{
    AccountList, Accounts, Answers, Archive, MakeAccounts, Reflection, RoomList, Rooms, SendAs,
};
use crate::dialects::api::call::Method::{Get, Post};
use crate::dialects::api::call::{About, Call, Kind, Parameter, Rights};

/// The parameters that every call has, and those of the original's own pages. What is left is a method's argument.
const COMMON: &[&str] = &["m", "f", "t", "code", "token", "time", "sid", "zentaosid", "rid"];

/// What a call is given beside its context.
pub struct Asked<'a> {
    /// The query.
    pub query: &'a Query,
    /// The request, whose body is here.
    pub request: Request,
}

/// The handler of a call.
pub type Run = for<'a> fn(&'a Context<'a>, Asked<'a>) -> BoxFuture<'a, Result<Reply, Failure>>;

const RESULT: Parameter = Parameter::body("result", Kind::Text, "`success`.").required();
const NAMES: Kind =
    Kind::Object(&[RESULT, Parameter::body("data", Kind::Map(&Kind::Text), "Names by ids.").required()]);

/// What a notification is made of.
const NOTIFICATION: Kind = Kind::Object(&[
    Parameter::body("receiver", Kind::Text, "`users` or `group`.").required(),
    Parameter::body("userList", Kind::List(&Kind::Text), "The ids of the users, where they are the receivers."),
    Parameter::body("gid", Kind::Text, "The id of the group, where it is the receiver."),
    Parameter::body("title", Kind::Text, "The title.").required(),
    Parameter::body("subtitle", Kind::Text, "A second title."),
    Parameter::body("content", Kind::Text, "The text."),
    Parameter::body("contentType", Kind::Text, "`plain` or `text` (Markdown)."),
    Parameter::body("url", Kind::Text, "What the notification links to."),
    Parameter::body("actions", Kind::List(&Kind::Any), "Buttons: `label`, `url`, `icon`, `type`."),
    Parameter::body("sender", Kind::Any, "Who notifies: `id`, `name`, `avatar`.").required(),
]);

/// The calls.
pub const CALLS: &[Call<Run>] = &[
    About::new("getChatGroups", &[Get, Post], "/api.php", "Lists all groups.")
        .chosen_by("m=chat&f=getChatGroups")
        .rights(&[Rights::always(&[Answers, Rooms, RoomList], &[])])
        .gives(200, NAMES)
        .first_example("/api.php?m=chat&f=getChatGroups", "")
        .run(|cx, _| Box::pin(lists::groups(cx))),
    About::new("getChatUsers", &[Get, Post], "/api.php", "Lists the members of a group, or all users.")
        .chosen_by("m=chat&f=getChatUsers")
        .rights(&[
            Rights::always(&[Answers, Rooms], &[]),
            // Without the list of accounts: whoever is in any room.
            Rights::of_case("all", &[Answers, Rooms, RoomList], &[AccountList]),
        ])
        .takes(&[Parameter::query("gid", Kind::Text, "The id of the group; without it all users are listed.")])
        .gives(200, NAMES)
        .first_example("/api.php?m=chat&f=getChatUsers", "")
        .run(|cx, asked| {
            Box::pin(async move {
                let gid = asked.query.value("gid").or_else(|| asked.query.first_but(COMMON));
                lists::users(cx, gid).await
            })
        }),
    About::new("notifyMSG", &[Get, Post], "/api.php", "Notifies users or a group.")
        .chosen_by("m=chat&f=notifyMSG")
        .rights(&[
            // Without making accounts: where the sender's is there already.
            Rights::of_case("users", &[Answers, SendAs, Accounts], &[MakeAccounts]),
            Rights::of_case("group", &[Answers, Rooms, Reflection], &[Archive]),
        ])
        .takes(&[Parameter::body("data", NOTIFICATION, "The notification, as JSON in a field of a form.").required()])
        .gives(200, Kind::Object(&[RESULT]))
        .example("/api.php?m=chat&f=notifyMSG", r#"data={"receiver":"users","userList":["bob"],"title":"Build 7"}"#)
        .run(|cx, asked| Box::pin(async move { notify::notify(cx, wire::field(asked.request, "data").await?).await })),
];
