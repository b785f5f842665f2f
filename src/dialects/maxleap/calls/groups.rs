//! Rows of groups and of rooms.

use super::{ATTRIBUTES, KEY, LIMIT, MESSAGES, Run, SEARCH, TS, USER, run};
use crate::chat::types::right::Right::{Accounts, Answers, Archive, Bookmarks, Records, RoomList, Rooms};
use crate::dialects::api::call::Method::{Delete, Get, Post, Put};
use crate::dialects::api::call::{About, Call, Kind, Parameter, Rights};
use crate::dialects::maxleap::{attributes, chats, groups, members};

const GROUP: Parameter = Parameter::path("group", "The id of the group.");
const ROOM: Parameter = Parameter::path("room", "The id of the room.");
const OWNER: Parameter = Parameter::body("owner", Kind::Text, "The id of the owner.");
const MEMBERS: Parameter = Parameter::body("members", Kind::List(&Kind::Text), "The ids of the members.");
const NAME: Parameter = Parameter::body("name", Kind::Text, "The name.");
const CREATE_GROUP: &[Parameter] = &[OWNER.required(), MEMBERS, NAME];
const CREATE_ROOM: &[Parameter] = &[MEMBERS, NAME];
const OBJECTS: &[Rights] = &[Rights::always(&[Answers, Accounts, Rooms, RoomList, Records], &[Bookmarks])];
const CHATS: &[Rights] = &[Rights::always(&[Answers, Rooms, Archive, Records], &[])];

