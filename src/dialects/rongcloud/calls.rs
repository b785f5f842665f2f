//! The calls of the API, one row each.

use futures::future::BoxFuture;

use super::context::{Asked, Context};
use super::error::Failure;
use super::wire::Reply;
use super::{groups, joining, members, realtime};
use crate::chat::types::right::Right::{
    Accounts, Answers, Archive, Bookmarks, LoginTokens, Passwords, Records, Rooms, Rosters, SendAs, Uploads,
};
use crate::dialects::api::call::Method::{Get, Post};
use crate::dialects::api::call::{About, Call, Kind, Parameter, Rights, Who};

/// The handler of a call.
#[derive(Clone, Copy)]
pub enum Run {
    /// For logged-in users.
    User(for<'a> fn(&'a Context<'a>, Asked<'a>) -> BoxFuture<'a, Result<Reply, Failure>>),
    /// A log-in.
    LogIn,
    /// A group, for anybody.
    Retrieve,
    /// A picture, for anybody who has its URL.
    Avatar,
}

macro_rules! user {
    ($endpoint:path) => {
        Run::User(|context, asked| Box::pin($endpoint(context, asked)))
    };
}

const ID: Parameter = Parameter::path("id", "The number of the group.", "群组编号。");
const PAGE: Parameter = Parameter::query(
    "page",
    Kind::Text,
    "The page, from 1, or `last`: 20 entries each.",
    "页码，从 1 开始，或 `last`；每页 20 条。",
);
const CODE: Parameter = Parameter::body("code", Kind::Text, "The group's code.", "群组的口令。").required();

const GROUP: &[Parameter] = &[
    Parameter::body("id", Kind::Number, "The number of the group.", "群组编号。").required(),
    Parameter::body("name", Kind::Text, "Its name.", "名称。").required(),
    Parameter::body(
        "code",
        Kind::Text,
        "The code by which users join face to face, for members only.",
        "面对面加群的口令，只显示给成员。",
    )
    .required(),
    Parameter::body("cover", Kind::Url, "The URL of its picture, empty where it has none.", "封面的 URL，没有则为空。")
        .required(),
];
const USER: &[Parameter] = &[
    Parameter::body("id", Kind::Number, "The number of the user.", "用户编号。").required(),
    Parameter::body("name", Kind::Text, "Their full name.", "全名。").required(),
    Parameter::body("nick", Kind::Text, "Their nickname.", "昵称。").required(),
    Parameter::body("avatar", Kind::Url, "The URL of their picture.", "头像的 URL。").required(),
    Parameter::body("username", Kind::Text, "The localpart of their address.", "地址的本地部分。").required(),
    Parameter::body("level", Kind::Text, "Their role.", "角色。").required(),
];
/// What an XMPP client logs in with.
const CREDENTIAL: Kind = Kind::Object(&[
    Parameter::body("key", Kind::Text, "The credential.", "登录凭证。").required(),
    Parameter::body("mechanism", Kind::Text, "The SASL mechanism that takes it.", "接受该凭证的 SASL 机制。")
        .required(),
    Parameter::body("id", Kind::OrNull(&Kind::Number), "The number of the user.", "用户编号。").required(),
    Parameter::body("jid", Kind::Text, "Their JID.", "JID。").required(),
    Parameter::body("domain", Kind::Text, "Their domain.", "用户的域名。").required(),
    Parameter::body(
        "address",
        Kind::OrNull(&Kind::Text),
        "Where clients connect to by TCP, or null.",
        "客户端用 TCP 连接的地址，没有则为 null。",
    )
    .required(),
    Parameter::body(
        "websocket",
        Kind::OrNull(&Kind::Url),
        "Where they connect to by WebSocket, or null.",
        "客户端用 WebSocket 连接的地址，没有则为 null。",
    )
    .required(),
    Parameter::body("expires_in", Kind::Number, "For so many seconds the credential is good.", "凭证的有效秒数。")
        .required(),
]);
const DONE: Kind = Kind::Object(&[Parameter::body("detail", Kind::Text, "That it was done.", "已完成。").required()]);

/// A page of these.
macro_rules! page {
    ($fields:expr) => {
        Kind::Object(&[
            Parameter::body("count", Kind::Number, "How many there are on all pages.", "全部页的总条数。").required(),
            Parameter::body("next", Kind::OrNull(&Kind::Url), "The URL of the next page, or null.", "下一页的 URL，没有则为 null。").required(),
            Parameter::body("previous", Kind::OrNull(&Kind::Url), "The URL of the page before, or null.", "上一页的 URL，没有则为 null。").required(),
            Parameter::body("results", Kind::List(&Kind::Object($fields)), "The entries.", "条目。").required(),
        ])
    };
}

const MEMBERS: &[Rights] = &[Rights::always(&[Answers, Accounts, Rooms, Records], &[Bookmarks])];
const LISTS: &[Rights] = &[Rights::always(&[Answers, Accounts, Rooms, Records], &[])];

