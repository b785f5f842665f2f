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

const ID: Parameter = Parameter::path("id", "The number of the group.");
const PAGE: Parameter = Parameter::query("page", Kind::Text, "The page, from 1, or `last`: 20 entries each.");
const CODE: Parameter = Parameter::body("code", Kind::Text, "The group's code.").required();

const GROUP: &[Parameter] = &[
    Parameter::body("id", Kind::Number, "The number of the group.").required(),
    Parameter::body("name", Kind::Text, "Its name.").required(),
    Parameter::body("code", Kind::Text, "The code by which users join face to face, for members only.").required(),
    Parameter::body("cover", Kind::Text, "The URL of its picture, empty where it has none.").required(),
];
const USER: &[Parameter] = &[
    Parameter::body("id", Kind::Number, "The number of the user.").required(),
    Parameter::body("name", Kind::Text, "Their full name.").required(),
    Parameter::body("nick", Kind::Text, "Their nickname.").required(),
    Parameter::body("avatar", Kind::Text, "The URL of their picture.").required(),
    Parameter::body("username", Kind::Text, "The localpart of their address.").required(),
    Parameter::body("level", Kind::Text, "Their role.").required(),
];
const DONE: Kind = Kind::Object(&[Parameter::body("detail", Kind::Text, "That it was done.").required()]);

/// A page of these.
macro_rules! page {
    ($fields:expr) => {
        Kind::Object(&[
            Parameter::body("count", Kind::Number, "How many there are on all pages.").required(),
            Parameter::body("next", Kind::Text, "The URL of the next page, or null.").required(),
            Parameter::body("previous", Kind::Text, "The URL of the page before, or null.").required(),
            Parameter::body("results", Kind::List(&Kind::Object($fields)), "The entries.").required(),
        ])
    };
}

const MEMBERS: &[Rights] = &[Rights::always(&[Answers, Accounts, Rooms, Records], &[Bookmarks])];
const LISTS: &[Rights] = &[Rights::always(&[Answers, Accounts, Rooms, Records], &[])];

/// The calls.
pub const CALLS: &[Call<Run>] = &[
    About::new("login", &[Post], "/api/auth/login", "Gives a user their token, for their XMPP password.")
        .who(Who::Anybody)
        // Without records: tokens of others that are older than the account are not told apart.
        .rights(&[Rights::always(&[Answers, Accounts, Passwords], &[Records])])
        .takes(&[
            Parameter::body("username", Kind::Text, "The localpart of the user's address.").required(),
            Parameter::body("password", Kind::Text, "The password of their XMPP account.").required(),
        ])
        .gives(200, Kind::Object(&[Parameter::body("key", Kind::Text, "The token.").required()]))
        .first_example("/api/auth/login/", r#"{"username":"alice","password":"{password}"}"#)
        .run(Run::LogIn),
    About::new("token", &[Get], "/api/im/token", "Gives what the user's own XMPP client logs in with.")
        .who(Who::User)
        .rights(&[Rights::always(&[Answers, Accounts, Records, LoginTokens], &[])])
        .gives(200, Kind::Any)
        .run(user!(realtime::token)),
    About::new("group_create", &[Post], "/api/im/group", "Makes a group of the caller's.")
        .who(Who::User)
        // Without uploads: groups without a cover.
        .rights(&[Rights::always(&[Answers, Accounts, Rooms, Records], &[Bookmarks, Archive, Uploads])])
        .takes(&[
            Parameter::body("name", Kind::Text, "The group's name.").required(),
            Parameter::body("code", Kind::Text, "A code by which others join face to face."),
            Parameter::body("cover", Kind::File, "A picture."),
        ])
        .gives(201, Kind::Object(GROUP))
        .first_example("/api/im/group/", "name=Lobby&code=1234")
        .run(user!(groups::create)),
    About::new("groups", &[Get], "/api/im/group", "Lists the groups that the caller owns.")
        .who(Who::User)
        .rights(LISTS)
        .takes(&[PAGE])
        .gives(200, page!(GROUP))
        .first_example("/api/im/group/", "")
        .run(user!(groups::list)),
    About::new("group_join", &[Post], "/api/im/group/{id}/join", "Makes a user a member of a group of the caller's.")
        .who(Who::User)
        // The invitation comes from the member who brings somebody in.
        .rights(&[
            Rights::always(&[Answers, SendAs, Accounts, Rooms, Records], &[Bookmarks])
                .when(|config| !config.rongcloud.friends_only),
            // Where members bring in only those on their contact lists.
            Rights::always(&[Answers, SendAs, Accounts, Rooms, Records, Rosters], &[Bookmarks])
                .when(|config| config.rongcloud.friends_only),
        ])
        .takes(&[ID, Parameter::body("userid", Kind::Number, "The number of the user.").required()])
        .gives(200, DONE)
        .example("/api/im/group/1/join/", "userid=1")
        .run(user!(joining::join)),
    About::new("group_invite", &[Post], "/api/im/group/{id}/invite", "Makes the caller a member, who knows the code.")
        .who(Who::User)
        .rights(MEMBERS)
        .takes(&[ID, CODE])
        .gives(200, DONE)
        .example("/api/im/group/1/invite/", "code=1234")
        .run(user!(joining::invite)),
    About::new("group_quit", &[Get, Post], "/api/im/group/{id}/quit", "Ends the caller's membership.")
        .who(Who::User)
        .rights(MEMBERS)
        .takes(&[ID])
        .gives(200, DONE)
        .example("/api/im/group/1/quit/", "")
        .run(user!(members::quit)),
    About::new("group_users", &[Get], "/api/im/group/{id}/users", "Lists the members of a group of the caller's.")
        .who(Who::User)
        .rights(LISTS)
        .takes(&[ID, PAGE])
        .gives(200, page!(USER))
        .example("/api/im/group/1/users/", "")
        .run(user!(members::users)),
    About::new("group_dismiss", &[Get, Post], "/api/im/group/{id}/dismiss", "Destroys a group that the caller owns.")
        .who(Who::User)
        .rights(MEMBERS)
        .takes(&[ID])
        .gives(200, DONE)
        .example("/api/im/group/1/dismiss/", "")
        .run(user!(groups::dismiss)),
    About::new("group", &[Get], "/api/im/retrieve/{id}", "Shows a group to anybody, its code to members only.")
        .who(Who::Anybody)
        .rights(&[Rights::always(&[Answers, Rooms, Records], &[])])
        .takes(&[ID])
        .gives(200, Kind::Object(GROUP))
        .example("/api/im/retrieve/1/", "")
        .run(Run::Retrieve),
    About::new("avatar", &[Get], "/api/im/avatar/{id}/{sha256}", "Shows the picture that a user's vCard holds.")
        .who(Who::Anybody)
        .takes(&[
            Parameter::path("id", "The number of the user."),
            Parameter::path("sha256", "The hash of the picture, in hex."),
        ])
        .gives(200, Kind::File)
        .example("/api/im/avatar/1/0000000000000000000000000000000000000000000000000000000000000000/", "")
        .run(Run::Avatar),
];
