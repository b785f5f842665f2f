//! Making users occupants of rooms, and having them leave again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jid::BareJid;

use crate::chat::rooms::Rooms;
use crate::chat::rooms::occupants::{Departed, Occupant};
use crate::chat::types::error::ChatError;
use crate::link::{Call, LinkError};
use crate::xmpp::muc;

/// An occupant that nobody used for this long is given up: on Prosody it shows the user as present in the room.
const IDLE: Duration = Duration::from_secs(60);
/// How often that is looked at.
const SWEEP: Duration = Duration::from_secs(10);

impl Rooms {
    /// The resource with which users are made occupants (Prosody): the firewall rule knows it by this name. The same after
    /// every restart, so that an occupant that a killed gateway left behind is taken over, and none is added.
    pub(in crate::chat) fn occupant_resource(&self) -> String {
        format!("gw-{}", self.server.component)
    }

    /// `user` as an occupant of `room`; one caller makes them one, those who come meanwhile wait for it.
    pub(in crate::chat) async fn occupant<F>(
        &self,
        room: &BareJid,
        user: &BareJid,
        take: impl FnOnce() -> F,
    ) -> Result<Arc<Occupant>, ChatError>
    where
        F: Future<Output = Result<Occupant, ChatError>>,
    {
        self.forget_changed().await;
        let (slot, old) = self.occupants.slot(room, user);
        let taken = slot.get_or_try_init(async || take().await.map(Arc::new)).await.cloned();
        if taken.is_err() {
            self.occupants.abandon(room, user, &slot);
            // A new one takes over the old one's nick: nobody needs to see it leave and come back.
            self.leave_rooms(old).await;
        }
        taken
    }

    /// Forgets the occupants of rooms whose members have changed.
    async fn forget_changed(&self) {
        if self.server.incoming.changed.read().is_empty() {
            return;
        }
        let changed = std::mem::take(&mut *self.server.incoming.changed.write());
        for room in changed {
            self.snapshots.forget(&room);
            self.leave_rooms(self.occupants.clear(&room)).await;
        }
    }

    /// Has occupants that were given up leave their rooms. While the link is down nobody is made to wait for
    /// it, not once for each: those occupants stay until their users speak again.
    pub(in crate::chat) async fn leave_rooms(&self, departed: impl IntoIterator<Item = Departed>) {
        for Departed { room, user, occupant } in departed {
            if let Some(resource) = &occupant.resource {
                let call = Call::new("occupants".into(), Instant::now() + Duration::from_secs(2));
                let leave = muc::leave(&format!("{user}/{resource}"), &room, &occupant.nick);
                if let Err(error) = self.server.link.send(&call, &leave).await {
                    tracing::debug!(%room, %error, "an occupant did not leave");
                    if matches!(error, LinkError::Down(_) | LinkError::Draining) {
                        return;
                    }
                }
            }
        }
    }

    /// Gives up idle occupants for as long as there are rooms.
    pub(in crate::chat) async fn sweep(rooms: std::sync::Weak<Rooms>) {
        let mut ticks = tokio::time::interval(SWEEP);
        loop {
            ticks.tick().await;
            let Some(rooms) = rooms.upgrade() else { return };
            rooms.leave_rooms(rooms.occupants.sweep(IDLE)).await;
        }
    }
}
