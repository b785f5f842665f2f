//! The calls of the API, one row each.

mod groups;
mod others;
mod rooms;
mod users;

use futures::future::BoxFuture;

use super::context::Context;
use super::error::Failure;
use super::wire::{Reply, Request};
use crate::dialects::api::call::{Call, Kind, OTHERS, Parameter};

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

const USER: Parameter = Parameter::path("user", "The id of the user.", "用户标识。");
const KEY: Parameter = Parameter::path("key", "The name of the attribute.", "属性的名称。");
const TS: Parameter = Parameter::query(
    "ts",
    Kind::Number,
    "Only what is older than this, in milliseconds since 1970.",
    "只取早于这个时刻的，单位为 1970 年以来的毫秒。",
);
const LIMIT: Parameter = Parameter::query(
    "limit",
    Kind::Number,
    "At most so many, 20 without it, never more than 100.",
    "最多返回的条数，默认 20，最大 100。",
);
const DETAIL: Parameter = Parameter::query(
    "detail",
    Kind::Named,
    "There is more than the ids, whatever the value.",
    "返回 id 之外的详细信息；只看有没有这个参数，不看它的值。",
);
/// Attributes: any JSON is really any, it is kept as it is.
const ATTRIBUTES: Kind = Kind::Map(&Kind::Any);
/// Attributes as the whole body.
const SET: Parameter = Parameter::body(
    OTHERS,
    Kind::Any,
    "The attributes: any names, and any JSON as their values, which is kept as it is.",
    "自定义属性：名称任意，值可以是任意 JSON，原样保存。",
);
const ONLINE: Parameter = Parameter::body("online", Kind::Flag, "Whether they are online.", "是否在线。").required();
const ROW_ID: Parameter = Parameter::body("id", Kind::Text, "The id.", "标识。").required();
const SHOWN_ATTRIBUTES: Parameter = Parameter::body(
    "attributes",
    ATTRIBUTES,
    "The attributes: any JSON as their values.",
    "自定义属性，值可以是任意 JSON。",
)
.required();
const RECENT: Parameter = Parameter::body("recent", MESSAGE, "The last message.", "最后一条消息。");

/// What is there by its id alone, or with more.
macro_rules! listed {
    ($fields:expr) => {
        Kind::List(&Kind::OneOf(&[Kind::Text, Kind::Object($fields)]))
    };
}
use listed;

/// What searches take.
const SEARCH: &[Parameter] = &[
    Parameter::query(
        OTHERS,
        Kind::Text,
        "Only those that have this attribute with this value.",
        "只返回该属性等于这个值的对象。",
    ),
    Parameter::query("_skip", Kind::Number, "So many are passed over.", "跳过的条数。"),
    Parameter::query(
        "_limit",
        Kind::Number,
        "At most so many, 20 without it, never more than 100.",
        "最多返回的条数，默认 20，最大 100。",
    ),
    Parameter::query(
        "_sort",
        Kind::Text,
        "Attributes to sort by, with commas between; `-` before one turns its order.",
        "排序所依据的属性，以逗号分隔；前面加 `-` 表示倒序。",
    ),
];

/// Messages of a history.
const MESSAGES: Kind = Kind::List(&MESSAGE);

/// A message.
const MESSAGE: Kind = Kind::Object(&[
    Parameter::body("speaker", Kind::Text, "The id of who said it.", "说话者的用户标识。").required(),
    Parameter::body(
        "content",
        Kind::Object(&[
            Parameter::body(
                "media",
                Kind::Number,
                "0 text, 1 image, 2 audio, 3 video.",
                "0 文本，1 图片，2 音频，3 视频。",
            )
            .required(),
            Parameter::body("body", Kind::Text, "The text, or the URL of the content.", "文本，或内容的 URL。")
                .required(),
        ]),
        "What was said.",
        "消息内容。",
    )
    .required(),
    Parameter::body("ts", Kind::Number, "When, in milliseconds since 1970.", "时间，1970 年以来的毫秒数。").required(),
    // Clients write it.
    Parameter::body(
        "remark",
        Kind::Any,
        "What the sender's client added: any JSON.",
        "发送者的客户端附加的内容，可以是任意 JSON。",
    ),
]);

/// All calls, family by family.
pub const CALLS: &[&[Call<Run>]] = &[users::CALLS, groups::CALLS, rooms::CALLS, others::CALLS];
