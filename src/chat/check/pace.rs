//! How fast a session takes what is sent in it: a shaper that was made for one person's fingers holds up the gateway.

use std::time::{Duration, Instant};

use futures::future::join_all;
use jid::BareJid;

use crate::chat::check::Check;
use crate::chat::check::guests::Who;
use crate::link::LinkError;
use crate::session::SessionError;
use crate::xml::element::{Build as _, client, el};

/// The size of each stanza: below what any server takes.
const STANZA: usize = 2000;
/// Stanzas that are sent: 40 kB, twice the burst that ejabberd's own file allows.
const STANZAS: usize = 20;
/// Stanzas that are sent then, when nothing is left of the burst, to see how fast it goes on.
const MORE: usize = 3;
/// Under this nobody slows them down; and above this pace it does not matter.
const SOON: Duration = Duration::from_secs(1);
const FAST: u128 = 20_000;

impl Check<'_> {
    /// How fast a session of somebody is (ejabberd). Nothing where there is nobody.
    pub(in crate::chat) async fn check_pace(&self, who: &Who) -> Option<Result<String, String>> {
        let domain = self.server.addresses.domain();
        // No user is to wait behind this, if that can be helped.
        let user = who.guest(domain).or_else(|| who.at(domain))?;
        Some(self.check_pace_of(user).await)
    }

    async fn check_pace_of(&self, user: &BareJid) -> Result<String, String> {
        let bytes = STANZA * STANZAS;
        // A session is opened before, which takes its time.
        self.pass(user, 0).await.map_err(|error| error.to_string())?;
        let first = match self.pass(user, STANZAS).await {
            Ok(took) if took < SOON => return Ok(format!("{bytes} bytes passed in {} ms", took.as_millis().max(1))),
            Ok(_) => self.pass(user, MORE).await,
            Err(error) => Err(error),
        };
        let pace = match first {
            Ok(took) => (STANZA * MORE) as u128 * 1000 / took.as_millis().max(1),
            Err(SessionError::Link(LinkError::Timeout)) => {
                return Err(slow(&format!("{bytes} bytes did not pass a user's session in time")));
            }
            Err(error) => return Err(error.to_string()),
        };
        // A machine that has much else to do, or a shaper that leaves room.
        if pace >= FAST {
            return Ok(format!("{pace} bytes a second pass"));
        }
        Err(slow(&format!("stanzas of users' sessions pass at {} bytes a second", (pace + 50) / 100 * 100)))
    }

    /// How long it takes until as many stanzas, and one small one behind them, are answered.
    async fn pass(&self, user: &BareJid, stanzas: usize) -> Result<Duration, SessionError> {
        let (call, start) = (self.call(), Instant::now());
        // Nobody knows what is asked, which is an answer too.
        let ask = |size: usize| {
            let question = el("query", "urn:stanzagate:check").text_of("x".repeat(size));
            let question = client("iq").with("type", "get").with("to", user.domain().as_str()).child(question);
            self.server.sessions.iq(&call, user, question)
        };
        join_all((0..stanzas).map(|_| ask(STANZA))).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        ask(0).await?;
        Ok(start.elapsed())
    }
}

fn slow(seen: &str) -> String {
    format!(
        "{seen}: the shaper of ejabberd's c2s listener holds up what the gateway does in them. Let it pass first under the rule \
         that the listener's `shaper` names, in ejabberd's own file c2s_shaper (none: loopback)"
    )
}
