//! Why a call is refused or has failed: `{"detail": "…"}`, in the words of Django REST framework where it has any, in
//! Chinese or in English.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::chat::types::error::ChatError;
use crate::chat::types::error::Kind;
use crate::dialects::api::JSON;
use crate::dialects::api::failing::Ending;
use crate::http::language::{Language, Localized};

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
    /// The text of `detail`, in Chinese and in English.
    pub text: (String, String),
    /// Status, word and wait.
    pub ending: Ending,
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
        Failure { text: (chinese.into(), english.into()), ending: Ending::new(status, outcome) }
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

    /// The same with another word in metrics and log.
    pub fn called(self, outcome: &'static str) -> Failure {
        Failure { ending: Ending { outcome, ..self.ending }, ..self }
    }

    /// 429: too many failed attempts.
    pub fn throttled(wait: Duration) -> Failure {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let chinese = format!("请求超过了限速。请在 {seconds} 秒后重试。");
        let unit = if seconds == 1 { "second" } else { "seconds" };
        let english = format!("Request was throttled. Expected available in {seconds} {unit}.");
        let failure = Failure::told(StatusCode::TOO_MANY_REQUESTS, "rate_limited", chinese, english);
        Failure { ending: Ending { wait: Some(wait), ..failure.ending }, ..failure }
    }
}

impl From<ChatError> for Failure {
    fn from(error: ChatError) -> Failure {
        let (text, ending) = (error.to_string(), Ending::of(&error));
        let chinese = match error.kind() {
            // In the framework's own words.
            Kind::UnknownRoom => return Failure { ending, ..Failure::not_found() },
            Kind::NotMember => return Failure { ending, ..Failure::denied() },
            Kind::UnknownUser => "用户不存在。".to_owned(),
            Kind::RoomExists => "群组已存在。".to_owned(),
            Kind::Address => format!("地址无效：{text}"),
            Kind::Xml => format!("含有无法传送的字符：{text}"),
            Kind::TooLarge => format!("内容过大：{text}"),
            Kind::Unavailable => format!("聊天服务器暂不可用：{text}"),
            Kind::TryLater => format!("聊天服务器暂时无法完成该操作，请稍后重试：{text}"),
            Kind::OutcomeUnknown => format!("操作结果未知：{text}"),
            Kind::NotQueued => format!("对方的离线消息已满：{text}"),
            Kind::NotKept => format!("消息不会被存档：{text}"),
            Kind::Partial => format!("操作只完成了一部分：{text}"),
            Kind::Storage => format!("文件未能保存：{text}"),
            Kind::Refused => format!("聊天服务器拒绝了该操作：{text}"),
            Kind::ClientPort => format!("无法登录聊天服务器：{text}"),
            Kind::MissingRight => format!("聊天服务器的配置不足：{text}"),
        };
        Failure { text: (chinese, text), ending }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.ending.respond(&self.text.1, ());
        response.extensions_mut().insert(Words(self.text));
        response
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_of_stanza_error_is_told_for_what_it_is() {
        crate::dialects::api::failing::tests::tells_each_type(StatusCode::BAD_GATEWAY, |error| {
            Failure::from(error).into_response()
        });
    }
}
