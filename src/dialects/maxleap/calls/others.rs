//! Rows of passengers, system messages and attachments.

use super::{LIMIT, MESSAGES, Run, TS, USER, run};
use crate::chat::types::right::Right::{
    Accounts, Answers, Broadcast, Histories, MakeAccounts, Records, Rooms, SendAs, Uploads,
};
use crate::dialects::api::call::Method::{Get, Post};
use crate::dialects::api::call::{About, Call, Kind, Parameter, Rights};
use crate::dialects::maxleap::{chats, passengers, system};

const PASSENGER: Parameter = Parameter::path("passenger", "The id of the passenger.");
const CONTENT: Parameter = Parameter::body(
    "content",
    Kind::Object(&[
        Parameter::body("media", Kind::Number, "The sort of content; 0, or nothing, is text."),
        Parameter::body("body", Kind::Text, "The text, or the URL of the content.").required(),
    ]),
    "What is said.",
)
.required();
const REMARK: Parameter = Parameter::body("remark", Kind::Text, "What else the client needs.");
const AT: Parameter = Parameter::body("ts", Kind::Number, "A moment, for the client, in milliseconds since 1970.");
const PUSH: Parameter =
    Parameter::body("push", Kind::Any, "Whether it is stored for those who are offline: true, or `{\"enable\":true}`.");

/// The rows.
pub const CALLS: &[Call<Run>] = &[
    About::new("passenger_create", &[Post], "/passengers", "Makes an account for a guest, and says how it logs in.")
        .rights(&[Rights::always(&[Answers, Accounts, MakeAccounts, Records], &[])])
        .takes(&[Parameter::body(
            "id",
            Kind::Text,
            "The id; without it the gateway chooses one. All else is attributes.",
        )])
        .gives(201, Kind::Text)
        .gives_headers(&["x-xmpp-jid", "x-xmpp-password"])
        .first_example("/passengers", r#"{"name":"visitor"}"#)
        .run(run!(passengers::create)),
    About::new("passenger", &[Get, Post], "/passengers/{passenger}", "Shows the attributes of a passenger.")
        .rights(&[Rights::always(&[Answers, Accounts, MakeAccounts, Records], &[])])
        .takes(&[PASSENGER])
        .gives(200, Kind::Any)
        .example("/passengers/visitor", "")
        .run(run!(passengers::look)),
    About::new(
        "passenger_chats",
        &[Get],
        "/passengers/{passenger}/chats/{user}",
        "Shows what a passenger and a user wrote.",
    )
    .rights(&[Rights::always(&[Answers, Accounts, Records, Histories], &[])])
    .takes(&[PASSENGER, USER, TS, LIMIT])
    .gives(200, MESSAGES)
    .example("/passengers/visitor/chats/bob", "")
    .run(run!(chats::passenger)),
    About::new("system", &[Post], "/system", "Says something to everybody who is online.")
        .rights(&[Rights::always(&[Answers, SendAs, Broadcast], &[])])
        .takes(&[CONTENT, REMARK, AT, PUSH])
        .gives(202, Kind::Nothing)
        .example("/system", r#"{"content":{"media":0,"body":"Hello"}}"#)
        .run(run!(system::everybody)),
    About::new(
        "system_target",
        &[Post],
        "/system/{target}",
        "Says something to a user, or to the members of a group or room.",
    )
    .rights(&[Rights::always(&[Answers, SendAs, Accounts, Rooms], &[])])
    .takes(&[
        Parameter::path("target", "The id of the user, group or room."),
        Parameter::query("group", Kind::Flag, "The target is a group: there is a name and no value."),
        Parameter::query("room", Kind::Flag, "The target is a room."),
        Parameter::body("content", Kind::Any, "What is said: `media` (0 is text) and `body`.").required(),
        Parameter::body("push", Kind::Any, "Whether devices that are asleep are woken: `enable`."),
        Parameter::body("remark", Kind::Any, "What else the client needs."),
    ])
    .gives(202, Kind::Nothing)
    .first_example("/system/bob", r#"{"content":{"media":0,"body":"Hello"}}"#)
    .run(run!(system::target)),
    About::new("attachment", &[Post], "/attachment", "Stores a file, and says its URL.")
        .rights(&[Rights::always(&[Answers, Uploads], &[])])
        .takes(&[Parameter::body(
            "attachment",
            Kind::File,
            "The file, in a multipart form; `userfile` will do as well.",
        )
        .required()])
        .gives(200, Kind::Any)
        .run(Run::Upload),
];
