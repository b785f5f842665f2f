//! As much HTTP/1.1 as a caller needs: a request's head, an answer's status and body, and calls one by one.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::fallible::Fallible;

/// Longest wait for an answer.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The head of a POST of JSON, or of a GET where there is no body.
pub fn head(address: SocketAddr, path: &str, body: usize) -> String {
    let method = if body == 0 { "GET" } else { "POST" };
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {body}\r\n\r\n"
    )
}

/// An answer within a buffer.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
    /// Bytes of the whole answer.
    pub len: usize,
}

impl<'a> Answer<'a> {
    /// The answer at the start of `buffer`, once it is there as a whole.
    pub fn parse(buffer: &'a [u8]) -> Fallible<Option<Answer<'a>>> {
        let Some(head) = buffer.windows(4).position(|end| end == b"\r\n\r\n") else { return Ok(None) };
        let text = std::str::from_utf8(buffer.get(..head).unwrap_or_default())?;
        let status = text.get(9..12).ok_or("no status")?.parse()?;
        let length = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        let len = head + 4 + length.ok_or("an answer without Content-Length")?;
        Ok(buffer.get(head + 4..len).map(|body| Answer { status, body, len }))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.body).into_owned()
    }
}

/// Makes one call and returns status and body.
pub fn call(address: SocketAddr, path: &str, body: &str) -> Fallible<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(head(address, path, body.len()).as_bytes())?;
    stream.write_all(body.as_bytes())?;
    let (mut buffer, mut piece) = (Vec::new(), [0; 16 * 1024]);
    loop {
        if let Some(answer) = Answer::parse(&buffer)? {
            return Ok((answer.status, answer.text()));
        }
        let read = stream.read(&mut piece)?;
        if read == 0 {
            return Err(format!("{path}: the connection was closed").into());
        }
        buffer.extend_from_slice(piece.get(..read).unwrap_or_default());
    }
}

/// Makes a call that must answer 200 with `success` in its body.
pub fn require(address: SocketAddr, path: &str, body: &str, success: &str) -> Fallible<String> {
    match call(address, path, body)? {
        (200, text) if text.contains(success) => Ok(text),
        (status, text) => Err(format!("{path} answered {status}: {text}").into()),
    }
}
