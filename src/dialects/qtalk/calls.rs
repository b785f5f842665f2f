//! The calls of the API, one row each.

use futures::future::BoxFuture;

use super::context::Context;
use super::error::Failure;
use super::json::Json;
use super::replies::{Done, Endpoint};
use super::{member, notify, profile, room, staff, text, thirdmessage};
use crate::chat::types::right::Right::{
    Accounts, Answers, Archive, Bookmarks, Passwords, Reflection, RoomList, Rooms, SendAs, SenderCopy,
};
use crate::dialects::api::call::Method::{Delete, Get, Post, Put};
use crate::dialects::api::call::{About, Call, Kind, Parameter, Rights, Who};

/// The handler of a call.
#[derive(Clone, Copy)]
pub enum Run {
    /// One that takes a JSON body, and by whose name the shape of its replies is chosen.
    Body(Endpoint, for<'a> fn(&'a Context<'a>, &'a Json<'a>) -> BoxFuture<'a, Result<Done, Failure>>),
    /// The check of a token or password, which takes a query by any method.
    AuthUk,
    /// A photo that a vCard holds, for anybody who has its URL.
    Avatar,
}

macro_rules! body {
    ($endpoint:ident, $run:path) => {
        Run::Body(Endpoint::$endpoint, |context, body| Box::pin($run(context, body)))
    };
}

/// What is taken as text: numbers and truth values too, as callers in loosely typed languages send them.
const SCALAR: Kind = Kind::OneOf(&[Kind::Text, Kind::Number, Kind::Flag]);

const ROOM: Parameter =
    Parameter::body("muc_id", SCALAR, "The localpart of the room.", "房间的本地部分（localpart）。").required();
const SERVICE: Parameter =
    Parameter::body("muc_domain", SCALAR, "The service of the room.", "房间所在的服务。").required();
const OWNER: Parameter = Parameter::body(
    "muc_owner",
    SCALAR,
    "The owner of the room, or an admin: a localpart or an address.",
    "房间的所有者或管理员：本地部分或完整地址。",
);
const TRUE_OWNER: Parameter =
    Parameter::body("muc_true_owner", SCALAR, "Who counts in place of `muc_owner`.", "代替 `muc_owner` 的操作者。");
const OWNER_HOST: Parameter = Parameter::body(
    "muc_owner_host",
    SCALAR,
    "The domain of the owner; without it the gateway's.",
    "所有者的域名；不填则为网关的域名。",
);
const MEMBERS: Parameter = Parameter::body(
    "muc_member",
    Kind::List(&SCALAR),
    "The users: localparts or addresses.",
    "用户：本地部分或完整地址。",
);

/// What every call answers, with `data` of this kind.
macro_rules! reply {
    ($kind:expr) => {
        Kind::Object(&[
            Parameter::body("ret", Kind::Is(true), "True: it was done.", "为 true：已完成。").required(),
            Parameter::body("errcode", Kind::Number, "0, or the kind of failure.", "0，或失败的种类。").required(),
            Parameter::body("errmsg", Kind::Text, "What happened, for people.", "给人看的说明。").required(),
            Parameter::body("data", $kind, "What else there is to say; an empty text where there is nothing.", "其他要说的内容；没有则为空字符串。"),
        ])
    };
}

/// The data of what is sent.
const SENT: Kind = reply!(Kind::OneOf(&[
    Kind::Text,
    Kind::Object(&[Parameter::body(
        "archive_ids",
        Kind::List(&Kind::OrNull(&Kind::Text)),
        "The ids of the messages in archives, for calls that wait for that; null where a room says none.",
        "消息在归档中的 id，仅在调用要求等待归档时返回；房间没有给出时为 null。"
    )
    .required(),]),
]));
const DONE: Kind = reply!(Kind::Text);

