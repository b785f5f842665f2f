//! The picture of a room: the PHOTO of its vCard, which the room itself keeps and tells its occupants about.

use jid::BareJid;

use crate::chat::rooms::Rooms;
use crate::chat::types::error::ChatError;
use crate::link::{Call, LinkError};
use crate::xml::encode::EncodeError;
use crate::xmpp::{iq, vcard};

/// Largest picture, in bytes: any thumbnail of 128 by 128 pixels is smaller. What the helper module for Prosody takes
/// (100,000 characters of base64) is a little more.
const LARGEST: usize = 72 << 10;

impl Rooms {}

impl Rooms {
    /// Sets the picture of a room: PHOTO of the room's vCard (XEP-0054), whose hash the server sends to the occupants,
    /// now and to those who enter later (XEP-0153, XEP-0486). What else the vCard says is kept. `image`, of type
    /// `content_type`, is a thumbnail of at most 72 KiB: every client fetches it. An empty one takes the picture away.
    ///
    /// False where the server's rooms have no vCard.
    ///
    /// # Errors
    /// An unknown room, an image over the bound, a right that is missing, a failure of the link.
    pub async fn set_room_avatar(
        &self,
        call: &Call,
        room: &BareJid,
        content_type: &str,
        image: &[u8],
    ) -> Result<bool, ChatError> {
        if image.len() > LARGEST {
            return Err(LinkError::Encode(EncodeError::TooLarge(image.len(), LARGEST)).into());
        }
        let before = match self.server.ask(call, iq::get(&self.server.component, room.as_str(), vcard::query())).await?
        {
            Ok(reply) => Some(reply),
            // No vCard, or no room.
            Err(error) if error.is_absent() => None,
            Err(error) if is_missing(&error.condition) => return Ok(false),
            Err(error) => return Err(ChatError::refused(error)),
        };
        let card = vcard::with_photo(before.as_ref(), content_type, image);
        match self.server.ask(call, iq::set(&self.server.component, room.as_str(), card)).await? {
            Ok(_) => Ok(true),
            Err(error) if is_missing(&error.condition) => Ok(false),
            Err(error) if error.is_absent() => Err(ChatError::UnknownRoom(room.clone())),
            Err(error) if error.is("forbidden") || error.is("not-allowed") => {
                // Prosody 13 says the same of a room that does not exist.
                self.room_info(call, room).await?;
                Err(ChatError::Right(format!(
                    "the picture of {room} was refused ({error}): {:?} must be an owner of every room (ejabberd: \
                     access_admin; Prosody: admins and component_admins_as_room_owners)",
                    self.server.component
                )))
            }
            Err(error) => Err(ChatError::refused(error)),
        }
    }
}

fn is_missing(condition: &str) -> bool {
    matches!(condition, "service-unavailable" | "feature-not-implemented")
}
