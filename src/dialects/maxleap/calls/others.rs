//! Rows of passengers, system messages and attachments.

use super::{ATTRIBUTES, LIMIT, MESSAGES, Run, TS, USER, run};
use crate::chat::types::right::Right::{
    Accounts, Answers, Broadcast, Histories, MakeAccounts, Records, Rooms, SendAs, Uploads,
};
use crate::dialects::api::call::Method::{Get, Post};
use crate::dialects::api::call::{About, Call, Kind, OTHERS, Parameter, Rights};
use crate::dialects::maxleap::{chats, passengers, system};

const PASSENGER: Parameter = Parameter::path("passenger", "The id of the passenger.", "游客标识。");
const CONTENT: Parameter = Parameter::body(
    "content",
    Kind::Object(&[
        Parameter::body(
            "media",
            Kind::Number,
            "The sort of content; 0, or nothing, is text.",
            "内容的媒体类型；0 或不填为文本。",
        ),
        Parameter::body("body", Kind::Text, "The text, or the URL of the content.", "文本，或内容的 URL。").required(),
    ]),
    "What is said.",
    "要说的内容。",
)
.required();
const REMARK: Parameter =
    Parameter::body("remark", Kind::Text, "What else the client needs.", "客户端需要的其他内容。");
const AT: Parameter = Parameter::body(
    "ts",
    Kind::Number,
    "A moment, for the client, in milliseconds since 1970.",
    "给客户端的时间，1970 年以来的毫秒数。",
);
const ENABLE: Parameter = Parameter::body("enable", Kind::Flag, "False where it is not stored.", "为 false 时不保存。");
const PUSH: Parameter = Parameter::body(
    "push",
    Kind::OneOf(&[Kind::Flag, Kind::Object(&[ENABLE])]),
    "Whether it is stored for those who are offline: true, or `{\"enable\":true}`.",
    "是否为离线用户保存：true，或 `{\"enable\":true}`。",
);

/// The rows.
pub const CALLS: &[Call<Run>] = &[
    About::new(
        "passenger_create",
        &[Post],
        "/passengers",
        "Makes an account for a guest, and says how it logs in.",
        "创建游客账号，并返回其登录方式。",
    )
    .rights(&[Rights::always(&[Answers, Accounts, MakeAccounts, Records], &[])])
    .takes(&[
        Parameter::body("id", Kind::Text, "The id; without it the gateway chooses one.", "标识；不填则由网关生成。"),
        Parameter::body(OTHERS, Kind::Any, "Attributes: any JSON as their values.", "自定义属性，值可以是任意 JSON。"),
    ])
    .gives(201, Kind::Text)
    .gives_headers(&["x-xmpp-jid", "x-xmpp-password"])
    .first_example("/passengers", r#"{"name":"visitor"}"#)
    .run(run!(passengers::create)),
    About::new(
        "passenger",
        &[Get, Post],
        "/passengers/{passenger}",
        "Shows the attributes of a passenger.",
        "获取游客基础信息，即其属性。",
    )
    .rights(&[Rights::always(&[Answers, Accounts, MakeAccounts, Records], &[])])
    .takes(&[PASSENGER])
    .gives(200, ATTRIBUTES)
    .example("/passengers/visitor", "")
    .run(run!(passengers::look)),
    About::new(
        "passenger_chats",
        &[Get],
        "/passengers/{passenger}/chats/{user}",
        "Shows what a passenger and a user wrote.",
        "获取游客聊天记录。",
    )
    .rights(&[Rights::always(&[Answers, Accounts, Records, Histories], &[])])
    .takes(&[PASSENGER, USER, TS, LIMIT])
    .gives(200, MESSAGES)
    .example("/passengers/visitor/chats/bob", "")
    .run(run!(chats::passenger)),
    About::new(
        "system",
        &[Post],
        "/system",
        "Says something to everybody who is online.",
        "给所有在线用户发送系统消息。",
    )
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
        "给指定对象发送系统消息：一个用户，或一个群组或聊天室的成员。",
    )
    .rights(&[Rights::always(&[Answers, SendAs, Accounts, Rooms], &[])])
    .takes(&[
        Parameter::path("target", "The id of the user, group or room.", "用户、群组或聊天室的标识。"),
        Parameter::query(
            "group",
            Kind::Named,
            "The target is a group, whatever the value.",
            "目标是群组；只看有没有这个参数，不看它的值。",
        ),
        Parameter::query(
            "room",
            Kind::Named,
            "The target is a room, whatever the value.",
            "目标是聊天室；只看有没有这个参数，不看它的值。",
        ),
        CONTENT,
        REMARK,
        AT,
        PUSH,
    ])
    .gives(202, Kind::Nothing)
    .first_example("/system/bob", r#"{"content":{"media":0,"body":"Hello"}}"#)
    .run(run!(system::target)),
    About::new("attachment", &[Post], "/attachment", "Stores a file, and says its URL.", "上传附件，返回其 URL。")
        .rights(&[Rights::always(&[Answers, Uploads], &[])])
        .takes(&[Parameter::body(
            "attachment",
            Kind::File,
            "The file, in a multipart form; `userfile` will do as well.",
            "文件，放在 multipart 表单中；字段名也可以是 `userfile`。",
        )
        .required()])
        // The file's, and for an image its thumbnail's.
        .gives(200, Kind::List(&Kind::Url))
        .run(Run::Upload),
];