/// The calls.
pub const CALLS: &[Call<Run>] = &[
    About::new("send_thirdmessage", &[Post], "/qtalk/send_thirdmessage", "Sends a message, given as XML, or a list of them.", "发送消息，以 XML 给出；可以是一条，也可以是一批。")
        .rights(&[Rights::always(&[Answers, SendAs, Accounts, Rooms, Reflection], &[SenderCopy, Archive])])
        .takes(&[
            Parameter::body("from", SCALAR, "The address of the sender.", "发送者的地址。").required(),
            Parameter::body("to", SCALAR, "The address of a user or a room.", "用户或房间的地址。").required(),
            Parameter::body("message", SCALAR, "The message: XML of one `<message>`.", "消息：一个 `<message>` 的 XML。").required(),
        ])
        .batch()
        .gives(200, SENT)
        .first_example(
            "/qtalk/send_thirdmessage",
            r#"{"from":"alice@{domain}","to":"bob@{domain}","message":"<message type=\"chat\"><body id=\"m1\" msgType=\"1\" maType=\"20\">Hello</body></message>"}"#,
        )
        .run(Run::Body(Endpoint::SendThirdmessage, thirdmessage::send_thirdmessage)),
    About::new("send_notify", &[Post], "/qtalk/send_notify", "Sends a notification to clients that are online; it is not stored.", "发送事件通知给在线的客户端，不存储。")
        .rights(&[Rights::always(&[Answers, SendAs, Accounts], &[])])
        .takes(&[
            Parameter::body("from", SCALAR, "The address of the sender.", "发送者的地址。").required(),
            Parameter::body("to", Kind::OneOf(&[Kind::Text, Kind::Number, Kind::Flag, Kind::List(&SCALAR)]), "The address of a user, or a list of them.", "用户的地址，或多个地址的列表。").required(),
            Parameter::body("category", SCALAR, "What it is about, for the client.", "事件的类别，供客户端使用。").required(),
            Parameter::body("data", Kind::Any, "What else the client needs: a text, or any JSON, which is passed on as its text.", "客户端需要的其他内容：文本，或任意 JSON（作为文本转发）。"),
        ])
        .gives(200, DONE)
        .example("/qtalk/send_notify", r#"{"from":"alice@{domain}","to":"bob@{domain}","category":"1","data":"x"}"#)
        .run(body!(SendNotify, notify::send_notify)),
    About::new("create_muc", &[Post], "/qtalk/create_muc", "Makes a room.", "建群。")
        .rights(&[Rights::always(&[Answers, Accounts, Rooms], &[Bookmarks, Archive])])
        .takes(&[
            ROOM,
            SERVICE,
            OWNER.required(),
            TRUE_OWNER,
            OWNER_HOST,
            Parameter::body("muc_name", SCALAR, "Its name.", "名称。"),
            Parameter::body("muc_desc", SCALAR, "Its description.", "描述。"),
        ])
        .gives(200, DONE)
        .first_example(
            "/qtalk/create_muc",
            r#"{"muc_id":"lobby","muc_owner":"alice","muc_domain":"{rooms}","muc_name":"Lobby","system":"demo"}"#,
        )
        .run(body!(CreateMuc, room::create_muc)),
    About::new("add_muc_user", &[Post], "/qtalk/add_muc_user", "Makes users members of a room, so that their clients show it.", "添加群用户，使其客户端显示该群。")
        .rights(&[Rights::always(&[Answers, SendAs, Accounts, Rooms], &[Bookmarks])])
        .takes(&[ROOM, SERVICE, OWNER, TRUE_OWNER, OWNER_HOST, MEMBERS])
        .gives(200, DONE)
        .first_example(
            "/qtalk/add_muc_user",
            r#"{"muc_id":"lobby","muc_owner":"alice","muc_domain":"{rooms}","muc_member":["bob"],"system":"demo"}"#,
        )
        .run(body!(AddMucUser, member::add_muc_user)),
    About::new("del_muc_user", &[Post], "/qtalk/del_muc_user", "Ends users' membership of a room.", "移除聊天室成员。")
        .rights(&[Rights::always(&[Answers, Accounts, Rooms], &[Bookmarks])])
        .takes(&[ROOM, SERVICE, OWNER.required(), TRUE_OWNER, OWNER_HOST, MEMBERS.required()])
        .gives(200, DONE)
        .example(
            "/qtalk/del_muc_user",
            r#"{"muc_id":"lobby","muc_owner":"alice","muc_domain":"{rooms}","muc_member":["bob"]}"#,
        )
        .run(body!(DelMucUser, member::del_muc_user)),
    About::new("destroy_muc", &[Post], "/qtalk/destroy_muc", "Destroys a room, for its owner or an admin.", "销毁群，只有所有者或管理员可以要求。")
        .rights(&[Rights::always(&[Answers, Rooms], &[Bookmarks])])
        .takes(&[
            ROOM,
            SERVICE,
            OWNER.required(),
            Parameter::body("host", SCALAR, "The domain of the owner; without it `muc_owner_host`, or the gateway's.", "所有者的域名；不填则为 `muc_owner_host`，或网关的域名。"),
        ])
        .gives(200, DONE)
        .example("/qtalk/destroy_muc", r#"{"muc_id":"lobby","muc_owner":"alice","muc_domain":"{rooms}"}"#)
        .run(body!(DestroyMuc, room::destroy_muc)),
    About::new("get_user_nick", &[Post], "/qtalk/get_user_nick", "Shows a user's nickname and the URL of their photo.", "获取用户的昵称和头像 URL。")
        .rights(&[Rights::always(&[Answers, Accounts], &[])])
        .takes(&[
            Parameter::body("ID", SCALAR, "The user: a localpart or an address.", "用户：本地部分或完整地址。").required(),
            Parameter::body("Domain", SCALAR, "Their domain.", "用户的域名。").required(),
        ])
        .gives(
            200,
            reply!(Kind::Object(&[
                Parameter::body("Nick", Kind::Text, "The nickname.", "昵称。").required(),
                Parameter::body("Vcard", Kind::OrNull(&Kind::Url), "The URL of the photo, or null.", "头像的 URL，没有则为 null。").required(),
            ])),
        )
        .example("/qtalk/get_user_nick", r#"{"ID":"alice","Domain":"{domain}"}"#)
        .run(body!(GetUserNick, profile::get_user_nick)),
    About::new("send_message", &[Post], "/qtalk/send_message", "Sends a text to users, or to a room.", "发送文本消息给用户或房间。")
        .rights(&[Rights::always(&[Answers, SendAs, Accounts, Rooms, Reflection], &[SenderCopy, Archive])])
        .takes(&[
            Parameter::body("From", SCALAR, "The sender: a localpart or an address.", "发送者：本地部分或完整地址。").required(),
            Parameter::body(
                "To",
                Kind::List(&Kind::Object(&[
                    Parameter::body("User", SCALAR, "The user, or the room: a localpart or an address.", "用户或房间：本地部分或完整地址。").required(),
                ])),
                "The recipients, or one room.", "收件人，或一个房间。",
            ).required(),
            Parameter::body("Body", SCALAR, "The text.", "文本。").required(),
            Parameter::body("Host", SCALAR, "The domain of the users; without it the gateway's.", "用户的域名；不填则为网关的域名。"),
            Parameter::body("Type", SCALAR, "`chat`, or `groupchat` for a room.", "`chat`；发给房间时为 `groupchat`。"),
            Parameter::body("Domain", SCALAR, "The service of the room.", "房间所在的服务。"),
            Parameter::body("Msg_Type", SCALAR, "The mark `msgType`; `1` without it.", "`msgType` 的值，默认 `1`。"),
            Parameter::body("Extend_Info", SCALAR, "The mark `extendInfo`.", "`extendInfo` 的值。"),
        ])
        .gives(200, SENT)
        .example(
            "/qtalk/send_message",
            r#"{"From":"alice","To":[{"User":"bob"}],"Body":"Hello","Host":"{domain}","Type":"chat"}"#,
        )
        .run(Run::Body(Endpoint::SendMessage, text::send_message)),
    About::new("muc_users", &[Post], "/qtalk/muc_users", "Lists who belongs to a room.", "获取群成员。")
        .rights(&[Rights::always(&[Answers, Rooms], &[])])
        .takes(&[ROOM, SERVICE, OWNER, TRUE_OWNER, OWNER_HOST])
        .gives(
            200,
            reply!(Kind::List(&Kind::Object(&[
                Parameter::body("U", Kind::Text, "The localpart of the member.", "成员的本地部分。").required(),
                Parameter::body("H", Kind::Text, "Their domain.", "用户的域名。").required(),
                Parameter::body("N", Kind::Text, "Their nickname.", "昵称。").required(),
            ]))),
        )
        .first_example("/qtalk/muc_users", r#"{"muc_id":"lobby","muc_owner":"alice","muc_domain":"{rooms}"}"#)
        .run(body!(MucUsers, member::muc_users)),
    About::new("auth_uk", &[Get, Post, Put, Delete], "/qtalk/auth_uk", "Tells whether a user's token, or their password, is right.", "检查用户的令牌或密码是否正确。")
        .rights(&[Rights::always(&[Passwords], &[])])
        .takes(&[
            Parameter::query("u", Kind::Text, "The user: a localpart or an address.", "用户：本地部分或完整地址。").required(),
            Parameter::query("k", Kind::Text, "The token or the password.", "令牌或密码。").required(),
        ])
        .gives(200, DONE)
        .example("/qtalk/auth_uk?u=alice&k={password}", "")
        .run(Run::AuthUk),
    About::new("clear_staff", &[Post], "/qtalk/clear_staff", "Takes users out of every room of their domain.", "把用户移出其域名下的所有房间。")
        .rights(&[Rights::always(&[Answers, Accounts, Rooms, RoomList], &[Bookmarks])])
        .takes(&[
            Parameter::body("users", Kind::List(&SCALAR), "The users: localparts or addresses.", "用户：本地部分或完整地址。").required(),
            Parameter::body("host", SCALAR, "Their domain; without it the gateway's.", "用户的域名；不填则为网关的域名。"),
        ])
        .gives(200, DONE)
        .example("/qtalk/clear_staff", r#"{"host":"{domain}","users":["nobody"]}"#)
        .run(body!(ClearStaff, staff::clear_staff)),
    About::new("avatar", &[Get], "/qtalk/avatar/{user}/{sha256}", "Shows the photo that a user's vCard holds.", "获取用户 vCard 中的照片。")
        .who(Who::Anybody)
        .takes(&[
            Parameter::path("user", "The address of the user.", "用户的地址。"),
            Parameter::path("sha256", "The hash of the photo, in hex.", "照片的散列值，十六进制。"),
        ])
        .gives(200, Kind::File)
        .example(
            "/qtalk/avatar/alice@{domain}/0000000000000000000000000000000000000000000000000000000000000000",
            "",
        )
        .run(Run::Avatar),
];
