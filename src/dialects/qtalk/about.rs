//! The API as a whole: who may call, and how calls fail.

use crate::dialects::api::about::{Api, Fault, Key, Place};
use crate::dialects::api::call::{Kind, Parameter};

/// One of several that were tried, and failed.
const PART: Kind = Kind::Object(&[
    Parameter::body("index", Kind::Number, "Its place in the call, from 0.", "在调用中的位置，从 0 开始。").required(),
    Parameter::body("errcode", Kind::Number, "The kind of its failure.", "失败的种类。").required(),
    Parameter::body("errmsg", Kind::Text, "What happened, for people.", "给人看的说明。").required(),
]);

/// The API.
pub const API: Api = Api {
    name: "qtalk",
    title: "qtalk (Startalk)",
    says: "The HTTP API of Startalk. The Content-Type is not looked at; a field that is null counts as missing, and unknown \
           fields are not looked at. Where `replies = \"original\"` is set the bodies are those of the original server.",
    zh: "Startalk 的 HTTP 接口。不检查 Content-Type；值为 null 的字段视为未填，未知字段不处理。设 `replies = \"original\"` 时，\
         返回体与原服务器相同。",
    keys: &[
        &[Key {
            name: "Bearer",
            place: Place::Bearer,
            says: "A caller's key, where the gateway has any.",
            zh: "调用方的密钥（网关配置了密钥时）。",
        }],
        &[Key {
            name: "ApiKey",
            place: Place::Header("X-Api-Key"),
            says: "The same in a header of its own.",
            zh: "同一密钥，放在单独的请求头中。",
        }],
    ],
    bodies: &["application/json"],
    failure: Kind::Object(&[
        Parameter::body("ret", Kind::Is(false), "False.", "为 false。").required(),
        Parameter::body("errcode", Kind::Number, "The kind of failure.", "失败的种类。").required(),
        Parameter::body("errmsg", Kind::Text, "What happened, for people.", "给人看的说明。").required(),
        Parameter::body(
            "data",
            Kind::OneOf(&[
                Kind::Text,
                Kind::Object(&[Parameter::body(
                    "failed",
                    Kind::List(&PART),
                    "Which of several failed.",
                    "多个对象中失败的那些。",
                )
                .required()]),
            ]),
            "Which of several failed; else an empty text.",
            "多个对象中失败的那些；否则为空字符串。",
        ),
    ]),
    faults: &[
        Fault::new(
            1,
            &[200],
            "The request is malformed: not JSON, a field is missing or of a wrong type, unknown path, wrong method.",
            "请求格式有误：不是 JSON、缺少字段或字段类型不对、未知路径、请求方式不对。",
        ),
        Fault::new(2, &[200], "A user does not exist.", "用户不存在。"),
        Fault::new(3, &[200], "The room exists already.", "房间已存在。"),
        Fault::new(4, &[200], "The room does not exist.", "房间不存在。"),
        Fault::new(5, &[200], "The sender is not a member of the room.", "发送者不是房间成员。"),
        Fault::new(
            6,
            &[200],
            "The caller's user is neither owner nor admin of the room.",
            "操作者既不是房间的所有者，也不是管理员。",
        ),
        Fault::new(7, &[200], "The server, the room or the recipient refused.", "服务器、房间或收件人拒绝。"),
        Fault::new(
            8,
            &[200, 504],
            "The outcome is unknown: sending it again may double it. 504 where `http.unknown_status` says so.",
            "结果未知：重发可能造成重复。`http.unknown_status` 设为 504 时为 504。",
        ),
        Fault::new(
            9,
            &[200],
            "The XMPP server does not grant the gateway a right.",
            "XMPP 服务器没有授予网关某项权限。",
        ),
        Fault::new(
            10,
            &[200],
            "An address is not valid, or its domain is not served.",
            "地址无效，或其域名不由本网关服务。",
        ),
        Fault::new(11, &[200], "The XML is not acceptable as a message.", "XML 不能作为消息接受。"),
        Fault::new(12, &[200], "Too large: the message or the list.", "过大：消息或列表。"),
        Fault::new(
            13,
            &[200],
            "Parts failed for different reasons; `data.failed` says which.",
            "各部分因不同原因失败；`data.failed` 说明是哪些。",
        ),
        Fault::new(
            14,
            &[503],
            "Busy, the XMPP server is not connected, or whoever was asked said \"later\"; nothing was done.",
            "网关繁忙、XMPP 服务器未连接，或被请求的一方回答“稍后再试”；什么都没有做。",
        ),
        Fault::new(15, &[200], "The caller's key may not act for this domain.", "调用方的密钥无权代表这个域名。"),
        Fault::new(16, &[200], "The token or password is not valid.", "令牌或密码无效。"),
        Fault::new(17, &[401], "The caller's own key is missing or wrong.", "缺少调用方自己的密钥，或密钥不对。"),
        Fault::new(18, &[403], "The caller's network is not allowed.", "不允许调用方所在的网络。"),
        Fault::new(19, &[429], "Too many failures or requests.", "失败次数或请求过多。"),
        Fault::new(20, &[500], "The gateway failed.", "网关出错。"),
        Fault::new(21, &[413], "The body is too large.", "请求体过大。"),
        Fault::new(
            22,
            &[408, 504],
            "Time was up: the request was not there in time, or the outcome is unknown.",
            "超时：请求没有及时到齐，或结果未知。",
        ),
        Fault::new(
            23,
            &[200],
            "The recipient is offline and no more messages wait for them: this one is in their archive, and there only.",
            "收件人离线，离线消息队列已满：这条消息已在其归档中，而且只在那里。",
        ),
    ],
};
