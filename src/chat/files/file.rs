//! Files: a slot of the upload service (XEP-0363), and the file put there.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue};
use reqwest::{Body, Certificate, Client, StatusCode, Url, redirect};
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

use crate::causes::innermost;
use crate::chat::files::{Files, label};
use crate::chat::server::Server;
use crate::chat::types::address::Realm;
use crate::chat::types::error::{ChatError, Kind};
use crate::clock::{self, now_ms};
use crate::link::Call;
use crate::xmpp::stanza_error::StanzaError;
use crate::xmpp::upload::{Limit, Slot};
use crate::xmpp::{iq, mam, upload};

/// A file to upload.
#[derive(Debug)]
pub struct NewFile {
    /// Its name as clients see it in the URL; only the last part of a path, made harmless.
    pub name: String,
    /// Its media type; what is none, or one that a browser would run, becomes `application/octet-stream`.
    pub content_type: String,
    /// What is in it; never nothing, which XEP-0363 does not allow.
    pub content: Content,
}

/// What is in a file.
#[derive(Debug)]
pub enum Content {
    /// A small one, in memory.
    Memory(Bytes),
    /// One on disk, with its size in bytes. An open file, so that it may have no name there and be gone with whoever
    /// holds it.
    Disk(File, u64),
}

/// The HTTP clients of upload services, made when they are first needed.
#[derive(Default)]
pub(in crate::chat) struct Storage {
    plain: OnceLock<Result<Client, String>>,
    tls: OnceLock<Result<Client, String>>,
}

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Bytes read from disk at once.
const CHUNK: usize = 64 << 10;

impl Files {
    /// Uploads a file, streamed from disk, and returns the URL under which anybody can get it. The server decides how
    /// long it is kept.
    ///
    /// # Errors
    /// [`ChatError::FileTooLarge`] and [`ChatError::Right`] from the upload service before anything is sent;
    /// [`ChatError::Storage`] when it is full, cannot be reached, or does not take the file.
    pub async fn upload(&self, call: &Call, realm: &Realm, file: &NewFile) -> Result<String, ChatError> {
        let name = label::name(&file.name);
        let content_type = label::content_type(&file.content_type);
        let slot = self.slot(call, realm, &name, file.content.size(), &content_type).await?;
        let (put, get) = (web_url(&slot.put)?, web_url(&slot.get)?);
        self.put(call, &put, &slot, &content_type, &file.content).await?;
        Ok(get.into())
    }
}

impl Content {
    pub(super) fn size(&self) -> u64 {
        match self {
            Content::Memory(bytes) => bytes.len() as u64,
            Content::Disk(_, size) => *size,
        }
    }

    fn body(&self) -> std::io::Result<Body> {
        match self {
            Content::Memory(bytes) => Ok(bytes.clone().into()),
            Content::Disk(file, size) => {
                let mut file = file.try_clone()?;
                file.seek(SeekFrom::Start(0))?;
                let read = tokio::fs::File::from_std(file).take(*size);
                Ok(Body::wrap_stream(ReaderStream::with_capacity(read, CHUNK)))
            }
        }
    }
}

impl Files {
    pub(super) async fn slot(
        &self,
        call: &Call,
        realm: &Realm,
        name: &str,
        size: u64,
        content_type: &str,
    ) -> Result<Slot, ChatError> {
        let service = realm.upload.as_str();
        let request = iq::get(&self.server.component, service, upload::request(name, size, content_type));
        let reply = self.server.link.iq(call, request).await?;
        if reply.attr("type") != Some("error") {
            let unreadable = || ChatError::Storage(format!("the slot that {service} gives has no URLs"));
            return upload::read(&reply).ok_or_else(unreadable);
        }
        let error = StanzaError::read(&reply);
        Err(match upload::limit(&reply) {
            Some(Limit::Size(most)) => ChatError::FileTooLarge(most),
            Some(Limit::Quota(retry)) => {
                let when = retry.as_ref().map(|stamp| format!("; it will again at {stamp}")).unwrap_or_default();
                let text = format!("{service} takes no more files for now ({error}){when}");
                let wait = retry
                    .as_deref()
                    .and_then(mam::stamp_ms)
                    .map(|ms| Duration::from_millis(ms.saturating_sub(now_ms())));
                ChatError::Told { kind: Kind::TryLater, text, cause: Some(Arc::new(error)), wait }
            }
            None => match error.condition.as_str() {
                "forbidden" | "not-allowed" | "not-authorized" | "registration-required" => ChatError::Right(format!(
                    "{service} gave no upload slot ({error}): ejabberd: let {me:?} pass the rule of mod_http_upload's \
                         `access`; Prosody: name {me:?} in http_file_share_access",
                    me = self.server.component
                )),
                "item-not-found" | "remote-server-not-found" | "service-unavailable" | "feature-not-implemented" => {
                    ChatError::Right(format!(
                        "there is no upload service at {service} ({error}): ejabberd: mod_http_upload with host: \
                     {service:?}; Prosody: Component {service:?} \"http_file_share\"; or name another in server.upload"
                    ))
                }
                _ if error.is_temporary() => ChatError::refused(error),
                _ => ChatError::Storage(format!("{service} gave no upload slot ({error})")),
            },
        })
    }

