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

const ROOM: Parameter = Parameter::body("muc_id", Kind::Text, "The localpart of the room.").required();
const SERVICE: Parameter = Parameter::body("muc_domain", Kind::Text, "The service of the room.").required();
const OWNER: Parameter =
    Parameter::body("muc_owner", Kind::Text, "The owner of the room, or an admin: a localpart or an address.");
const TRUE_OWNER: Parameter = Parameter::body("muc_true_owner", Kind::Text, "Who counts in place of `muc_owner`.");
const OWNER_HOST: Parameter =
    Parameter::body("muc_owner_host", Kind::Text, "The domain of the owner; without it the gateway's.");
const MEMBERS: Parameter =
    Parameter::body("muc_member", Kind::List(&Kind::Any), "The users: localparts or addresses.").required();

/// What every call answers, with `data` of this kind.
macro_rules! reply {
    ($kind:expr) => {
        Kind::Object(&[
            Parameter::body("ret", Kind::Flag, "Whether it was done.").required(),
            Parameter::body("errcode", Kind::Number, "0, or the kind of failure.").required(),
            Parameter::body("errmsg", Kind::Text, "What happened, for people.").required(),
            Parameter::body("data", $kind, "What else there is to say; an empty text where there is nothing."),
        ])
    };
}

const SENT: Kind = reply!(Kind::Any);
const DONE: Kind = reply!(Kind::Text);

