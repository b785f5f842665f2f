//! `POST /attachment`: one file in, its URL out, and that of a thumbnail when it is an image.
//!
//! The file goes to a nameless temporary file in the folder that `TMPDIR` names (`/tmp` if nothing does) and from there to
//! the upload service; nothing is left there, however the call ends. What is said to be an image of a format that is
//! decoded but cannot be decoded is refused and not stored; everything else is stored as it is. An image of more pixels than
//! may be decoded is stored without a thumbnail.

use std::fs::File;
use std::io;

use axum::extract::Request;
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::http::StatusCode;
use tokio::io::AsyncWriteExt;

use super::context::Context;
use super::error::{Code, Failure};
use super::wire::Reply;
use crate::chat::Call;
use crate::chat::files::file::{Content, NewFile};
use crate::chat::files::image::{self, Format, Image, ImageError};
use crate::chat::types::error::ChatError;
use crate::config::Config;
use crate::dialects::api::failing::Ending;
use crate::http::body::BodyError;
use crate::http::multipart;
use crate::http::stream::{Arrival, Bounds};

/// The fields that may hold the file: the documented one, and that of library 3 when it is given a file to send.
const FIELDS: [&str; 2] = ["attachment", "userfile"];
/// Uploads handled at once: with the largest file of each they bound what is held on disk.
const AT_ONCE: usize = 32;
/// Bytes of a request beside the file: boundaries, heads, other fields.
const AROUND: u64 = 256 << 10;
/// Bytes that may arrive before the head of a part is whole: the parser gathers them. With 64 KiB whole forms of 100 kB
/// were refused when many calls came at once.
const HEAD: u64 = 256 << 10;

/// What the route may take.
pub fn bounds(config: &Config) -> Bounds {
    Bounds { bytes: config.maxleap.attachment_bytes.saturating_add(AROUND), at_once: AT_ONCE }
}

/// A file that has arrived.
struct Received {
    name: String,
    /// As it was said, if it was.
    content_type: Option<String>,
    file: File,
    size: u64,
}

/// Stores the file in `request`, whose body is a stream, and answers `[url]` or `[url, thumbnail]`.
///
/// # Errors
/// 5001 for what is no upload of one file, 5011 for one that is too large, 5012 for one that breaks off, 5007 for an
/// image that is none, 5006 from the upload service.
pub async fn upload(cx: &Context<'_>, request: Request) -> Result<Reply, Failure> {
    let arrival = request.extensions().get::<Arrival>().cloned();
    let arrival = arrival.ok_or_else(|| Failure::new(Code::Upload, "the file is not being streamed"))?;
    let multipart = form(request).await?;
    let received = receive(multipart, &arrival, cx.config.maxleap.attachment_bytes).await?;
    let urls = store(cx, &arrival.call(cx.call), received).await?;
    Ok(Reply::Json(StatusCode::OK, urls.into()))
}

async fn form(request: Request) -> Result<Multipart, Failure> {
    let wanted = |_| Failure::parameter("the body must be multipart/form-data, with the boundary in Content-Type");
    multipart::open(request).await.map_err(wanted)
}

/// Takes the whole form, so that one that breaks off after the file is refused too.
async fn receive(mut multipart: Multipart, arrival: &Arrival, limit: u64) -> Result<Received, Failure> {
    let mut received = None;
    loop {
        arrival.expect_at_most(Some(HEAD));
        let next = multipart.next_field().await.map_err(|error| broken(arrival, &error))?;
        arrival.expect_at_most(None);
        let Some(mut field) = next else { break };
        if !field.name().is_some_and(|name| FIELDS.contains(&name)) {
            while field.chunk().await.map_err(|error| broken(arrival, &error))?.is_some() {}
        } else if received.is_some() {
            return Err(Failure::parameter("one call takes one file"));
        } else {
            received = Some(save(field, arrival, limit).await?);
        }
    }
    match received {
        None => Err(Failure::parameter("there is no field \"attachment\" with a file")),
        Some(Received { size: 0, .. }) => Err(Failure::parameter("the file is empty")),
        Some(received) => Ok(received),
    }
}

