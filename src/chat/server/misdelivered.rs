//! Messages that came to a session of the gateway's and belong on their user's own devices: passed on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jid::BareJid;
use tokio::sync::mpsc;

use crate::link::{Call, Link};
use crate::session::OnMisdelivered;
use crate::xml::Element;
use crate::xml::element::{Build, el, set};
use crate::xmpp::message::HINTS;

/// Messages that may wait to be passed on.
const WAITING: usize = 1024;

/// Takes misdelivered messages, and the task that passes them on.
pub(in crate::chat) fn passing() -> (OnMisdelivered, impl FnOnce(Link)) {
    let (queue, waiting) = mpsc::channel(WAITING);
    let misdelivered: OnMisdelivered = Arc::new(move |user, message| {
        if queue.try_send((user.clone(), message)).is_err() {
            tracing::warn!(%user, "a message to a session of the gateway was lost: too many of them");
        }
    });
    (misdelivered, |link| drop(tokio::spawn(pass_on(waiting, link))))
}

/// Sends each to the user's bare JID as its sender sent it. The user's archive has it already: it was delivered, if to
/// the wrong device.
async fn pass_on(mut waiting: mpsc::Receiver<(BareJid, Element)>, link: Link) {
    while let Some((user, mut message)) = waiting.recv().await {
        set(&mut message, "to", user.to_string());
        let message = message.child(el("no-permanent-store", HINTS));
        let call = Call::new("misdelivered".into(), Instant::now() + Duration::from_secs(30));
        if let Err(error) = link.send(&call, &message).await {
            tracing::warn!(%user, %error, "a message to a session of the gateway was lost");
        }
    }
}
