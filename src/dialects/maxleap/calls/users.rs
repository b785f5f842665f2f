//! Rows of users: themselves, their attributes, friends, strangers, groups and rooms.

use super::{ATTRIBUTES, DETAIL, KEY, LIMIT, MESSAGES, Run, SEARCH, TS, USER, run};
use crate::chat::types::right::Right::{
    AccountList, Accounts, Answers, Archive, Histories, Presence, Records, Rooms, Rosters,
};
use crate::dialects::api::call::Method::{Delete, Get, Post, Put};
use crate::dialects::api::call::{About, Call, Kind, Parameter, Rights};
use crate::dialects::maxleap::{attributes, chats, friends, groups, search, strangers, user};

const FRIEND: Parameter = Parameter::path("friend", "The id of the friend.");
const STRANGER: Parameter = Parameter::path("stranger", "The id of the stranger.");
const ONE: Rights = Rights::always(&[Answers, Accounts, Records], &[]);
const FRIENDS: &[Rights] = &[Rights::always(&[Answers, Accounts, Rosters, Presence, Records], &[Histories])];
const STRANGERS: &[Rights] = &[Rights::always(&[Answers, Accounts, Rosters, Histories, Presence], &[])];
const OBJECTS: &[Rights] = &[Rights::always(&[Answers, Accounts, Rooms, Records], &[Archive])];

/// The rows.
pub const CALLS: &[Call<Run>] = &[
    About::new("users", &[Get], "/ctx", "Searches users by their attributes.")
        .rights(&[Rights::always(&[Answers, Records, Presence], &[AccountList])])
        .takes(SEARCH)
        .gives(200, Kind::List(&Kind::Any))
        .example("/ctx?city=Shanghai&_limit=5", "")
        .run(run!(search::users)),
    About::new("user_attributes_merge", &[Post], "/ctx/{user}/attributes", "Sets attributes of a user; others stay.")
        .rights(&[ONE])
        .takes(&[USER])
        .gives(201, Kind::Nothing)
        .first_example("/ctx/alice/attributes", r#"{"city":"Shanghai","age":46}"#)
        .run(run!(attributes::of_user::merge)),
    About::new("user_attributes_replace", &[Put], "/ctx/{user}/attributes", "Sets all attributes of a user anew.")
        .rights(&[ONE])
        .takes(&[USER])
        .gives(201, Kind::Nothing)
        .example("/ctx/alice/attributes", r#"{"city":"Shanghai"}"#)
        .run(run!(attributes::of_user::replace)),
    About::new("user_attributes", &[Get], "/ctx/{user}/attributes", "Shows the attributes of a user.")
        .rights(&[ONE])
        .takes(&[USER])
        .gives(200, ATTRIBUTES)
        .example("/ctx/alice/attributes", "")
        .run(run!(attributes::of_user::all)),
    About::new("user_attributes_clear", &[Delete], "/ctx/{user}/attributes", "Removes all attributes of a user.")
        .rights(&[ONE])
        .takes(&[USER])
        .gives(204, Kind::Nothing)
        .example("/ctx/alice/attributes", "")
        .run(run!(attributes::of_user::clear)),
    About::new("user_attribute", &[Get], "/ctx/{user}/attributes/{key}", "Shows one attribute of a user.")
        .rights(&[ONE])
        .takes(&[USER, KEY])
        .gives(200, Kind::Any)
        .example("/ctx/alice/attributes/city", "")
        .run(run!(attributes::of_user::one)),
    About::new("friends", &[Get], "/ctx/{user}/friends", "Lists the friends of a user.")
        .rights(FRIENDS)
        .takes(&[USER, DETAIL])
        .gives(200, Kind::List(&Kind::Any))
        .example("/ctx/alice/friends?detail", "")
        .run(run!(friends::list)),
    About::new("friend_add", &[Post], "/ctx/{user}/friends/{friend}", "Makes two users friends.")
        .rights(FRIENDS)
        .takes(&[USER, FRIEND])
        .gives(201, Kind::Any)
        .first_example("/ctx/alice/friends/bob", "")
        .run(run!(friends::befriend)),
    About::new("friend", &[Get], "/ctx/{user}/friends/{friend}", "Shows whether and since when two users are friends.")
        .rights(FRIENDS)
        .takes(&[USER, FRIEND])
        .gives(200, Kind::Any)
        .example("/ctx/alice/friends/bob", "")
        .run(run!(friends::friendship)),
    About::new("friend_remove", &[Delete], "/ctx/{user}/friends/{friend}", "Ends the friendship of two users.")
        .rights(FRIENDS)
        .takes(&[USER, FRIEND])
        .gives(204, Kind::Nothing)
        .example("/ctx/alice/friends/bob", "")
        .run(run!(friends::unfriend)),
    About::new(
        "friend_chats",
        &[Get],
        "/ctx/{user}/friends/{friend}/chats",
        "Shows what two friends wrote to each other.",
    )
    .rights(&[Rights::always(&[Answers, Accounts, Rosters, Histories], &[])])
    .takes(&[USER, FRIEND, TS, LIMIT])
    .gives(200, MESSAGES)
    .example("/ctx/alice/friends/bob/chats?limit=5", "")
    .run(run!(chats::friend)),
    About::new(
        "strangers",
        &[Get],
        "/ctx/{user}/strangers",
        "Lists with whom a user wrote who is no friend of theirs.",
    )
    .rights(STRANGERS)
    .takes(&[
        USER,
        DETAIL,
        Parameter::query("ids", Kind::Text, "Only these, with commas between."),
        Parameter::query("skip", Kind::Number, "So many are passed over."),
        LIMIT,
    ])
    .gives(200, Kind::List(&Kind::Any))
    .example("/ctx/alice/strangers", "")
    .run(run!(strangers::list)),
    About::new(
        "stranger",
        &[Get],
        "/ctx/{user}/strangers/{stranger}",
        "Shows the last that a user and a stranger wrote.",
    )
    .rights(STRANGERS)
    .takes(&[USER, STRANGER])
    .gives(200, Kind::Any)
    .example("/ctx/alice/strangers/bob", "")
    .run(run!(strangers::look)),
    About::new(
        "stranger_chats",
        &[Get],
        "/ctx/{user}/strangers/{stranger}/chats",
        "Shows what a user and a stranger wrote.",
    )
    .rights(STRANGERS)
    .takes(&[USER, STRANGER, TS, LIMIT])
    .gives(200, MESSAGES)
    .example("/ctx/alice/strangers/bob/chats", "")
    .run(run!(chats::stranger)),
    About::new("user_groups", &[Get], "/ctx/{user}/groups", "Lists the groups of a user.")
        .rights(OBJECTS)
        .takes(&[USER, DETAIL])
        .gives(200, Kind::List(&Kind::Any))
        .example("/ctx/alice/groups?detail", "")
        .run(run!(groups::of_user)),
    About::new("user_rooms", &[Get], "/ctx/{user}/rooms", "Lists the rooms of a user.")
        .rights(OBJECTS)
        .takes(&[USER, DETAIL])
        .gives(200, Kind::List(&Kind::Any))
        .example("/ctx/alice/rooms", "")
        .run(run!(groups::rooms_of_user)),
    // Reading one object: library 4 posts where it should get.
    About::new("user", &[Get, Post], "/ctx/{user}", "Shows all that is known of a user.")
        .rights(&[Rights::always(&[Answers, Accounts, Records, Rosters, Rooms, Presence], &[])])
        .takes(&[USER])
        .gives(200, Kind::Any)
        .first_example("/ctx/alice", "")
        .run(run!(user::look)),
];
