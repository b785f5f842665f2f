//! Wrong keys of applications: whoever tries many waits. A right key is always let in: it is too long to be guessed, and whoever
//! shares a network with the guesser must not be locked out.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use ipnet::IpNet;

use crate::http::access::Refusal;
use crate::http::client_addr::network_of;
use crate::http::limiter::Attempts;

/// How long wrong keys count.
const WINDOW: Duration = Duration::from_secs(60);

/// Pairs of network and application whose failures are remembered.
const REMEMBERED: usize = 100_000;

/// The latest wrong keys, by network and by the application's place among those that are known; one that is not known has none.
#[derive(Debug)]
pub struct WrongKeys(Attempts<(IpNet, Option<usize>)>);

impl WrongKeys {
    /// So many wrong keys for one application from one network are judged in a minute.
    pub fn new(most: u32) -> WrongKeys {
        WrongKeys(Attempts::new(most, WINDOW, REMEMBERED))
    }

    /// Counts a judgement.
    ///
    /// # Errors
    /// The judgement's own, or that the caller has to wait.
    pub fn count<T>(
        &self,
        from: IpAddr,
        application: Option<usize>,
        now: Instant,
        judged: Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let subject = (network_of(from), application);
        match judged {
            Ok(_) => self.0.succeeded(&subject),
            Err(_) => self.0.begin_at(&subject, now).map_err(Refusal::Attempts)?,
        }
        judged
    }
}
