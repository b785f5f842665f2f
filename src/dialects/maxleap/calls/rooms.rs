//! Rows of rooms.

use super::groups::{MADE, MEMBERS, NAME, OBJECTS, SHOWN_MEMBERS};
use super::{ATTRIBUTES, KEY, ROW_ID, Run, SEARCH, SET, SHOWN_ATTRIBUTES, USER, run};
use crate::dialects::api::call::Method::{Delete, Get, Post, Put};
use crate::dialects::api::call::{About, Call, Kind, Parameter};
use crate::dialects::maxleap::{attributes, groups, members};

const ROOM: Parameter = Parameter::path("room", "The id of the room.", "聊天室标识。");

/// The rows.
pub const CALLS: &[Call<Run>] = &[
    About::new("room_create", &[Post], "/rooms", "Makes an open room.", "创建聊天室。")
        .rights(OBJECTS)
        .takes(&[MEMBERS, NAME])
        .gives(201, Kind::Text)
        .example("/rooms", r#"{"members":["bob"],"name":"Hall"}"#)
        .run(run!(groups::create_room)),
    About::new("rooms", &[Get], "/rooms", "Searches rooms by their attributes.", "按属性搜索聊天室。")
        .rights(OBJECTS)
        .takes(SEARCH)
        .gives(200, Kind::List(&Kind::Object(&[ROW_ID, SHOWN_MEMBERS, SHOWN_ATTRIBUTES, MADE])))
        .example("/rooms?name=Lobby", "")
        .run(run!(groups::search_rooms)),
    // As with users.
    About::new("room", &[Get, Post], "/rooms/{room}", "Shows a room.", "获取聊天室基础信息。")
        .rights(OBJECTS)
        .takes(&[ROOM])
        .gives(200, Kind::Object(&[SHOWN_MEMBERS, SHOWN_ATTRIBUTES, MADE]))
        .example("/rooms/lobby", "")
        .run(run!(groups::room)),
    About::new(
        "room_update",
        &[Put],
        "/rooms/{room}",
        "Changes name and members of a room; a list of members is the whole of them.",
        "更新聊天室的名称和成员；members 是完整的成员列表。",
    )
    .rights(OBJECTS)
    .takes(&[ROOM, NAME, MEMBERS])
    .gives(201, Kind::Nothing)
    .example("/rooms/lobby", r#"{"members":["bob"]}"#)
    .run(run!(groups::update_room)),
    About::new("room_delete", &[Delete], "/rooms/{room}", "Destroys a room.", "删除聊天室。")
        .rights(OBJECTS)
        .takes(&[ROOM])
        .gives(204, Kind::Nothing)
        .example("/rooms/lobby", "")
        .run(run!(groups::delete_room)),
    About::new(
        "room_attributes_merge",
        &[Post],
        "/rooms/{room}/attributes",
        "Sets attributes of a room; others stay.",
        "设置聊天室属性，其他属性不变。",
    )
    .rights(OBJECTS)
    .takes(&[ROOM, SET])
    .gives(201, Kind::Nothing)
    .example("/rooms/lobby/attributes", r#"{"name":"Lobby"}"#)
    .run(run!(attributes::of_room::merge)),
    About::new(
        "room_attributes_replace",
        &[Put],
        "/rooms/{room}/attributes",
        "Sets all attributes of a room anew.",
        "覆盖更新聊天室属性。",
    )
    .rights(OBJECTS)
    .takes(&[ROOM, SET])
    .gives(201, Kind::Nothing)
    .example("/rooms/lobby/attributes", r#"{"name":"Lobby"}"#)
    .run(run!(attributes::of_room::replace)),
    About::new(
        "room_attributes",
        &[Get],
        "/rooms/{room}/attributes",
        "Shows the attributes of a room.",
        "获取聊天室属性。",
    )
    .rights(OBJECTS)
    .takes(&[ROOM])
    .gives(200, ATTRIBUTES)
    .example("/rooms/lobby/attributes", "")
    .run(run!(attributes::of_room::all)),
    About::new(
        "room_attributes_clear",
        &[Delete],
        "/rooms/{room}/attributes",
        "Removes all attributes of a room.",
        "清空聊天室属性。",
    )
    .rights(OBJECTS)
    .takes(&[ROOM])
    .gives(204, Kind::Nothing)
    .example("/rooms/lobby/attributes", "")
    .run(run!(attributes::of_room::clear)),
    About::new(
        "room_attribute",
        &[Get],
        "/rooms/{room}/attributes/{key}",
        "Shows one attribute of a room.",
        "获取某个聊天室属性。",
    )
    .rights(OBJECTS)
    .takes(&[ROOM, KEY])
    // Any JSON is really any.
    .gives(200, Kind::Any)
    .example("/rooms/lobby/attributes/name", "")
    .run(run!(attributes::of_room::one)),
    About::new(
        "room_members_add",
        &[Post],
        "/rooms/{room}/members",
        "Makes users members of a room.",
        "追加聊天室成员。",
    )
    .rights(OBJECTS)
    .takes(&[ROOM, MEMBERS.required()])
    .gives(201, Kind::Nothing)
    .example("/rooms/lobby/members", r#"{"members":["bob"]}"#)
    .run(run!(members::add_to_room)),
    About::new(
        "room_members_remove",
        &[Delete],
        "/rooms/{room}/members",
        "Ends users' membership of a room.",
        "移除聊天室成员。",
    )
    .rights(OBJECTS)
    .takes(&[ROOM, MEMBERS.required()])
    .gives(204, Kind::Nothing)
    .example("/rooms/lobby/members", r#"{"members":["bob"]}"#)
    .run(run!(members::remove_from_room)),
    About::new(
        "room_join",
        &[Post],
        "/rooms/{room}/members/{user}",
        "Makes one user a member of a room.",
        "追加一个聊天室成员。",
    )
    .rights(OBJECTS)
    .takes(&[ROOM, USER])
    .gives(201, Kind::Nothing)
    .example("/rooms/lobby/members/bob", "")
    .run(run!(members::join_room)),
    About::new(
        "room_leave",
        &[Delete],
        "/rooms/{room}/members/{user}",
        "Ends one user's membership of a room.",
        "移除一个聊天室成员。",
    )
    .rights(OBJECTS)
    .takes(&[ROOM, USER])
    .gives(204, Kind::Nothing)
    .example("/rooms/lobby/members/bob", "")
    .run(run!(members::leave_room)),
];