    /// The URL under which the gateway itself reaches what clients put to `url`.
    pub(super) fn reached(&self, url: &Url) -> Result<Url, ChatError> {
        let mut url = url.clone();
        let Some(origin) = &self.server.config.server.upload_origin else { return Ok(url) };
        let origin = web_url(origin)?;
        let moved = url.set_scheme(origin.scheme()).is_ok()
            && url.set_host(origin.host_str()).is_ok()
            && url.set_port(origin.port()).is_ok();
        if moved { Ok(url) } else { Err(ChatError::Config("server.upload_origin is no origin".into())) }
    }

    pub(super) async fn put(
        &self,
        call: &Call,
        given: &Url,
        slot: &Slot,
        content_type: &str,
        content: &Content,
    ) -> Result<(), ChatError> {
        let url = self.reached(given)?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let failed = |why: String| ChatError::Storage(format!("the upload service at {host}: {why}"));
        if url.scheme() == "https" && !clock::is_set() {
            return Err(failed("the machine's clock stands before 1970, and no certificate is good then".to_owned()));
        }
        let client = self.storage.client(&self.server, &url).map_err(failed)?;
        let body = content.body().map_err(|error| ChatError::Storage(error.to_string()))?;
        let left = call.deadline.saturating_duration_since(Instant::now());
        let mut request = client.put(url).timeout(left);
        for (name, value) in &slot.headers {
            let mut value =
                HeaderValue::from_str(value).map_err(|_| failed(format!("its slot's {name} is unusable")))?;
            value.set_sensitive(true);
            request = request.header(*name, value);
        }
        for (name, value) in call.trace.iter().flat_map(|trace| trace.headers()) {
            request = request.header(name, value);
        }
        // ejabberd knows the service by the name that clients use, wherever the request arrives.
        let request = request.header(HOST, authority(given));
        let request = request.header(CONTENT_TYPE, content_type).header(CONTENT_LENGTH, content.size()).body(body);
        match request.send().await {
            Ok(response) if response.status().is_success() => Ok(()),
            Ok(response) if response.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(ChatError::FileTooLarge(None)),
            Ok(response) => Err(failed(format!("it answered {}", response.status()))),
            Err(error) if error.is_timeout() => Err(failed("it did not take the file in time".to_owned())),
            Err(error) => Err(failed(innermost(&error.without_url()))),
        }
    }
}

impl Storage {
    /// The client for `url`. Without TLS no authority is needed, and a machine without any must not be refused.
    pub(super) fn client(&self, server: &Server, url: &Url) -> Result<&Client, String> {
        let tls = url.scheme() == "https";
        let place = if tls { &self.tls } else { &self.plain };
        let make = || {
            let builder = Client::builder().no_proxy().redirect(redirect::Policy::none()).connect_timeout(CONNECT);
            let builder = match &server.config.c2s.ca_file {
                _ if !tls => builder.tls_certs_only([]),
                None => builder,
                Some(path) => {
                    let unusable = |error: &dyn std::fmt::Display| format!("c2s.ca_file {}: {error}", path.display());
                    let bundle = std::fs::read(path).map_err(|error| unusable(&error))?;
                    builder.tls_certs_merge(Certificate::from_pem_bundle(&bundle).map_err(|error| unusable(&error))?)
                }
            };
            builder.build().map_err(|error| innermost(&error))
        };
        place.get_or_init(make).as_ref().map_err(Clone::clone)
    }
}

/// A slot's URL; nothing but the web is put to or handed on.
pub(super) fn web_url(text: &str) -> Result<Url, ChatError> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        _ => Err(ChatError::Storage("a URL of the upload slot is none of http or https".into())),
    }
}

/// Host and port of a URL, as a request to it names them.
pub(super) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_the_web_is_put_to() {
        assert_eq!(web_url("https://u.example/a b/ü").unwrap().as_str(), "https://u.example/a%20b/%C3%BC");
        for bad in ["file:///etc/passwd", "ftp://u.example/", "/upload/1", "", "javascript:alert(1)", "http://"] {
            assert!(web_url(bad).is_err(), "{bad}");
        }
    }
}
