//! Why a call is refused or has failed: `{"detail": "…"}`, in the words of Django REST framework where it has any, in
//! Chinese or in English.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::wire::JSON;
use crate::chat::types::error::ChatError;
use crate::chat::types::error::Kind;
use crate::http::language::{Language, Localized};
use crate::http::{Outcome, retry_after};

/// After this the caller may try again what found the gateway busy or the XMPP server away.
const UNAVAILABLE_WAIT: Duration = Duration::from_secs(1);

/// No `Authorization` header.
pub const NO_CREDENTIALS: Localized = ("身份认证信息未提供。", "Authentication credentials were not provided.");
/// A header with a scheme and nothing behind it.
pub const NO_TOKEN: Localized =
    ("没有提供认证信息（认证令牌HTTP头无效）。", "Invalid token header. No credentials provided.");
/// A header with more than one token.
pub const SPACES: Localized = (
    "认证令牌字符串不应该包含空格（无效的认证令牌HTTP头）。",
    "Invalid token header. Token string should not contain spaces.",
);
/// A token that is none of ours, or no more.
pub const BAD_TOKEN: Localized = ("认证令牌无效。", "Invalid token.");
/// A token of a user without an account.
pub const INACTIVE: Localized = ("用户未激活或者已删除。", "User inactive or deleted.");
/// A field that must be there.
pub const REQUIRED: Localized = ("该字段是必填项。", "This field is required.");

/// Why a call has failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The HTTP status.
    pub status: StatusCode,
    /// The text of `detail`, in Chinese and in English.
    pub text: (String, String),
    /// The fixed word for metrics and the log.
    pub outcome: &'static str,
    /// How long the caller has to wait, where that is why.
    pub wait: Option<Duration>,
}

/// The text of a response whose language is still to be chosen, in its extensions.
#[derive(Clone)]
struct Words((String, String));

impl Failure {
    /// A failure with a text that was put together.
    pub fn told(
        status: StatusCode,
        outcome: &'static str,
        chinese: impl Into<String>,
        english: impl Into<String>,
    ) -> Failure {
        Failure { status, text: (chinese.into(), english.into()), outcome, wait: None }
    }

    /// 400: something is wrong with a field.
    pub fn field(name: &str, (chinese, english): (impl AsRef<str>, impl AsRef<str>)) -> Failure {
        let (chinese, english) = (format!("{name}：{}", chinese.as_ref()), format!("{name}: {}", english.as_ref()));
        Failure::told(StatusCode::BAD_REQUEST, "bad_request", chinese, english)
    }

    /// 404: there is nothing here.
    pub fn not_found() -> Failure {
        Failure::told(StatusCode::NOT_FOUND, "not_found", "未找到。", "Not found.")
    }

    /// 403: the caller may not do this.
    pub fn forbidden((chinese, english): Localized) -> Failure {
        Failure::told(StatusCode::FORBIDDEN, "forbidden", chinese, english)
    }

    /// 403: the caller may not do this, and there is no more to say.
    pub fn denied() -> Failure {
        Failure::forbidden(("您没有执行该操作的权限。", "You do not have permission to perform this action."))
    }

    /// 429: too many failed attempts.
    pub fn throttled(wait: Duration) -> Failure {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let chinese = format!("请求超过了限速。请在 {seconds} 秒后重试。");
        let unit = if seconds == 1 { "second" } else { "seconds" };
        let english = format!("Request was throttled. Expected available in {seconds} {unit}.");
        let failure = Failure::told(StatusCode::TOO_MANY_REQUESTS, "rate_limited", chinese, english);
        Failure { wait: Some(wait), ..failure }
    }
}

