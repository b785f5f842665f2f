//! The API as a whole: who may call, and how calls fail.

use crate::dialects::api::about::{Api, Fault, Key, Place};
use crate::dialects::api::call::{Kind, Parameter};

/// The API.
pub const API: Api = Api {
    name: "rongcloud",
    title: "RongCloud groups",
    says: "Groups as in an application that RongCloud backs, called by its users. Each path is there with and without the slash \
           at its end. Bodies are forms, multipart or JSON. Texts are Chinese, or English where Accept-Language prefers that.",
    zh: "以融云为后端的应用的群组接口，由用户调用。每个路径末尾有无斜杠均可。请求体可以是表单、multipart 或 JSON。\
         文字为中文；Accept-Language 要求英文时为英文。",
    keys: &[
        &[Key {
            name: "Token",
            place: Place::Header("Authorization"),
            says: "`Token TOKEN`, which the log-in gives, or a JWT of your own back end.",
            zh: "`Token TOKEN`，由登录接口给出，或由您自己的后端签发的 JWT。",
        }],
        &[Key {
            name: "Bearer",
            place: Place::Bearer,
            says: "The same token, as a Bearer token.",
            zh: "同一令牌，以 Bearer 方式给出。",
        }],
    ],
    bodies: &["application/json", "application/x-www-form-urlencoded", "multipart/form-data"],
    failure: Kind::Object(&[
        Parameter::body("detail", Kind::Text, "What happened, for people.", "给人看的说明。").required()
    ]),
    faults: &[
        Fault::new(0, &[400], "A field is missing or wrong, or the password.", "缺少字段或字段有误，或密码不对。"),
        Fault::new(0, &[403], "No token, a bad one, or not allowed.", "没有令牌、令牌无效，或不允许。"),
        Fault::new(0, &[404], "No such group, user or page.", "没有这个群组、用户或页。"),
        Fault::new(0, &[405], "This method is not allowed here.", "不允许该请求方式。"),
        Fault::new(0, &[408], "The request was not there in time.", "请求没有及时到齐。"),
        Fault::new(0, &[413], "The body is too large.", "请求体过大。"),
        Fault::new(0, &[415], "The body is of another kind.", "不支持请求体的类型。"),
        Fault::new(0, &[429], "Too many failures or requests.", "失败次数或请求过多。"),
        Fault::new(0, &[500], "The gateway failed.", "网关出错。"),
        Fault::new(0, &[502], "The XMPP server refused, or lacks a right.", "XMPP 服务器拒绝，或缺少某项权限。"),
        Fault::new(
            0,
            &[503],
            "The XMPP server is away or said \"later\", or the gateway is busy.",
            "XMPP 服务器不可用或要求稍后再试，或网关繁忙。",
        ),
        Fault::new(0, &[504], "The outcome is unknown.", "结果未知。"),
    ],
};
