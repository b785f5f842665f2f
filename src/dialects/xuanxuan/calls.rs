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

/// An id as callers write it.
const ID: Kind = Kind::OneOf(&[Kind::Text, Kind::Number]);
const RESULT: Parameter = Parameter::body("result", Kind::Word(&["success"]), "`success`.", "`success`。").required();
const NAMES: Kind = Kind::Object(&[
    RESULT,
    Parameter::body("data", Kind::Map(&Kind::Text), "Names by ids.", "id 到名称的对应。").required(),
]);

/// What a notification is made of.
const NOTIFICATION: Kind = Kind::Object(&[
    Parameter::body("receiver", Kind::Word(&["users", "group"]), "`users` or `group`.", "`users` 或 `group`。")
        .required(),
    Parameter::body(
        "userList",
        Kind::OneOf(&[Kind::List(&ID), Kind::Map(&ID)]),
        "The ids of the users, where they are the receivers.",
        "接收者是用户时，其 id 的列表。",
    ),
    Parameter::body("gid", ID, "The id of the group, where it is the receiver.", "接收者是讨论组时，其 id。"),
    Parameter::body(
        "title",
        ID,
        "The title; without it another text, a link or an action must be there.",
        "标题；没有标题时，必须有其他文本、链接或按钮。",
    ),
    Parameter::body("subtitle", ID, "A second title.", "副标题。"),
    Parameter::body("content", ID, "The text.", "文本。"),
    Parameter::body(
        "contentType",
        Kind::Word(&["plain", "text", ""]),
        "`plain`, or `text`, which is Markdown; so it is without this.",
        "`plain` 为纯文本，`text` 为 Markdown；不填则为 Markdown。",
    ),
    Parameter::body("url", Kind::Url, "What the notification links to: http or https.", "通知的链接，http 或 https。"),
    Parameter::body(
        "actions",
        Kind::List(&Kind::Object(&[
            Parameter::body("label", ID, "What is on the button.", "按钮上的文字。").required(),
            Parameter::body("url", Kind::Url, "Where it leads: http or https.", "按钮的链接，http 或 https。")
                .required(),
            Parameter::body("icon", Kind::Text, "Its icon: a name, or a URL.", "图标：名称或 URL。"),
            Parameter::body("type", Kind::Text, "How it looks.", "按钮的样式。"),
        ])),
        "Buttons.",
        "按钮。",
    ),
    Parameter::body(
        "sender",
        Kind::Object(&[
            Parameter::body("id", ID, "The id of who notifies.", "发送方的 id。").required(),
            Parameter::body("name", ID, "How they are called.", "发送方的名称。"),
            Parameter::body("avatar", Kind::Url, "The URL of their picture.", "头像的 URL。"),
        ]),
        "Who notifies.",
        "发送方。",
    )
    .required(),
]);

/// The calls.
pub const CALLS: &[Call<Run>] = &[
    About::new("getChatGroups", &[Get, Post], "/api.php", "Lists all groups.", "获取所有讨论组。")
        .chosen_by("m=chat&f=getChatGroups")
        .rights(&[Rights::always(&[Answers, Rooms, RoomList], &[])])
        .gives(200, NAMES)
        .first_example("/api.php?m=chat&f=getChatGroups", "")
        .run(|cx, _| Box::pin(lists::groups(cx))),
    About::new(
        "getChatUsers",
        &[Get, Post],
        "/api.php",
        "Lists the members of a group, or all users.",
        "获取讨论组的成员，或所有用户。",
    )
    .chosen_by("m=chat&f=getChatUsers")
    .rights(&[
        Rights::always(&[Answers, Rooms], &[]),
        // Without the list of accounts: whoever is in any room.
        Rights::of_case("all", &[Answers, Rooms, RoomList], &[AccountList]),
    ])
    .takes(&[Parameter::query(
        "gid",
        Kind::Text,
        "The id of the group; without it all users are listed.",
        "讨论组的 id；不填则列出所有用户。",
    )])
    .gives(200, NAMES)
    .first_example("/api.php?m=chat&f=getChatUsers", "")
    .run(|cx, asked| {
        Box::pin(async move {
            let gid = asked.query.value("gid").or_else(|| asked.query.first_but(COMMON));
            lists::users(cx, gid).await
        })
    }),
    About::new("notifyMSG", &[Get, Post], "/api.php", "Notifies users or a group.", "向用户或讨论组发送通知。")
        .chosen_by("m=chat&f=notifyMSG")
        .rights(&[
            // Without making accounts: where the sender's is there already.
            Rights::of_case("users", &[Answers, SendAs, Accounts], &[MakeAccounts]),
            Rights::of_case("group", &[Answers, Rooms, Reflection], &[Archive]),
        ])
        .takes(&[Parameter::body(
            "data",
            NOTIFICATION,
            "The notification, as JSON in a field of a form.",
            "通知内容：表单字段中的 JSON。",
        )
        .required()])
        .gives(200, Kind::Object(&[RESULT]))
        .example(
            "/api.php?m=chat&f=notifyMSG",
            r#"data={"receiver":"users","userList":["bob"],"title":"Build 7","sender":{"id":"ci","name":"CI"}}"#,
        )
        .run(|cx, asked| Box::pin(async move { notify::notify(cx, wire::field(asked.request, "data").await?).await })),
];