/// The calls.
pub const CALLS: &[Call<Run>] = &[
    About::new(
        "login",
        &[Post],
        "/api/auth/login",
        "Gives a user their token, for their XMPP password.",
        "用户登录，以 XMPP 密码换取令牌。",
    )
    .who(Who::Anybody)
    // Without records: tokens of others that are older than the account are not told apart.
    .rights(&[Rights::always(&[Answers, Accounts, Passwords], &[Records])])
    .takes(&[
        Parameter::body("username", Kind::Text, "The localpart of the user's address.", "用户地址的本地部分。")
            .required(),
        Parameter::body("password", Kind::Text, "The password of their XMPP account.", "XMPP 账号的密码。").required(),
    ])
    .gives(200, Kind::Object(&[Parameter::body("key", Kind::Text, "The token.", "令牌。").required()]))
    .first_example("/api/auth/login/", r#"{"username":"alice","password":"{password}"}"#)
    .run(Run::LogIn),
    About::new(
        "token",
        &[Get],
        "/api/im/token",
        "Gives what the user's own XMPP client logs in with.",
        "获取用户的 XMPP 客户端登录所需的凭证。",
    )
    .who(Who::User)
    .rights(&[Rights::always(&[Answers, Accounts, Records, LoginTokens], &[])])
    .gives(200, CREDENTIAL)
    .example("/api/im/token/", "")
    .run(user!(realtime::token)),
    About::new("group_create", &[Post], "/api/im/group", "Makes a group of the caller's.", "创建群组。")
        .who(Who::User)
        // Without uploads: groups without a cover.
        .rights(&[Rights::always(&[Answers, Accounts, Rooms, Records], &[Bookmarks, Archive, Uploads])])
        .takes(&[
            Parameter::body("name", Kind::Text, "The group's name.", "群组名称。").required(),
            Parameter::body("code", Kind::Text, "A code by which others join face to face.", "面对面加群的口令。"),
            Parameter::body("cover", Kind::File, "A picture.", "封面图片。"),
        ])
        .gives(201, Kind::Object(GROUP))
        .first_example("/api/im/group/", "name=Lobby&code=1234")
        .run(user!(groups::create)),
    About::new(
        "groups",
        &[Get],
        "/api/im/group",
        "Lists the groups that the caller owns.",
        "获取调用者拥有的群组列表。",
    )
    .who(Who::User)
    .rights(LISTS)
    .takes(&[PAGE])
    .gives(200, page!(GROUP))
    .first_example("/api/im/group/", "")
    .run(user!(groups::list)),
    About::new(
        "group_join",
        &[Post],
        "/api/im/group/{id}/join",
        "Makes a user a member of a group of the caller's.",
        "把一个用户加入调用者所在的群组。",
    )
    .who(Who::User)
    // The invitation comes from the member who brings somebody in.
    .rights(&[
        Rights::always(&[Answers, SendAs, Accounts, Rooms, Records], &[Bookmarks])
            .when(|config| !config.rongcloud.friends_only),
        // Where members bring in only those on their contact lists.
        Rights::always(&[Answers, SendAs, Accounts, Rooms, Records, Rosters], &[Bookmarks])
            .when(|config| config.rongcloud.friends_only),
    ])
    .takes(&[
        ID,
        Parameter::body("userid", Kind::OneOf(&[Kind::Number, Kind::Text]), "The number of the user.", "用户编号。")
            .required(),
    ])
    .gives(
        200,
        Kind::Object(&[
            Parameter::body("userid", Kind::Text, "The number, as it was sent.", "发来的用户编号。").required()
        ]),
    )
    .example("/api/im/group/1/join/", "userid=1")
    .run(user!(joining::join)),
    About::new(
        "group_invite",
        &[Post],
        "/api/im/group/{id}/invite",
        "Makes the caller a member, who knows the code.",
        "凭口令加入群组。",
    )
    .who(Who::User)
    .rights(MEMBERS)
    .takes(&[ID, CODE])
    .gives(200, DONE)
    .example("/api/im/group/1/invite/", "code=1234")
    .run(user!(joining::invite)),
    About::new("group_quit", &[Get, Post], "/api/im/group/{id}/quit", "Ends the caller's membership.", "退出群组。")
        .who(Who::User)
        .rights(MEMBERS)
        .takes(&[ID])
        .gives(200, DONE)
        .example("/api/im/group/1/quit/", "")
        .run(user!(members::quit)),
    About::new(
        "group_users",
        &[Get],
        "/api/im/group/{id}/users",
        "Lists the members of a group of the caller's.",
        "获取调用者所在群组的成员列表。",
    )
    .who(Who::User)
    .rights(LISTS)
    .takes(&[ID, PAGE])
    .gives(200, page!(USER))
    .example("/api/im/group/1/users/", "")
    .run(user!(members::users)),
    About::new(
        "group_dismiss",
        &[Get, Post],
        "/api/im/group/{id}/dismiss",
        "Destroys a group that the caller owns.",
        "解散调用者拥有的群组。",
    )
    .who(Who::User)
    .rights(MEMBERS)
    .takes(&[ID])
    .gives(200, DONE)
    .example("/api/im/group/1/dismiss/", "")
    .run(user!(groups::dismiss)),
    About::new(
        "group",
        &[Get],
        "/api/im/retrieve/{id}",
        "Shows a group to anybody, its code to members only.",
        "获取群组信息，任何人都可以；口令只显示给成员。",
    )
    .who(Who::Anybody)
    .rights(&[Rights::always(&[Answers, Rooms, Records], &[])])
    .takes(&[ID])
    .gives(200, Kind::Object(GROUP))
    .example("/api/im/retrieve/1/", "")
    .run(Run::Retrieve),
    About::new(
        "avatar",
        &[Get],
        "/api/im/avatar/{id}/{sha256}",
        "Shows the picture that a user's vCard holds.",
        "获取用户 vCard 中的头像。",
    )
    .who(Who::Anybody)
    .takes(&[
        Parameter::path("id", "The number of the user.", "用户编号。"),
        Parameter::path("sha256", "The hash of the picture, in hex.", "头像的散列值，十六进制。"),
    ])
    .gives(200, Kind::File)
    .example("/api/im/avatar/1/0000000000000000000000000000000000000000000000000000000000000000/", "")
    .run(Run::Avatar),
];
