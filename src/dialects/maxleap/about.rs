//! The API as a whole: who may call, and how calls fail.

use crate::dialects::api::about::{Api, Fault, Key, Place};
use crate::dialects::api::call::{Kind, Parameter};

const APP: Key =
    Key { name: "AppId", place: Place::Header("X-ML-AppId"), says: "The id of the app.", zh: "应用 id。" };

/// The API.
pub const API: Api = Api {
    name: "maxleap",
    title: "MaxLeap IM",
    says: "MaxLeap's instant messaging. The Content-Type is not looked at, an empty body is an empty object, slashes at the end \
           of a path do not count, and a field that is null counts as missing.",
    zh: "MaxLeap 即时通讯。不检查 Content-Type；空请求体代表空对象；路径末尾的斜杠不计；值为 null 的字段视为未填。",
    keys: &[
        &[
            APP,
            Key {
                name: "Sign",
                place: Place::Header("X-ML-Request-Sign"),
                says: "`md5(TIME + KEY),TIME`, the hash in hex, TIME in milliseconds since 1970; with the master key \
                       `md5(TIME + KEY),TIME,master`.",
                zh: "`md5(TIME + KEY),TIME`，散列值用十六进制，TIME 为 1970 年以来的毫秒数；使用 master key 时为 \
                     `md5(TIME + KEY),TIME,master`。",
            },
        ],
        &[
            APP,
            Key {
                name: "ApiKey",
                place: Place::Header("X-ML-APIKey"),
                says: "A key of the app itself.",
                zh: "应用的密钥本身。",
            },
        ],
    ],
    bodies: &["application/json"],
    failure: Kind::Object(&[
        Parameter::body("errorCode", Kind::Number, "The kind of failure.", "错误码。").required(),
        Parameter::body("errorMessage", Kind::Text, "What happened, for people.", "给人看的说明。").required(),
    ]),
    faults: &[
        Fault::new(
            5001,
            &[400, 408],
            "A parameter is missing or wrong, an id is reserved; the request did not arrive in time.",
            "缺少参数或参数有误，id 是保留的；请求没有及时到齐。",
        ),
        Fault::new(
            5002,
            &[502, 503, 504, 500],
            "The XMPP server refused, or lacks a right; it is away, said \"later\", or the gateway is busy; outcome unknown; \
             the gateway failed.",
            "XMPP 服务器拒绝，或缺少某项权限；XMPP 服务器不可用或要求稍后再试，或网关繁忙；结果未知；网关出错。",
        ),
        Fault::new(
            5003,
            &[401, 403, 429],
            "App id, signature or key missing or wrong; this network may not call; too many wrong keys.",
            "缺少应用 id、签名或密钥，或有误；不允许这个网络调用；错误密钥过多。",
        ),
        Fault::new(
            5004,
            &[404],
            "No such user, group, room, passenger, friendship, attribute or path.",
            "没有这个用户、群组、聊天室、游客、好友关系、属性或路径。",
        ),
        Fault::new(
            5005,
            &[409],
            "It exists already: a passenger with the id of another user.",
            "已存在：游客的 id 是另一个用户的 id。",
        ),
        Fault::new(5006, &[502], "The upload service failed.", "上传服务出错。"),
        Fault::new(5007, &[422], "What claims to be an image cannot be read.", "自称是图片的文件无法读取。"),
        Fault::new(
            5008,
            &[403],
            "The group or room would have too many members; a user's queue is full, and the message in their archive only.",
            "群组或聊天室的成员会过多；用户的离线队列已满，消息只在其归档中。",
        ),
        Fault::new(
            5009,
            &[400, 405],
            "Not supported: removing a group's owner; this method on this path.",
            "不支持：移除群组的所有者；这个路径不支持该请求方式。",
        ),
        Fault::new(5010, &[400, 413], "Too long or too many; the request is too large.", "过长或过多；请求过大。"),
        Fault::new(5011, &[413], "The file is too large.", "文件过大。"),
        Fault::new(
            5012,
            &[400, 408, 502],
            "The upload broke off, was too slow, or is no form; the upload service did not take it.",
            "上传中断、过慢，或不是表单；上传服务没有接收。",
        ),
    ],
};
