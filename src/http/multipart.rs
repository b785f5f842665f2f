//! Forms of several parts (multipart/form-data), whatever their senders do to the Content-Type.

use axum::body::{Body, Bytes};
use axum::extract::multipart::{Multipart, MultipartRejection};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, header};
use futures::{StreamExt, stream};

/// Bytes of a body in which its boundary is looked for: the longest boundary has 70 (RFC 2046 section 5.1.1).
const LOOKED_AT: usize = 4096;

/// Opens the form in a request. Where its Content-Type names several boundaries, as curl sends it when a header was pasted
/// beside `-F`, the one counts with which the body begins.
///
/// # Errors
/// The request is no such form.
pub async fn open(mut request: Request) -> Result<Multipart, MultipartRejection> {
    let (params, boundaries) = parameters(request.headers());
    let boundary = match boundaries.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        several => {
            let (parts, body) = request.into_parts();
            let (body, begin) = begin(body).await;
            request = Request::from_parts(parts, body);
            several.iter().find(|boundary| stands_in(&begin, boundary)).or(several.last()).cloned()
        }
    };
    let boundary = boundary.map(|boundary| format!("boundary=\"{boundary}\""));
    let tidy = params.into_iter().chain(boundary).collect::<Vec<_>>().join("; ");
    if let Ok(tidy) = HeaderValue::from_str(&tidy) {
        request.headers_mut().insert(header::CONTENT_TYPE, tidy);
    }
    Multipart::from_request(request, &()).await
}

/// A part of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The field's name.
    pub name: String,
    /// The name of the file that it is, where it is one.
    pub file: Option<String>,
    /// What is in it.
    pub content: Bytes,
}

/// All parts of a form whose body is bounded and already here; those without a name are left out.
///
/// # Errors
/// Why the request is no such form.
pub async fn parts(request: Request) -> Result<Vec<Part>, String> {
    let mut form = open(request).await.map_err(|error| error.body_text())?;
    let mut parts = Vec::new();
    while let Some(field) = form.next_field().await.map_err(|error| error.body_text())? {
        let (name, file) = (field.name().map(str::to_owned), field.file_name().map(str::to_owned));
        let content = field.bytes().await.map_err(|error| error.body_text())?;
        parts.extend(name.map(|name| Part { name, file, content }));
    }
    Ok(parts)
}

/// The Content-Type's parts but for the boundaries, and these. Empty parts are left out: as documented with curl, where
/// `Content-Type: multipart/form-data;` is set by hand, it sends two semicolons.
fn parameters(headers: &HeaderMap) -> (Vec<String>, Vec<String>) {
    let (mut params, mut boundaries) = (Vec::new(), Vec::<String>::new());
    let given = headers.get_all(header::CONTENT_TYPE).iter().filter_map(|value| value.to_str().ok());
    for part in given.flat_map(|given| given.split(';')).map(str::trim).filter(|part| !part.is_empty()) {
        match part.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("boundary") => {
                let value = value.trim().trim_matches('"');
                if !value.is_empty() && !value.contains(['"', '\\']) && !boundaries.iter().any(|known| known == value) {
                    boundaries.push(value.to_owned());
                }
            }
            _ if params.iter().any(|known| known == part) => {}
            _ => params.push(part.to_owned()),
        }
    }
    (params, boundaries)
}

/// The same body, and how it begins.
async fn begin(body: Body) -> (Body, Vec<u8>) {
    let mut rest = body.into_data_stream();
    let (mut read, mut begin) = (Vec::new(), Vec::<u8>::new());
    while begin.len() < LOOKED_AT {
        let Some(chunk) = rest.next().await else { break };
        let failed = chunk.is_err();
        begin.extend_from_slice(chunk.as_ref().map(Bytes::as_ref).unwrap_or_default());
        read.push(chunk);
        if failed || begin.windows(2).any(|two| two == b"\r\n") && begin.starts_with(b"--") {
            break;
        }
    }
    (Body::from_stream(stream::iter(read).chain(rest)), begin)
}

/// True when a line is that boundary.
fn stands_in(begin: &[u8], boundary: &str) -> bool {
    begin.split(|b| *b == b'\n').any(|line| {
        let behind = line.strip_prefix(b"--").and_then(|line| line.strip_prefix(boundary.as_bytes()));
        behind.is_some_and(|behind| behind.trim_ascii().is_empty() || behind.starts_with(b"--"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn content(kinds: &[&str], body: Body) -> Option<String> {
        let mut request = axum::http::Request::builder();
        for kind in kinds {
            request = request.header(header::CONTENT_TYPE, *kind);
        }
        let mut form = open(request.body(body).unwrap()).await.ok()?;
        let field = form.next_field().await.ok()??;
        field.text().await.ok()
    }

    fn form(boundary: &str) -> String {
        format!("--{boundary}\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--{boundary}--\r\n")
    }

    #[tokio::test]
    async fn the_boundary_is_the_one_in_the_body() {
        for boundary in ["pasted", "--------own", "pasted2"] {
            for kinds in [
                &["multipart/form-data; boundary=pasted; boundary=--------own; boundary=\"pasted2\""][..],
                &["multipart/form-data;; boundary=pasted2; Boundary=pasted; boundary=--------own"],
                &["multipart/form-data; boundary=pasted", "multipart/form-data; boundary=--------own;boundary=pasted2"],
            ] {
                for before in ["", "a preamble\r\n"] {
                    let body = format!("{before}{}", form(boundary));
                    let pieces =
                        body.bytes().map(|b| Ok::<_, std::io::Error>(Bytes::from(vec![b]))).collect::<Vec<_>>();
                    let pieces = Body::from_stream(stream::iter(pieces));
                    assert_eq!(content(kinds, pieces).await.as_deref(), Some("x"), "{boundary} {kinds:?}");
                    assert_eq!(content(kinds, Body::from(body)).await.as_deref(), Some("x"), "{boundary} {kinds:?}");
                }
            }
        }
        assert_eq!(content(&["multipart/form-data; boundary=a; boundary=b"], form("c").into()).await, None);
        assert_eq!(content(&["multipart/form-data"], form("c").into()).await, None);
        assert_eq!(content(&["text/plain; boundary=c"], form("c").into()).await, None);
        let broken = stream::iter([Ok(Bytes::from_static(b"--")), Err(std::io::Error::other("gone"))]);
        let broken = Body::from_stream(broken);
        assert_eq!(content(&["multipart/form-data; boundary=a; boundary=b"], broken).await, None);
    }
}
