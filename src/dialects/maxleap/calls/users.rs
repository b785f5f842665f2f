//! Rows of users: themselves, their attributes, friends, strangers, groups and rooms.

use super::{
    ATTRIBUTES, DETAIL, KEY, LIMIT, MESSAGES, ONLINE, RECENT, ROW_ID, Run, SEARCH, SET, SHOWN_ATTRIBUTES, TS, USER,
    listed, run,
};
use crate::chat::types::right::Right::{
    AccountList, Accounts, Answers, Archive, Histories, Presence, Records, Rooms, Rosters,
};
use crate::dialects::api::call::Method::{Delete, Get, Post, Put};
use crate::dialects::api::call::{About, Call, Kind, Parameter, Rights};
use crate::dialects::maxleap::{attributes, chats, friends, groups, search, strangers, user};

const FRIEND: Parameter = Parameter::path("friend", "The id of the friend.", "好友的用户标识。");
const STRANGER: Parameter = Parameter::path("stranger", "The id of the stranger.", "陌生人的用户标识。");
const FRIENDSHIP: Parameter =
    Parameter::body("id", Kind::Text, "The id of the friendship.", "好友关系的标识。").required();
const FROM: Parameter = Parameter::body("from", Kind::Text, "The id of who began it.", "发起者的用户标识。").required();
const TO: Parameter = Parameter::body("to", Kind::Text, "The id of the other one.", "另一方的用户标识。").required();
const SINCE: Parameter = Parameter::body(
    "ts",
    Kind::Number,
    "Since when, in milliseconds since 1970.",
    "成为好友的时间，1970 年以来的毫秒数。",
)
.required();
const IDS: Kind = Kind::List(&Kind::Text);
const ONE: Rights = Rights::always(&[Answers, Accounts, Records], &[]);
const FRIENDS: &[Rights] = &[Rights::always(&[Answers, Accounts, Rosters, Presence, Records], &[Histories])];
const STRANGERS: &[Rights] = &[Rights::always(&[Answers, Accounts, Rosters, Histories, Presence], &[])];
const OBJECTS: &[Rights] = &[Rights::always(&[Answers, Accounts, Rooms, Records], &[Archive])];

