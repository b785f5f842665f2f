//! The floor under any gateway: a component that writes the same stanzas as fast as the server takes them.

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::child::{self, order};
use crate::count::{Count, Template};
use crate::fallible::Fallible;
use crate::xmpp::Component;

/// Bytes of one write.
const PIECE: usize = 64 * 1024;

/// What is to be sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// As whom.
    pub component: Component,
    /// The server's domain, which answers the ping at the end.
    pub domain: String,
    /// Stanzas, taken in turn.
    pub stanzas: Vec<String>,
    /// How many.
    pub messages: u64,
}

/// Connects, waits for the word to begin (the first number), and answers with what was sent, once the
/// server has processed it.
pub async fn run() -> Fallible {
    let Some(plan) = order::<Plan>().await? else { return Ok(()) };
    let stanzas: Vec<Template> = plan.stanzas.iter().map(|stanza| Template::new(stanza)).collect();
    let (mut read, mut write) = plan.component.connect().await?.into_split();
    child::write(&())?;
    let Some(first) = order::<u64>().await? else { return Ok(()) };
    let mut sent = Count::default();
    let writing = async {
        let mut bytes = Vec::with_capacity(2 * PIECE);
        for (number, stanza) in (first..first + plan.messages).zip(stanzas.iter().cycle()) {
            stanza.fill(number, &mut bytes, &mut sent);
            if bytes.len() >= PIECE {
                write.write_all(&bytes).await?;
                bytes.clear();
            }
        }
        let (name, domain) = (&plan.component.name, &plan.domain);
        let ping = format!("<iq type='get' id='last' from='{name}' to='{domain}'><ping xmlns='urn:xmpp:ping'/></iq>");
        bytes.extend_from_slice(ping.as_bytes());
        write.write_all(&bytes).await
    };
    let reading = async {
        let (mut text, mut piece) = (String::new(), [0; 16 * 1024]);
        while !(text.contains("id='last'") || text.contains("id=\"last\"")) {
            let read = read.read(&mut piece).await?;
            if read == 0 || text.contains("<message") {
                return Err(std::io::Error::other(format!("the server took not everything: {text}")));
            }
            text.push_str(&String::from_utf8_lossy(piece.get(..read).unwrap_or_default()));
        }
        Ok(())
    };
    tokio::try_join!(writing, reading)?;
    child::write(&sent)
}
