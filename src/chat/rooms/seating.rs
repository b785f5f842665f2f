//! Taking seats and giving them up again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jid::BareJid;

use crate::chat::rooms::Rooms;
use crate::chat::rooms::seats::{Left, Seat};
use crate::chat::types::error::ChatError;
use crate::link::{Call, LinkError};
use crate::xmpp::muc;

/// A seat that nobody used for this long is given up: on Prosody it shows the user as present in the room.
const IDLE: Duration = Duration::from_secs(60);
/// How often that is looked at.
const SWEEP: Duration = Duration::from_secs(10);

impl Rooms {
    /// The resource with which users are made occupants (Prosody): the firewall rule knows it by this name. The same after
    /// every restart, so that what a killed gateway left sitting is taken over, not added to.
    pub(in crate::chat) fn seat_resource(&self) -> String {
        format!("gw-{}", self.server.component)
    }

    /// The seat of `user` in `room`; one caller takes it, those who come meanwhile wait for them.
    pub(in crate::chat) async fn seat<F>(
        &self,
        room: &BareJid,
        user: &BareJid,
        take: impl FnOnce() -> F,
    ) -> Result<Arc<Seat>, ChatError>
    where
        F: Future<Output = Result<Seat, ChatError>>,
    {
        self.forget_changed().await;
        let (place, old) = self.seats.place(room, user);
        let taken = place.get_or_try_init(async || take().await.map(Arc::new)).await.cloned();
        if taken.is_err() {
            self.seats.abandon(room, user, &place);
            // A new seat takes over the old one's occupant, whose going and coming nobody needs to see.
            self.vacate(old).await;
        }
        taken
    }

    /// Gives up the seats of rooms whose members have changed.
    async fn forget_changed(&self) {
        if self.server.incoming.changed.read().is_empty() {
            return;
        }
        let changed = std::mem::take(&mut *self.server.incoming.changed.write());
        for room in changed {
            self.surveys.forget(&room);
            self.vacate(self.seats.clear(&room)).await;
        }
    }

    /// Has the occupants of seats that were given up leave their rooms. While the link is down nobody is made to wait for
    /// it, not once for each: those occupants stay until their users speak again.
    pub(in crate::chat) async fn vacate(&self, left: impl IntoIterator<Item = Left>) {
        for Left { room, user, seat } in left {
            if let Some(resource) = &seat.resource {
                let call = Call::new("seats".into(), Instant::now() + Duration::from_secs(2));
                let leave = muc::leave(&format!("{user}/{resource}"), &room, &seat.nick);
                if let Err(error) = self.server.link.send(&call, &leave).await {
                    tracing::debug!(%room, %error, "an occupant did not leave");
                    if matches!(error, LinkError::Down(_) | LinkError::Draining) {
                        return;
                    }
                }
            }
        }
    }

    /// Gives up idle seats for as long as there are rooms.
    pub(in crate::chat) async fn sweep(rooms: std::sync::Weak<Rooms>) {
        let mut ticks = tokio::time::interval(SWEEP);
        loop {
            ticks.tick().await;
            let Some(rooms) = rooms.upgrade() else { return };
            rooms.vacate(rooms.seats.sweep(IDLE)).await;
        }
    }
}