impl From<ChatError> for Failure {
    fn from(error: ChatError) -> Failure {
        let text = error.to_string();
        let told = |status, outcome, chinese: &str| Failure::told(status, outcome, chinese, text.as_str());
        match error.kind() {
            Kind::UnknownRoom => Failure { outcome: "unknown_room", ..Failure::not_found() },
            Kind::UnknownUser => told(StatusCode::NOT_FOUND, "unknown_user", "用户不存在。"),
            Kind::NotMember => Failure { outcome: "not_member", ..Failure::denied() },
            Kind::Address => told(StatusCode::BAD_REQUEST, "address", &format!("地址无效：{text}")),
            Kind::Xml => told(StatusCode::BAD_REQUEST, "xml", &format!("含有无法传送的字符：{text}")),
            Kind::TooLarge => told(StatusCode::BAD_REQUEST, "too_large", &format!("内容过大：{text}")),
            Kind::RoomExists => told(StatusCode::CONFLICT, "room_exists", "群组已存在。"),
            Kind::Unavailable => {
                told(StatusCode::SERVICE_UNAVAILABLE, "unavailable", &format!("聊天服务器暂不可用：{text}"))
            }
            Kind::OutcomeUnknown => {
                told(StatusCode::GATEWAY_TIMEOUT, "outcome_unknown", &format!("操作结果未知：{text}"))
            }
            Kind::NotQueued => told(StatusCode::FORBIDDEN, "not_queued", &format!("对方的离线消息已满：{text}")),
            Kind::NotKept => told(StatusCode::BAD_REQUEST, "not_kept", &format!("消息不会被存档：{text}")),
            Kind::Partial => told(StatusCode::BAD_GATEWAY, "partial", &format!("操作只完成了一部分：{text}")),
            Kind::Storage => told(StatusCode::BAD_GATEWAY, "storage", &format!("文件未能保存：{text}")),
            Kind::Refused => told(StatusCode::BAD_GATEWAY, "refused", &format!("聊天服务器拒绝了该操作：{text}")),
            Kind::ClientPort => told(StatusCode::BAD_GATEWAY, "missing_right", &format!("无法登录聊天服务器：{text}")),
            Kind::MissingRight => {
                told(StatusCode::BAD_GATEWAY, "missing_right", &format!("聊天服务器的配置不足：{text}"))
            }
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (self.status, Outcome(self.outcome), ()).into_response();
        response.extensions_mut().insert(Words(self.text));
        match (self.wait, self.status) {
            (Some(wait), _) => retry_after(response, wait),
            (None, StatusCode::SERVICE_UNAVAILABLE) => retry_after(response, UNAVAILABLE_WAIT),
            (None, _) => response,
        }
    }
}

/// What the layers around the endpoints refuse.
pub fn refusal(status: StatusCode, text: &str) -> Response {
    let known = [NO_CREDENTIALS, NO_TOKEN, SPACES, BAD_TOKEN].into_iter().find(|(_, english)| *english == text);
    let chinese = known.map_or_else(
        || match status {
            StatusCode::FORBIDDEN => "您没有执行该操作的权限。",
            StatusCode::REQUEST_TIMEOUT => "请求未能及时到达。",
            StatusCode::PAYLOAD_TOO_LARGE => "请求过大。",
            StatusCode::TOO_MANY_REQUESTS => "请求超过了限速。",
            StatusCode::SERVICE_UNAVAILABLE => "网关繁忙，请稍后重试。",
            StatusCode::GATEWAY_TIMEOUT => "请求超时，操作结果未知。",
            status if status.is_client_error() => "错误的请求。",
            _ => "服务器出现了错误。",
        },
        |(chinese, _)| chinese,
    );
    let mut response = status.into_response();
    response.extensions_mut().insert(Words((chinese.to_owned(), text.to_owned())));
    response
}

/// Around all routes: writes what failed in the language that the caller asks for, and lets nothing be kept that did not
/// say so itself.
pub async fn localize(request: Request, next: Next) -> Response {
    let language = Language::of(request.headers(), Language::Chinese);
    let method = request.method().clone();
    let mut response = next.run(request).await;
    if let Some(Words(words)) = response.extensions_mut().remove::<Words>() {
        let words = if response.status() == StatusCode::METHOD_NOT_ALLOWED { not_allowed(&method) } else { words };
        let body = json!({ "detail": language.choose(words) }).to_string();
        *response.body_mut() = if method == Method::HEAD { Body::empty() } else { Body::from(body) };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, JSON);
        headers.remove(header::CONTENT_LENGTH);
        headers.append(header::VARY, HeaderValue::from_static("accept-language"));
    }
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn not_allowed(method: &Method) -> (String, String) {
    (format!("方法 “{method}” 不被允许。"), format!("Method \"{method}\" not allowed."))
}
