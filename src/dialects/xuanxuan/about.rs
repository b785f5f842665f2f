//! The API as a whole: who may call, and how calls fail.

use crate::dialects::api::about::{Api, Fault, Key, Place};
use crate::dialects::api::call::{Kind, Parameter};

/// The API.
pub const API: Api = Api {
    name: "xuanxuan",
    title: "Xuanxuan (喧喧)",
    says: "The third-party API of Xuanxuan. All calls share `/api.php`, and `/x.php` is the same; `m` and `f` in the query say \
           which is meant.",
    zh: "喧喧的第三方接口。所有接口共用 `/api.php`，`/x.php` 与其相同；由查询参数 `m` 和 `f` 区分。",
    keys: &[&[
        Key { name: "Code", place: Place::Query("code"), says: "The code of the entry.", zh: "应用代号。" },
        Key {
            name: "Token",
            place: Place::Query("token"),
            says: "`md5(md5(query) + key)` in hex, over the query without this parameter; or, with a parameter `time` in \
                   seconds since 1970, `md5(code + key + time)`.",
            zh: "`md5(md5(query) + key)`，十六进制，query 不含本参数；带参数 `time`（1970 年以来的秒数）时为 \
                 `md5(code + key + time)`。",
        },
    ]],
    bodies: &["application/x-www-form-urlencoded", "multipart/form-data"],
    failure: Kind::OneOf(&[
        Kind::Object(&[
            Parameter::body("result", Kind::Word(&["fail"]), "`fail`.", "`fail`。").required(),
            Parameter::body("message", Kind::Text, "What happened, for people.", "给人看的说明。").required(),
        ]),
        Kind::Object(&[
            Parameter::body(
                "errcode",
                Kind::Number,
                "401, 403 or 404: the caller may not call; 429.",
                "401、403 或 404：不允许调用；429。",
            )
            .required(),
            Parameter::body("errmsg", Kind::Text, "What happened, for people.", "给人看的说明。").required(),
        ]),
    ]),
    faults: &[
        Fault::new(
            0,
            &[200],
            "The caller may not call, or something is wrong with the request: look at the body.",
            "不允许调用，或请求有误：请看返回体。",
        ),
        Fault::new(0, &[404], "There is no such method.", "没有这个接口。"),
        Fault::new(0, &[405], "The method is neither GET nor POST.", "请求方式不是 GET 或 POST。"),
        Fault::new(0, &[408], "The request was not there in time.", "请求没有及时到齐。"),
        Fault::new(0, &[413], "The body is too large.", "请求体过大。"),
        Fault::new(0, &[429], "Too many wrong tokens, or requests.", "错误的 token 或请求过多。"),
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