async fn save(mut field: Field<'_>, arrival: &Arrival, limit: u64) -> Result<Received, Failure> {
    let unsaved = |error: io::Error| {
        tracing::error!(%error, "an attachment cannot be held on disk");
        Failure::new(Code::Storage, "the gateway cannot hold the file")
    };
    let name = field.file_name().unwrap_or_default().to_owned();
    let content_type = field.content_type().map(str::to_owned);
    let file = tokio::task::spawn_blocking(tempfile::tempfile).await.map_err(io::Error::from).flatten();
    let mut file = tokio::fs::File::from_std(file.map_err(unsaved)?);
    let mut size = 0;
    while let Some(chunk) = field.chunk().await.map_err(|error| broken(arrival, &error))? {
        size += chunk.len() as u64;
        if size > limit {
            return Err(too_large(limit));
        }
        file.write_all(&chunk).await.map_err(unsaved)?;
    }
    file.flush().await.map_err(unsaved)?;
    Ok(Received { name, content_type, file: file.into_std().await, size })
}

async fn store(cx: &Context<'_>, call: &Call, received: Received) -> Result<Vec<String>, Failure> {
    let Received { name, content_type, file, size } = received;
    let claimed = content_type.as_deref().and_then(|given| given.split(';').next()).unwrap_or_default().trim();
    let image = match image::look(&file, cx.config.maxleap.image_pixels, call.deadline).await {
        Ok(Image { format, thumbnail }) => Some((format, Some(thumbnail))),
        Err(ImageError::TooLarge { format, .. }) => Some((format, None)),
        Err(error) if image::is_decoded(claimed) => return Err(unreadable(&error)),
        Err(_) => None,
    };
    let content = Content::Disk(file, size);
    let realm = &cx.app.realm;
    let Some((Format { content_type, ending }, thumbnail)) = image else {
        let file = NewFile { name, content_type: claimed.to_owned(), content };
        return Ok(vec![cx.chat.files.upload(call, realm, &file).await.map_err(not_stored)?]);
    };
    let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
    let small = thumbnail.map(|thumbnail| NewFile {
        name: format!("{stem}-thumbnail.{}", thumbnail.ending),
        content_type: thumbnail.content_type.to_owned(),
        content: Content::Memory(thumbnail.bytes),
    });
    // A server that goes by the name needs an ending to know an image by.
    let name = if name.contains('.') { name } else { format!("{name}.{ending}") };
    let original = NewFile { name, content_type: content_type.to_owned(), content };
    let Some(small) = small else {
        return Ok(vec![cx.chat.files.upload(call, realm, &original).await.map_err(not_stored)?]);
    };
    let (original, small) =
        futures::try_join!(cx.chat.files.upload(call, realm, &original), cx.chat.files.upload(call, realm, &small))
            .map_err(not_stored)?;
    Ok(vec![original, small])
}

fn unreadable(error: &ImageError) -> Failure {
    let failure = Failure::new(Code::Image, error.to_string());
    match error {
        ImageError::Failed(_) => failure.with_status(StatusCode::SERVICE_UNAVAILABLE),
        _ => failure,
    }
}

fn not_stored(error: ChatError) -> Failure {
    match error {
        ChatError::FileTooLarge(_) => Failure::new(Code::FileTooLarge, error.to_string()),
        error => Failure::from(error),
    }
}

fn too_large(limit: u64) -> Failure {
    Failure::new(Code::FileTooLarge, format!("the file is larger than {limit} bytes"))
}

/// A form that could not be read on: why, as far as the connection knows it, else what the parser found.
fn broken(arrival: &Arrival, error: &MultipartError) -> Failure {
    let refused = |status, outcome, text: String| Failure {
        ending: Ending::new(status, outcome),
        ..Failure::new(Code::Upload, text)
    };
    match arrival.failure() {
        Some(BodyError::TooLarge) => Failure::new(Code::FileTooLarge, "the request is larger than a file may be"),
        Some(BodyError::Slow) => {
            let text = "the upload did not arrive in time".to_owned();
            refused(StatusCode::REQUEST_TIMEOUT, "slow_request", text)
        }
        Some(BodyError::Unexpected) => {
            let text = "the head of a part of the form does not end".to_owned();
            refused(StatusCode::BAD_REQUEST, "broken_upload", text)
        }
        Some(BodyError::Broken | BodyError::Full) => {
            refused(StatusCode::BAD_REQUEST, "broken_upload", "the upload is broken off".to_owned())
        }
        None => refused(StatusCode::BAD_REQUEST, "broken_upload", format!("the form is broken: {}", error.body_text())),
    }
}
