//! Rows of groups.

use super::{ATTRIBUTES, KEY, LIMIT, MESSAGES, ROW_ID, Run, SEARCH, SET, SHOWN_ATTRIBUTES, TS, USER, run};
use crate::chat::types::right::Right::{Accounts, Answers, Archive, Bookmarks, Records, RoomList, Rooms};
use crate::dialects::api::call::Method::{Delete, Get, Post, Put};
use crate::dialects::api::call::{About, Call, Kind, Parameter, Rights};
use crate::dialects::maxleap::{attributes, chats, groups, members};

const GROUP: Parameter = Parameter::path("group", "The id of the group.", "群组标识。");
const OWNER: Parameter = Parameter::body("owner", Kind::Text, "The id of the owner.", "所有者的用户标识。");
/// A list of ids, as library 4 sends it.
const NESTED: Kind = Kind::List(&Kind::OneOf(&[Kind::Text, Kind::List(&Kind::Any)]));
/// The members that a caller names.
pub(super) const MEMBERS: Parameter = Parameter::body(
    "members",
    NESTED,
    "The ids of the members; lists in the list are opened.",
    "成员的用户标识；列表中的列表会被展开。",
);
/// The name that a caller gives.
pub(super) const NAME: Parameter = Parameter::body("name", Kind::Text, "The name.", "名称。");
const CREATE_GROUP: &[Parameter] = &[OWNER.required(), MEMBERS, NAME];
/// The owner of a group.
pub(super) const SHOWN_OWNER: Parameter = Parameter::body(
    "owner",
    Kind::OrNull(&Kind::Text),
    "The id of the owner, or null.",
    "所有者的用户标识，没有则为 null。",
)
.required();
/// The members of a group or room.
pub(super) const SHOWN_MEMBERS: Parameter = Parameter::body(
    "members",
    Kind::List(&Kind::Text),
    "The ids of the members, without the owner's.",
    "成员的用户标识，不含所有者。",
)
.required();
/// When a group or room was made.
pub(super) const MADE: Parameter = Parameter::body(
    "ts",
    Kind::Number,
    "When it was made, in milliseconds since 1970.",
    "创建时间，1970 年以来的毫秒数。",
)
.required();
/// What most calls of groups and rooms need.
pub(super) const OBJECTS: &[Rights] = &[Rights::always(&[Answers, Accounts, Rooms, RoomList, Records], &[Bookmarks])];
const CHATS: &[Rights] = &[Rights::always(&[Answers, Rooms, Archive, Records], &[])];