/// The calls.
pub const CALLS: &[Call<Run>] = &[
    About::new("send_thirdmessage", &[Post], "/qtalk/send_thirdmessage", "Sends a message, given as XML, or a list of them.")
        .rights(&[Rights::always(&[Answers, SendAs, Accounts, Rooms, Reflection], &[SenderCopy, Archive])])
        .takes(&[
            Parameter::body("from", Kind::Text, "The address of the sender.").required(),
            Parameter::body("to", Kind::Text, "The address of a user or a room.").required(),
            Parameter::body("message", Kind::Text, "The message: XML of one `<message>`.").required(),
        ])
        .gives(200, SENT)
        .first_example(
            "/qtalk/send_thirdmessage",
            r#"{"from":"alice@{domain}","to":"bob@{domain}","message":"<message type=\"chat\"><body id=\"m1\" msgType=\"1\" maType=\"20\">Hello</body></message>"}"#,
        )
        .run(Run::Body(Endpoint::SendThirdmessage, thirdmessage::send_thirdmessage)),
    About::new("send_notify", &[Post], "/qtalk/send_notify", "Sends a notification to clients that are online; it is not stored.")
        .rights(&[Rights::always(&[Answers, SendAs, Accounts], &[])])
        .takes(&[
            Parameter::body("from", Kind::Text, "The address of the sender.").required(),
            Parameter::body("to", Kind::Any, "The address of a user, or a list of them.").required(),
            Parameter::body("category", Kind::Text, "What it is about, for the client.").required(),
            Parameter::body("data", Kind::Any, "What else the client needs."),
        ])
        .gives(200, DONE)
        .example("/qtalk/send_notify", r#"{"from":"alice@{domain}","to":"bob@{domain}","category":"1","data":"x"}"#)
        .run(body!(SendNotify, notify::send_notify)),
    About::new("create_muc", &[Post], "/qtalk/create_muc", "Makes a room.")
        .rights(&[Rights::always(&[Answers, Accounts, Rooms], &[Bookmarks, Archive])])
        .takes(&[
            ROOM,
            SERVICE,
            OWNER.required(),
            TRUE_OWNER,
            OWNER_HOST,
            Parameter::body("muc_name", Kind::Text, "Its name."),
            Parameter::body("muc_desc", Kind::Text, "Its description."),
        ])
        .gives(200, DONE)
        .first_example(
            "/qtalk/create_muc",
            r#"{"muc_id":"lobby","muc_owner":"alice","muc_domain":"{rooms}","muc_name":"Lobby","system":"demo"}"#,
        )
        .run(body!(CreateMuc, room::create_muc)),
    About::new("add_muc_user", &[Post], "/qtalk/add_muc_user", "Makes users members of a room, so that their clients show it.")
        .rights(&[Rights::always(&[Answers, SendAs, Accounts, Rooms], &[Bookmarks])])
        .takes(&[ROOM, SERVICE, OWNER, TRUE_OWNER, OWNER_HOST, MEMBERS])
        .gives(200, DONE)
        .first_example(
            "/qtalk/add_muc_user",
            r#"{"muc_id":"lobby","muc_owner":"alice","muc_domain":"{rooms}","muc_member":["bob"],"system":"demo"}"#,
        )
        .run(body!(AddMucUser, member::add_muc_user)),
    About::new("del_muc_user", &[Post], "/qtalk/del_muc_user", "Ends users' membership of a room.")
        .rights(&[Rights::always(&[Answers, Accounts, Rooms], &[Bookmarks])])
        .takes(&[ROOM, SERVICE, OWNER, TRUE_OWNER, OWNER_HOST, MEMBERS])
        .gives(200, DONE)
        .example(
            "/qtalk/del_muc_user",
            r#"{"muc_id":"lobby","muc_owner":"alice","muc_domain":"{rooms}","muc_member":["bob"]}"#,
        )
        .run(body!(DelMucUser, member::del_muc_user)),
    About::new("destroy_muc", &[Post], "/qtalk/destroy_muc", "Destroys a room, for its owner or an admin.")
        .rights(&[Rights::always(&[Answers, Rooms], &[Bookmarks])])
        .takes(&[
            ROOM,
            SERVICE,
            OWNER.required(),
            Parameter::body("host", Kind::Text, "The domain of the owner; without it `muc_owner_host`, or the gateway's."),
        ])
        .gives(200, DONE)
        .example("/qtalk/destroy_muc", r#"{"muc_id":"lobby","muc_owner":"alice","muc_domain":"{rooms}"}"#)
        .run(body!(DestroyMuc, room::destroy_muc)),
    About::new("get_user_nick", &[Post], "/qtalk/get_user_nick", "Shows a user's nickname and the URL of their photo.")
        .rights(&[Rights::always(&[Answers, Accounts], &[])])
        .takes(&[
            Parameter::body("ID", Kind::Text, "The user: a localpart or an address.").required(),
            Parameter::body("Domain", Kind::Text, "Their domain.").required(),
        ])
        .gives(
            200,
            reply!(Kind::Object(&[
                Parameter::body("Nick", Kind::Text, "The nickname.").required(),
                Parameter::body("Vcard", Kind::Text, "The URL of the photo, or null.").required(),
            ])),
        )
        .example("/qtalk/get_user_nick", r#"{"ID":"alice","Domain":"{domain}"}"#)
        .run(body!(GetUserNick, profile::get_user_nick)),
    About::new("send_message", &[Post], "/qtalk/send_message", "Sends a text to users, or to a room.")
        .rights(&[Rights::always(&[Answers, SendAs, Accounts, Rooms, Reflection], &[SenderCopy, Archive])])
        .takes(&[
            Parameter::body("From", Kind::Text, "The sender: a localpart or an address.").required(),
            Parameter::body("To", Kind::List(&Kind::Any), "The recipients: `{\"User\":\"bob\"}` each, or one room.").required(),
            Parameter::body("Body", Kind::Text, "The text.").required(),
            Parameter::body("Host", Kind::Text, "The domain of the users; without it the gateway's."),
            Parameter::body("Type", Kind::Text, "`chat`, or `groupchat` for a room."),
            Parameter::body("Domain", Kind::Text, "The service of the room."),
            Parameter::body("Msg_Type", Kind::Text, "The mark `msgType`; `1` without it."),
            Parameter::body("Extend_Info", Kind::Text, "The mark `extendInfo`."),
        ])
        .gives(200, SENT)
        .example(
            "/qtalk/send_message",
            r#"{"From":"alice","To":[{"User":"bob"}],"Body":"Hello","Host":"{domain}","Type":"chat"}"#,
        )
        .run(Run::Body(Endpoint::SendMessage, text::send_message)),
    About::new("muc_users", &[Post], "/qtalk/muc_users", "Lists who belongs to a room.")
        .rights(&[Rights::always(&[Answers, Rooms], &[])])
        .takes(&[ROOM, SERVICE, OWNER, TRUE_OWNER, OWNER_HOST])
        .gives(200, reply!(Kind::List(&Kind::Any)))
        .first_example("/qtalk/muc_users", r#"{"muc_id":"lobby","muc_owner":"alice","muc_domain":"{rooms}"}"#)
        .run(body!(MucUsers, member::muc_users)),
    About::new("auth_uk", &[Get, Post, Put, Delete], "/qtalk/auth_uk", "Tells whether a user's token, or their password, is right.")
        .rights(&[Rights::always(&[Passwords], &[])])
        .takes(&[
            Parameter::query("u", Kind::Text, "The user: a localpart or an address.").required(),
            Parameter::query("k", Kind::Text, "The token or the password.").required(),
        ])
        .gives(200, DONE)
        .example("/qtalk/auth_uk?u=alice&k={password}", "")
        .run(Run::AuthUk),
    About::new("clear_staff", &[Post], "/qtalk/clear_staff", "Takes users out of every room of their domain.")
        .rights(&[Rights::always(&[Answers, Accounts, Rooms, RoomList], &[Bookmarks])])
        .takes(&[
            Parameter::body("users", Kind::List(&Kind::Any), "The users: localparts or addresses.").required(),
            Parameter::body("host", Kind::Text, "Their domain; without it the gateway's."),
        ])
        .gives(200, DONE)
        .example("/qtalk/clear_staff", r#"{"host":"{domain}","users":["nobody"]}"#)
        .run(body!(ClearStaff, staff::clear_staff)),
    About::new("avatar", &[Get], "/qtalk/avatar/{user}/{sha256}", "Shows the photo that a user's vCard holds.")
        .who(Who::Anybody)
        .takes(&[
            Parameter::path("user", "The address of the user."),
            Parameter::path("sha256", "The hash of the photo, in hex."),
        ])
        .gives(200, Kind::File)
        .example(
            "/qtalk/avatar/alice@{domain}/0000000000000000000000000000000000000000000000000000000000000000",
            "",
        )
        .run(Run::Avatar),
];
