//! A component server that does nothing but answer pings at once, so that only the gateway is measured.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep_until};

use crate::child::{self, order};
use crate::count::{Count, Finder};
use crate::fallible::Fallible;
use crate::xmpp::attribute;

/// What it is asked.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum Ask {
    /// What has come so far.
    Counted,
    /// From now on answers wait this long.
    Hold(Duration),
}

#[derive(Default)]
struct Server {
    count: RefCell<Count>,
    hold: Cell<Duration>,
}

/// Listens, says where, and answers each [`Ask`] with the [`Count`].
pub async fn run() -> Fallible {
    let Some(()) = order::<()>().await? else { return Ok(()) };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address: SocketAddr = listener.local_addr()?;
    let (server, tasks) = (Rc::new(Server::default()), LocalSet::new());
    let accepting = server.clone();
    tasks.spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let server = accepting.clone();
            tokio::task::spawn_local(async move {
                if let Err(error) = server.serve(stream).await {
                    eprintln!("the fake server: {error}");
                }
            });
        }
    });
    child::write(&address)?;
    let orders = async {
        while let Some(ask) = order::<Ask>().await? {
            if let Ask::Hold(time) = ask {
                server.hold.set(time);
            }
            child::write(&*server.count.borrow())?;
        }
        Ok(())
    };
    tasks.run_until(orders).await
}

impl Server {
    async fn serve(&self, stream: TcpStream) -> Fallible {
        stream.set_nodelay(true)?;
        let (mut read, mut write) = stream.into_split();
        let mut buffer = Vec::with_capacity(512 * 1024);
        until(&mut read, &mut buffer, b"<stream:stream").await?;
        let header = "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
                      xmlns:stream='http://etherx.jabber.org/streams' id='1' from='gw.example.org'>";
        write.write_all(header.as_bytes()).await?;
        buffer.clear();
        // Whoever connects here is the gateway that is measured: its secret is not looked at.
        until(&mut read, &mut buffer, b"</handshake>").await?;
        write.write_all(b"<handshake/>").await?;
        buffer.clear();

        let (answers, waiting) = mpsc::unbounded_channel();
        tokio::task::spawn_local(answer(waiting, write));
        let mut finder = Finder::default();
        loop {
            let old = buffer.len();
            if read.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
            finder.find(buffer.get(old..).unwrap_or_default(), &mut self.count.borrow_mut());
            let replies = take_pings(&mut buffer);
            if !replies.is_empty() && answers.send((Instant::now() + self.hold.get(), replies)).is_err() {
                return Ok(());
            }
        }
    }
}

/// Writes answers when their time has come.
async fn answer(mut waiting: mpsc::UnboundedReceiver<(Instant, String)>, mut write: OwnedWriteHalf) {
    while let Some((at, text)) = waiting.recv().await {
        if at > Instant::now() {
            sleep_until(at).await;
        }
        if write.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The answers to all queries in the buffer, of which a part that is not whole yet is kept.
fn take_pings(buffer: &mut Vec<u8>) -> String {
    let (mut replies, mut at) = (String::new(), 0);
    let mut kept = buffer.len().saturating_sub(b"<iq ".len() - 1);
    while let Some(start) = find(buffer.get(at..).unwrap_or_default(), b"<iq ").map(|start| at + start) {
        let Some(end) = find(buffer.get(start..).unwrap_or_default(), b">").map(|end| start + end) else {
            kept = start;
            break;
        };
        let head = String::from_utf8_lossy(buffer.get(start..end).unwrap_or_default());
        let of = |name| attribute(&head, name).unwrap_or_default();
        if of("type") != "result" {
            replies.push_str(&format!("<iq type='result' id='{}' from='{}' to='{}'/>", of("id"), of("to"), of("from")));
        }
        at = end;
        kept = kept.max(end);
    }
    buffer.drain(..kept.max(at));
    replies
}

/// Where `needle`, which begins with `<` or is one byte, is.
fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut at = 0;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == first)?;
        if bytes.get(at..)?.starts_with(needle) {
            return Some(at);
        }
        at += 1;
    }
}

async fn until(read: &mut (impl tokio::io::AsyncRead + Unpin), buffer: &mut Vec<u8>, end: &[u8]) -> Fallible {
    while find(buffer, end).is_none() {
        if read.read_buf(buffer).await? == 0 {
            return Err("closed".into());
        }
    }
    Ok(())
}