/// The rows.
pub const CALLS: &[Call<Run>] = &[
    About::new("users", &[Get], "/ctx", "Searches users by their attributes.", "按属性搜索用户。")
        .rights(&[Rights::always(&[Answers, Records, Presence], &[AccountList])])
        .takes(SEARCH)
        .gives(
            200,
            Kind::List(&Kind::Object(&[
                ROW_ID,
                ONLINE,
                Parameter::body(
                    "ts",
                    Kind::Number,
                    "When they were last online, in milliseconds since 1970; 0 where that is not known.",
                    "最后在线时间，1970 年以来的毫秒数；不知道时为 0。",
                )
                .required(),
                SHOWN_ATTRIBUTES,
            ])),
        )
        .example("/ctx?city=Shanghai&_limit=5", "")
        .run(run!(search::users)),
    About::new(
        "user_attributes_merge",
        &[Post],
        "/ctx/{user}/attributes",
        "Sets attributes of a user; others stay.",
        "设置用户属性，其他属性不变。",
    )
    .rights(&[ONE])
    .takes(&[USER, SET])
    .gives(201, Kind::Nothing)
    .first_example("/ctx/alice/attributes", r#"{"city":"Shanghai","age":46}"#)
    .run(run!(attributes::of_user::merge)),
    About::new(
        "user_attributes_replace",
        &[Put],
        "/ctx/{user}/attributes",
        "Sets all attributes of a user anew.",
        "覆盖更新用户属性。",
    )
    .rights(&[ONE])
    .takes(&[USER, SET])
    .gives(201, Kind::Nothing)
    .example("/ctx/alice/attributes", r#"{"city":"Shanghai"}"#)
    .run(run!(attributes::of_user::replace)),
    About::new(
        "user_attributes",
        &[Get],
        "/ctx/{user}/attributes",
        "Shows the attributes of a user.",
        "获取用户属性。",
    )
    .rights(&[ONE])
    .takes(&[USER])
    .gives(200, ATTRIBUTES)
    .example("/ctx/alice/attributes", "")
    .run(run!(attributes::of_user::all)),
    About::new(
        "user_attributes_clear",
        &[Delete],
        "/ctx/{user}/attributes",
        "Removes all attributes of a user.",
        "清空用户属性。",
    )
    .rights(&[ONE])
    .takes(&[USER])
    .gives(204, Kind::Nothing)
    .example("/ctx/alice/attributes", "")
    .run(run!(attributes::of_user::clear)),
    About::new(
        "user_attribute",
        &[Get],
        "/ctx/{user}/attributes/{key}",
        "Shows one attribute of a user.",
        "获取某个用户属性。",
    )
    .rights(&[ONE])
    .takes(&[USER, KEY])
    // Any JSON is really any.
    .gives(200, Kind::Any)
    .example("/ctx/alice/attributes/city", "")
    .run(run!(attributes::of_user::one)),
    About::new("friends", &[Get], "/ctx/{user}/friends", "Lists the friends of a user.", "获取用户好友列表。")
        .rights(FRIENDS)
        .takes(&[USER, DETAIL])
        .gives(200, listed!(&[ROW_ID, ONLINE, RECENT]))
        .example("/ctx/alice/friends?detail", "")
        .run(run!(friends::list)),
    About::new("friend_add", &[Post], "/ctx/{user}/friends/{friend}", "Makes two users friends.", "添加用户好友。")
        .rights(FRIENDS)
        .takes(&[USER, FRIEND])
        .gives(
            201,
            Kind::Object(&[
                FRIENDSHIP,
                FROM,
                TO,
                SINCE,
                Parameter::body("ns", Kind::Text, "The id of the app.", "应用 id。").required(),
            ]),
        )
        .first_example("/ctx/alice/friends/bob", "")
        .run(run!(friends::befriend)),
    About::new(
        "friend",
        &[Get],
        "/ctx/{user}/friends/{friend}",
        "Shows whether and since when two users are friends.",
        "获取友谊信息：两个用户是否是好友，从何时开始。",
    )
    .rights(FRIENDS)
    .takes(&[USER, FRIEND])
    .gives(200, Kind::Object(&[FRIENDSHIP, FROM, TO, SINCE, ONLINE]))
    .example("/ctx/alice/friends/bob", "")
    .run(run!(friends::friendship)),
    About::new(
        "friend_remove",
        &[Delete],
        "/ctx/{user}/friends/{friend}",
        "Ends the friendship of two users.",
        "删除好友。",
    )
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
        "获取好友聊天记录。",
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
        "获取与用户聊过天的陌生人列表。",
    )
    .rights(STRANGERS)
    .takes(&[
        USER,
        DETAIL,
        Parameter::query("ids", Kind::Text, "Only these, with commas between.", "只返回这些用户，以逗号分隔。"),
        Parameter::query("skip", Kind::Number, "So many are passed over.", "跳过的条数。"),
        LIMIT,
    ])
    .gives(200, listed!(&[ROW_ID, ONLINE, RECENT]))
    .example("/ctx/alice/strangers", "")
    .run(run!(strangers::list)),
    About::new(
        "stranger",
        &[Get],
        "/ctx/{user}/strangers/{stranger}",
        "Shows the last that a user and a stranger wrote.",
        "获取用户与陌生人的最后一条消息。",
    )
    .rights(STRANGERS)
    .takes(&[USER, STRANGER])
    .gives(
        200,
        Kind::Object(&[
            Parameter::body("ts", Kind::Number, "When, in milliseconds since 1970.", "时间，1970 年以来的毫秒数。")
                .required(),
            ONLINE,
            RECENT.required(),
        ]),
    )
    .example("/ctx/alice/strangers/bob", "")
    .run(run!(strangers::look)),
    About::new(
        "stranger_chats",
        &[Get],
        "/ctx/{user}/strangers/{stranger}/chats",
        "Shows what a user and a stranger wrote.",
        "获取陌生人聊天记录。",
    )
    .rights(STRANGERS)
    .takes(&[USER, STRANGER, TS, LIMIT])
    .gives(200, MESSAGES)
    .example("/ctx/alice/strangers/bob/chats", "")
    .run(run!(chats::stranger)),
    About::new(
        "user_groups",
        &[Get],
        "/ctx/{user}/groups",
        "Lists the groups of a user.",
        "获取用户已经加入的群组列表。",
    )
    .rights(OBJECTS)
    .takes(&[USER, DETAIL])
    .gives(
        200,
        listed!(&[
            ROW_ID,
            super::groups::SHOWN_OWNER,
            super::groups::SHOWN_MEMBERS,
            SHOWN_ATTRIBUTES,
            super::groups::MADE,
            RECENT
        ]),
    )
    .example("/ctx/alice/groups?detail", "")
    .run(run!(groups::of_user)),
    About::new(
        "user_rooms",
        &[Get],
        "/ctx/{user}/rooms",
        "Lists the rooms of a user.",
        "获取用户已经加入的聊天室列表。",
    )
    .rights(OBJECTS)
    .takes(&[USER, DETAIL])
    .gives(200, listed!(&[ROW_ID, super::groups::SHOWN_MEMBERS, SHOWN_ATTRIBUTES, super::groups::MADE]))
    .example("/ctx/alice/rooms", "")
    .run(run!(groups::rooms_of_user)),
    // Reading one object: library 4 posts where it should get.
    About::new("user", &[Get, Post], "/ctx/{user}", "Shows all that is known of a user.", "获取用户详情。")
        .rights(&[Rights::always(&[Answers, Accounts, Records, Rosters, Rooms, Presence], &[])])
        .takes(&[USER])
        .gives(
            200,
            Kind::Object(&[
                SHOWN_ATTRIBUTES,
                Parameter::body(
                    "installs",
                    IDS,
                    "Always empty: servers tell nobody which devices get pushes.",
                    "始终为空：服务器不会告诉别人哪些设备接收推送。",
                )
                .required(),
                Parameter::body("sessions", Kind::Number, "How many sessions they have now.", "当前会话数。")
                    .required(),
                Parameter::body("friends", IDS, "The ids of their friends.", "好友的用户标识。").required(),
                Parameter::body("groups", IDS, "The ids of their groups.", "群组标识。").required(),
                Parameter::body("rooms", IDS, "The ids of their rooms.", "聊天室标识。").required(),
                Parameter::body(
                    "ts",
                    Kind::Number,
                    "When they were last online, in milliseconds since 1970; 0 where that is not known.",
                    "最后在线时间，1970 年以来的毫秒数；不知道时为 0。",
                )
                .required(),
            ]),
        )
        .first_example("/ctx/alice", "")
        .run(run!(user::look)),
];