/// The rows of groups.
pub const GROUPS: &[Call<Run>] = &[
    About::new("group_create", &[Post], "/groups", "Makes a group of users, with an owner.")
        .rights(OBJECTS)
        .takes(CREATE_GROUP)
        .gives(201, Kind::Text)
        .first_example("/groups", r#"{"owner":"alice","members":["bob"],"name":"Lobby"}"#)
        .run(run!(groups::create_group)),
    About::new("groups", &[Get], "/groups", "Searches groups by their attributes.")
        .rights(OBJECTS)
        .takes(SEARCH)
        .gives(200, Kind::List(&Kind::Any))
        .example("/groups?name=Lobby", "")
        .run(run!(groups::search_groups)),
    // As with users.
    About::new("group", &[Get, Post], "/groups/{group}", "Shows a group.")
        .rights(OBJECTS)
        .takes(&[GROUP])
        .gives(200, Kind::Any)
        .example("/groups/lobby", "")
        .run(run!(groups::group)),
    About::new(
        "group_update",
        &[Put],
        "/groups/{group}",
        "Changes owner and members of a group; a list of members is the whole of them.",
    )
    .rights(OBJECTS)
    .takes(&[GROUP, OWNER, MEMBERS])
    .gives(201, Kind::Nothing)
    .example("/groups/lobby", r#"{"members":["bob"]}"#)
    .run(run!(groups::update_group)),
    About::new("group_delete", &[Delete], "/groups/{group}", "Destroys a group.")
        .rights(OBJECTS)
        .takes(&[GROUP])
        .gives(204, Kind::Nothing)
        .example("/groups/lobby", "")
        .run(run!(groups::delete_group)),
    About::new(
        "group_attributes_merge",
        &[Post],
        "/groups/{group}/attributes",
        "Sets attributes of a group; others stay.",
    )
    .rights(OBJECTS)
    .takes(&[GROUP])
    .gives(201, Kind::Nothing)
    .example("/groups/lobby/attributes", r#"{"name":"Lobby"}"#)
    .run(run!(attributes::of_group::merge)),
    About::new(
        "group_attributes_replace",
        &[Put],
        "/groups/{group}/attributes",
        "Sets all attributes of a group anew.",
    )
    .rights(OBJECTS)
    .takes(&[GROUP])
    .gives(201, Kind::Nothing)
    .example("/groups/lobby/attributes", r#"{"name":"Lobby"}"#)
    .run(run!(attributes::of_group::replace)),
    About::new("group_attributes", &[Get], "/groups/{group}/attributes", "Shows the attributes of a group.")
        .rights(OBJECTS)
        .takes(&[GROUP])
        .gives(200, ATTRIBUTES)
        .example("/groups/lobby/attributes", "")
        .run(run!(attributes::of_group::all)),
    About::new("group_attributes_clear", &[Delete], "/groups/{group}/attributes", "Removes all attributes of a group.")
        .rights(OBJECTS)
        .takes(&[GROUP])
        .gives(204, Kind::Nothing)
        .example("/groups/lobby/attributes", "")
        .run(run!(attributes::of_group::clear)),
    About::new("group_attribute", &[Get], "/groups/{group}/attributes/{key}", "Shows one attribute of a group.")
        .rights(OBJECTS)
        .takes(&[GROUP, KEY])
        .gives(200, Kind::Any)
        .example("/groups/lobby/attributes/name", "")
        .run(run!(attributes::of_group::one)),
    About::new("group_members_add", &[Post], "/groups/{group}/members", "Makes users members of a group.")
        .rights(OBJECTS)
        .takes(&[GROUP, MEMBERS.required()])
        .gives(201, Kind::Nothing)
        .example("/groups/lobby/members", r#"{"members":["bob"]}"#)
        .run(run!(members::add_to_group)),
    About::new("group_members_remove", &[Delete], "/groups/{group}/members", "Ends users' membership of a group.")
        .rights(OBJECTS)
        .takes(&[GROUP, MEMBERS.required()])
        .gives(204, Kind::Nothing)
        .example("/groups/lobby/members", r#"{"members":["bob"]}"#)
        .run(run!(members::remove_from_group)),
    About::new("group_join", &[Post], "/groups/{group}/members/{user}", "Makes one user a member of a group.")
        .rights(OBJECTS)
        .takes(&[GROUP, USER])
        .gives(201, Kind::Nothing)
        .example("/groups/lobby/members/bob", "")
        .run(run!(members::join_group)),
    About::new("group_leave", &[Delete], "/groups/{group}/members/{user}", "Ends one user's membership of a group.")
        .rights(OBJECTS)
        .takes(&[GROUP, USER])
        .gives(204, Kind::Nothing)
        .example("/groups/lobby/members/bob", "")
        .run(run!(members::leave_group)),
    About::new("group_chats", &[Get], "/groups/{group}/chats", "Shows what was said in a group.")
        .rights(CHATS)
        .takes(&[GROUP, TS, LIMIT])
        .gives(200, MESSAGES)
        .example("/groups/lobby/chats?limit=5", "")
        .run(run!(chats::group)),
    About::new("group_chats_clear", &[Delete], "/groups/{group}/chats", "Ends the history of a group so far.")
        .rights(CHATS)
        .takes(&[GROUP])
        .gives(204, Kind::Nothing)
        .example("/groups/lobby/chats", "")
        .run(run!(chats::clear_group)),
];

/// The rows of rooms.
pub const ROOMS: &[Call<Run>] = &[
    About::new("room_create", &[Post], "/rooms", "Makes an open room.")
        .rights(OBJECTS)
        .takes(CREATE_ROOM)
        .gives(201, Kind::Text)
        .example("/rooms", r#"{"members":["bob"],"name":"Hall"}"#)
        .run(run!(groups::create_room)),
    About::new("rooms", &[Get], "/rooms", "Searches rooms by their attributes.")
        .rights(OBJECTS)
        .takes(SEARCH)
        .gives(200, Kind::List(&Kind::Any))
        .example("/rooms?name=Lobby", "")
        .run(run!(groups::search_rooms)),
    // As with users.
    About::new("room", &[Get, Post], "/rooms/{room}", "Shows a room.")
        .rights(OBJECTS)
        .takes(&[ROOM])
        .gives(200, Kind::Any)
        .example("/rooms/lobby", "")
        .run(run!(groups::room)),
    About::new("room_update", &[Put], "/rooms/{room}", "Changes the members of a room; the list is the whole of them.")
        .rights(OBJECTS)
        .takes(&[ROOM, MEMBERS])
        .gives(201, Kind::Nothing)
        .example("/rooms/lobby", r#"{"members":["bob"]}"#)
        .run(run!(groups::update_room)),
    About::new("room_delete", &[Delete], "/rooms/{room}", "Destroys a room.")
        .rights(OBJECTS)
        .takes(&[ROOM])
        .gives(204, Kind::Nothing)
        .example("/rooms/lobby", "")
        .run(run!(groups::delete_room)),
    About::new("room_attributes_merge", &[Post], "/rooms/{room}/attributes", "Sets attributes of a room; others stay.")
        .rights(OBJECTS)
        .takes(&[ROOM])
        .gives(201, Kind::Nothing)
        .example("/rooms/lobby/attributes", r#"{"name":"Lobby"}"#)
        .run(run!(attributes::of_room::merge)),
    About::new("room_attributes_replace", &[Put], "/rooms/{room}/attributes", "Sets all attributes of a room anew.")
        .rights(OBJECTS)
        .takes(&[ROOM])
        .gives(201, Kind::Nothing)
        .example("/rooms/lobby/attributes", r#"{"name":"Lobby"}"#)
        .run(run!(attributes::of_room::replace)),
    About::new("room_attributes", &[Get], "/rooms/{room}/attributes", "Shows the attributes of a room.")
        .rights(OBJECTS)
        .takes(&[ROOM])
        .gives(200, ATTRIBUTES)
        .example("/rooms/lobby/attributes", "")
        .run(run!(attributes::of_room::all)),
    About::new("room_attributes_clear", &[Delete], "/rooms/{room}/attributes", "Removes all attributes of a room.")
        .rights(OBJECTS)
        .takes(&[ROOM])
        .gives(204, Kind::Nothing)
        .example("/rooms/lobby/attributes", "")
        .run(run!(attributes::of_room::clear)),
    About::new("room_attribute", &[Get], "/rooms/{room}/attributes/{key}", "Shows one attribute of a room.")
        .rights(OBJECTS)
        .takes(&[ROOM, KEY])
        .gives(200, Kind::Any)
        .example("/rooms/lobby/attributes/name", "")
        .run(run!(attributes::of_room::one)),
    About::new("room_members_add", &[Post], "/rooms/{room}/members", "Makes users members of a room.")
        .rights(OBJECTS)
        .takes(&[ROOM, MEMBERS.required()])
        .gives(201, Kind::Nothing)
        .example("/rooms/lobby/members", r#"{"members":["bob"]}"#)
        .run(run!(members::add_to_room)),
    About::new("room_members_remove", &[Delete], "/rooms/{room}/members", "Ends users' membership of a room.")
        .rights(OBJECTS)
        .takes(&[ROOM, MEMBERS.required()])
        .gives(204, Kind::Nothing)
        .example("/rooms/lobby/members", r#"{"members":["bob"]}"#)
        .run(run!(members::remove_from_room)),
    About::new("room_join", &[Post], "/rooms/{room}/members/{user}", "Makes one user a member of a room.")
        .rights(OBJECTS)
        .takes(&[ROOM, USER])
        .gives(201, Kind::Nothing)
        .example("/rooms/lobby/members/bob", "")
        .run(run!(members::join_room)),
    About::new("room_leave", &[Delete], "/rooms/{room}/members/{user}", "Ends one user's membership of a room.")
        .rights(OBJECTS)
        .takes(&[ROOM, USER])
        .gives(204, Kind::Nothing)
        .example("/rooms/lobby/members/bob", "")
        .run(run!(members::leave_room)),
];
