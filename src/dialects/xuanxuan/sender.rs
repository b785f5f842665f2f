//! The user in whose name users are notified: an account of the gateway's own, made before anybody else can take the name.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jid::BareJid;
use rand::distr::{Alphanumeric, SampleString as _};

use super::error::Failure;
use crate::chat::records::Subject;
use crate::chat::types::address::Realm;
use crate::chat::types::error::Kind;
use crate::chat::{Call, Chat, LinkState};

/// Characters of a password that nobody has to remember.
const PASSWORD: usize = 48;
/// The time for making the account at start.
const TIME: Duration = Duration::from_secs(30);
/// Before another attempt; each is twice as long as the one before, up to the second.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// The user.
#[derive(Debug)]
pub struct Sender {
    /// Their address.
    pub jid: BareJid,
    /// Where the MaxLeap API keeps its passengers on the same domain.
    passengers: Vec<Realm>,
    /// Whether the account was seen to be nobody's who makes passengers.
    own: AtomicBool,
}

impl Sender {
    /// The user at `jid`; passengers of MaxLeap are looked for in `realms`.
    pub fn new(jid: BareJid, realms: impl Iterator<Item = Realm>) -> Sender {
        let mut passengers = Vec::new();
        for realm in realms.filter(|realm| realm.domain == jid.domain().as_str()) {
            if !passengers.contains(&realm) {
                passengers.push(realm);
            }
        }
        Sender { jid, passengers, own: AtomicBool::new(false) }
    }

    /// Makes the account as soon as the server is there.
    pub async fn make_at_start(self: Arc<Self>, chat: Chat) {
        let mut state = chat.link_state();
        let mut pause = AGAIN.0;
        loop {
            match state
                .wait_for(|state| matches!(state, LinkState::Up | LinkState::Draining))
                .await
                .map(|state| state.clone())
            {
                Ok(LinkState::Up) => {}
                _ => return,
            }
            let call = Call::new(Arc::from("sender"), Instant::now() + TIME);
            match self.ensure(&chat, &call).await {
                Ok(()) => return,
                Err(failure) => {
                    let why = failure.text.1;
                    tracing::error!(sender = %self.jid, why, "it is not known whether the account that notifications come from is there: tried again");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = state.wait_for(|state| *state == LinkState::Draining) => return,
            }
            pause = (pause * 2).min(AGAIN.1);
        }
    }

    /// Makes the account where there is none: whoever else registered that name would be taken for the service.
    ///
    /// # Errors
    /// What the server refuses; an account that is a passenger's, whose password a caller of another API has.
    pub async fn ensure(&self, chat: &Chat, call: &Call) -> Result<(), Failure> {
        if !chat.accounts.account_exists(call, &self.jid).await? {
            let password = Alphanumeric.sample_string(&mut rand::rng(), PASSWORD);
            if chat.accounts.create_account(call, &self.jid, &password).await? {
                tracing::info!(request = %call.request, sender = %self.jid, "made the account of the service's user");
                // Of a passenger who had that name before, and was deleted past the gateway.
                for realm in &self.passengers {
                    let _ = chat.records.forget(call, realm, &Subject::User(self.jid.clone())).await;
                }
            }
        }
        if self.own.load(Ordering::Relaxed) {
            return Ok(());
        }
        for realm in &self.passengers {
            match chat.records.record(call, realm, &Subject::User(self.jid.clone())).await {
                Ok(record) if record.is_passenger() => return Err(self.taken()),
                // Without records there are no passengers.
                Err(error) if error.kind() != Kind::MissingRight => return Err(error.into()),
                Ok(_) | Err(_) => {}
            }
        }
        self.own.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn taken(&self) -> Failure {
        let jid = &self.jid;
        let english = format!(
            "The sender {jid} is a passenger of MaxLeap, whose password others have: set another xuanxuan.sender, or delete \
             that account."
        );
        let chinese =
            format!("发送者 {jid} 是 MaxLeap 的游客，其密码为他人所知：请更改 xuanxuan.sender，或删除该账号。");
        Failure::told("sender_taken", chinese, english)
    }
}