/// The rows.
pub const CALLS: &[Call<Run>] = &[
    About::new(
        "group_create",
        &[Post],
        "/groups",
        "Makes a group of users, with an owner.",
        "创建群组，群组有一个所有者。",
    )
    .rights(OBJECTS)
    .takes(CREATE_GROUP)
    .gives(201, Kind::Text)
    .first_example("/groups", r#"{"owner":"alice","members":["bob"],"name":"Lobby"}"#)
    .run(run!(groups::create_group)),
    About::new("groups", &[Get], "/groups", "Searches groups by their attributes.", "按属性搜索群组。")
        .rights(OBJECTS)
        .takes(SEARCH)
        .gives(200, Kind::List(&Kind::Object(&[ROW_ID, SHOWN_OWNER, SHOWN_MEMBERS, SHOWN_ATTRIBUTES, MADE])))
        .example("/groups?name=Lobby", "")
        .run(run!(groups::search_groups)),
    // As with users.
    About::new("group", &[Get, Post], "/groups/{group}", "Shows a group.", "获取群组基础信息。")
        .rights(OBJECTS)
        .takes(&[GROUP])
        .gives(200, Kind::Object(&[SHOWN_OWNER, SHOWN_MEMBERS, SHOWN_ATTRIBUTES, MADE]))
        .example("/groups/lobby", "")
        .run(run!(groups::group)),
    About::new(
        "group_update",
        &[Put],
        "/groups/{group}",
        "Changes owner and members of a group; a list of members is the whole of them.",
        "更新群组的所有者和成员；members 是完整的成员列表。",
    )
    .rights(OBJECTS)
    .takes(&[GROUP, OWNER, MEMBERS])
    .gives(201, Kind::Nothing)
    .example("/groups/lobby", r#"{"members":["bob"]}"#)
    .run(run!(groups::update_group)),
    About::new("group_delete", &[Delete], "/groups/{group}", "Destroys a group.", "删除群组。")
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
        "设置群组属性，其他属性不变。",
    )
    .rights(OBJECTS)
    .takes(&[GROUP, SET])
    .gives(201, Kind::Nothing)
    .example("/groups/lobby/attributes", r#"{"name":"Lobby"}"#)
    .run(run!(attributes::of_group::merge)),
    About::new(
        "group_attributes_replace",
        &[Put],
        "/groups/{group}/attributes",
        "Sets all attributes of a group anew.",
        "覆盖更新群组属性。",
    )
    .rights(OBJECTS)
    .takes(&[GROUP, SET])
    .gives(201, Kind::Nothing)
    .example("/groups/lobby/attributes", r#"{"name":"Lobby"}"#)
    .run(run!(attributes::of_group::replace)),
    About::new(
        "group_attributes",
        &[Get],
        "/groups/{group}/attributes",
        "Shows the attributes of a group.",
        "获取群组属性。",
    )
    .rights(OBJECTS)
    .takes(&[GROUP])
    .gives(200, ATTRIBUTES)
    .example("/groups/lobby/attributes", "")
    .run(run!(attributes::of_group::all)),
    About::new(
        "group_attributes_clear",
        &[Delete],
        "/groups/{group}/attributes",
        "Removes all attributes of a group.",
        "清空群组属性。",
    )
    .rights(OBJECTS)
    .takes(&[GROUP])
    .gives(204, Kind::Nothing)
    .example("/groups/lobby/attributes", "")
    .run(run!(attributes::of_group::clear)),
    About::new(
        "group_attribute",
        &[Get],
        "/groups/{group}/attributes/{key}",
        "Shows one attribute of a group.",
        "获取某个群组属性。",
    )
    .rights(OBJECTS)
    .takes(&[GROUP, KEY])
    // Any JSON is really any.
    .gives(200, Kind::Any)
    .example("/groups/lobby/attributes/name", "")
    .run(run!(attributes::of_group::one)),
    About::new(
        "group_members_add",
        &[Post],
        "/groups/{group}/members",
        "Makes users members of a group.",
        "追加群组成员。",
    )
    .rights(OBJECTS)
    .takes(&[GROUP, MEMBERS.required()])
    .gives(201, Kind::Nothing)
    .example("/groups/lobby/members", r#"{"members":["bob"]}"#)
    .run(run!(members::add_to_group)),
    About::new(
        "group_members_remove",
        &[Delete],
        "/groups/{group}/members",
        "Ends users' membership of a group.",
        "移除群组成员。",
    )
    .rights(OBJECTS)
    .takes(&[GROUP, MEMBERS.required()])
    .gives(204, Kind::Nothing)
    .example("/groups/lobby/members", r#"{"members":["bob"]}"#)
    .run(run!(members::remove_from_group)),
    About::new(
        "group_join",
        &[Post],
        "/groups/{group}/members/{user}",
        "Makes one user a member of a group.",
        "追加一个群组成员。",
    )
    .rights(OBJECTS)
    .takes(&[GROUP, USER])
    .gives(201, Kind::Nothing)
    .example("/groups/lobby/members/bob", "")
    .run(run!(members::join_group)),
    About::new(
        "group_leave",
        &[Delete],
        "/groups/{group}/members/{user}",
        "Ends one user's membership of a group.",
        "移除一个群组成员。",
    )
    .rights(OBJECTS)
    .takes(&[GROUP, USER])
    .gives(204, Kind::Nothing)
    .example("/groups/lobby/members/bob", "")
    .run(run!(members::leave_group)),
    About::new("group_chats", &[Get], "/groups/{group}/chats", "Shows what was said in a group.", "获取群组聊天记录。")
        .rights(CHATS)
        .takes(&[GROUP, TS, LIMIT])
        .gives(200, MESSAGES)
        .example("/groups/lobby/chats?limit=5", "")
        .run(run!(chats::group)),
    About::new(
        "group_chats_clear",
        &[Delete],
        "/groups/{group}/chats",
        "Ends the history of a group so far.",
        "清空群组聊天记录。",
    )
    .rights(CHATS)
    .takes(&[GROUP])
    .gives(204, Kind::Nothing)
    .example("/groups/lobby/chats", "")
    .run(run!(chats::clear_group)),
];
