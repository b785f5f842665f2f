//! Looks whether somebody else is connected under the component's name, without waiting for traffic: the component pings its
//! own name. The server gives each ping to whichever connection it chooses, so with a second one some do not come here.
//!
//! Only that a ping came counts, not its answer, which a busy queue may drop. Where none comes the server does not pass on
//! what a component sends to itself, and that says nothing. One look in which some are missing may have met a process that was
//! just ending; only several in a row count.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::time::sleep;

use super::Call;
use super::conn::Conn;
use super::rivals::Rivals;
use super::shared::warn_of_rival;
use super::stanza::Prepared;
use crate::metrics::LinkMetrics;
use crate::xml::StreamKind;
use crate::xml::element::{Build as _, client, el};

/// Pings of the first look. With a second connection all come here in one of 65,000 cases.
const FIRST: usize = 16;
/// Pings of a later one.
const LATER: usize = 6;
/// Looks in a row that must agree, and the pause between them.
const AGREEING: usize = 3;
const PAUSE: Duration = Duration::from_secs(1);
/// How long a ping may take: the answers of those that came are there at once.
const WAIT: Duration = Duration::from_secs(2);
/// How often it is looked whether another one that was seen is still there.
const STILL: Duration = Duration::from_secs(20);

/// Looks at once, then every so often. It never ends.
pub(super) async fn watch(
    conn: &Conn,
    name: &str,
    every: Duration,
    rivals: &Rivals,
    metrics: &LinkMetrics,
) -> Infallible {
    let mut pings = FIRST;
    loop {
        if is_shared(conn, name, pings, rivals).await && rivals.shares() {
            warn_of_rival(name);
        }
        let last = Instant::now();
        pings = LATER;
        while !rivals.is_present() && last.elapsed() < every {
            metrics.set_shared(name, false);
            sleep(STILL.min(every)).await;
        }
        if rivals.is_present() {
            metrics.set_shared(name, true);
            sleep(STILL.min(every)).await;
        }
    }
}

async fn is_shared(conn: &Conn, name: &str, pings: usize, rivals: &Rivals) -> bool {
    for round in 0..AGREEING {
        if round > 0 {
            sleep(PAUSE).await;
        }
        let missing = look(conn, name, pings, rivals).await;
        let some = (1..pings).contains(&missing);
        rivals.looked_once(if some { missing } else { 0 });
        if !some {
            return false;
        }
    }
    true
}

/// How many of so many pings do not come.
async fn look(conn: &Conn, name: &str, pings: usize, rivals: &Rivals) -> usize {
    let call = Call::new("alone".into(), Instant::now() + WAIT);
    let ping = async |_| {
        let ping = client("iq").with("type", "get").with("from", name).with("to", name);
        let ping = Prepared::iq(ping.child(el("ping", "urn:xmpp:ping")), StreamKind::Component, &call.request)?;
        rivals.sending(ping.id());
        conn.iq_prepared(&call, &ping, false).await
    };
    drop(join_all((0..pings).map(ping)).await);
    rivals.missing()
}
