//! What systemd is told when it has started the program (sd_notify(3)), with `Type=notify` and `WatchdogSec=` in the unit.

use std::net::SocketAddr;

use sd_notify::NotifyState;

/// Calls are taken from now on. Whether the XMPP server is there is another question, which `/health/ready` answers.
pub fn ready(addr: SocketAddr) {
    tell(&[NotifyState::Ready, NotifyState::Status(&format!("listening on {addr}"))]);
}

/// The end has begun.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("answering what is in flight")]);
}

/// Shows that the runtime still gets to its tasks, twice in each period in which systemd wants to see that.
pub async fn show_life() {
    let Some(period) = sd_notify::watchdog_enabled() else { return };
    loop {
        tell(&[NotifyState::Watchdog]);
        tokio::time::sleep(period / 2).await;
    }
}

/// Where nobody listens, nothing is said.
fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd cannot be told");
    }
}
