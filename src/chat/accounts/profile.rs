//! What users say of themselves: names, role and photo of their vCards.

use jid::BareJid;
use reqwest::Url;
use sha2::{Digest as _, Sha256};

use crate::chat::accounts::Accounts;
use crate::chat::server::ask::WINDOW;
use crate::chat::types::error::ChatError;
use crate::link::Call;
use crate::xml::Element;
use crate::xmpp::stanza_error::StanzaError;
use crate::xmpp::vcard::VCard;
use crate::xmpp::{iq, jid_escape, vcard};

/// Longest name or role, in characters; what is longer is cut off.
const LONGEST: usize = 256;
/// Longest URL of a photo, in bytes; what is longer is left out.
const LONGEST_URL: usize = 2048;

/// From a user's vCard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// NICKNAME, else FN, else the localpart, unescaped. This and the other texts have at most 256 characters.
    pub nick: String,
    /// FN.
    pub full_name: Option<String>,
    /// ROLE.
    pub role: Option<String>,
    /// The photo.
    pub photo: Option<PhotoRef>,
}

/// Where a photo is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PhotoRef {
    /// A URL in the vCard (`PHOTO/EXTVAL`): of http or https.
    Url(String),
    /// Binary in the vCard (`PHOTO/BINVAL`): its SHA-256 in hex, under which the gateway serves it.
    Binary {
        /// SHA-256 of the decoded bytes, lower-case hex.
        sha256: String,
        /// Media type, one of `image/{png,jpeg,gif,webp}` by the content's first bytes; never what the vCard says.
        media_type: &'static str,
    },
}

/// A photo's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Photo {
    /// SHA-256 of the bytes, lower-case hex.
    pub sha256: String,
    /// Media type.
    pub media_type: &'static str,
    /// The image.
    pub bytes: Vec<u8>,
}

/// What images are passed on, by their first bytes: what a vCard says of itself is not believed.
fn media_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

/// NICKNAME, else FN, else the localpart as people read it; at most 256 characters.
pub(in crate::chat) fn nick(user: &BareJid, card: Option<&VCard>) -> String {
    let own = card.and_then(|card| card.nick.clone().or_else(|| card.full_name.clone()));
    short(own.unwrap_or_else(|| match user.node() {
        Some(node) => jid_escape::unescaped(node.as_str()).into_owned(),
        None => user.to_string(),
    }))
}

fn image(bytes: Vec<u8>) -> Option<Photo> {
    let media_type = media_type(&bytes)?;
    let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Some(Photo { sha256, media_type, bytes })
}

impl Profile {
    fn new(user: &BareJid, card: VCard) -> Profile {
        let nick = nick(user, Some(&card));
        let photo = match card.photo {
            Some(vcard::Photo::Url(url)) => Some(url).filter(|url| is_web(url)).map(PhotoRef::Url),
            Some(vcard::Photo::Binary(bytes)) => {
                image(bytes).map(|photo| PhotoRef::Binary { sha256: photo.sha256, media_type: photo.media_type })
            }
            None => None,
        };
        Profile { nick, full_name: card.full_name.map(short), role: card.role.map(short), photo }
    }
}

/// Users write what they like into their vCards, and callers put it into pages: nothing but a whole URL of the web, which
/// neither runs as a script nor depends on the page it stands in.
fn is_web(url: &str) -> bool {
    let plain = url.len() <= LONGEST_URL && !url.contains(|c: char| c.is_whitespace() || c.is_control());
    let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    let known = matches!(scheme.as_deref(), Some("http" | "https"));
    plain && known && Url::parse(url).is_ok_and(|url| url.has_host())
}

fn short(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
    }
    text
}

/// Empty for an account that does not exist, of which servers say one or the other (RFC 6121 section 8.5.1).
fn card(answer: Result<Element, StanzaError>) -> Result<VCard, ChatError> {
    match answer {
        Ok(reply) => Ok(vcard::read(&reply)),
        Err(error) if error.is("item-not-found") || error.is("service-unavailable") => Ok(VCard::default()),
        Err(error) => Err(ChatError::refused(error)),
    }
}

impl Accounts {}

impl Accounts {
    async fn vcard(&self, call: &Call, user: &BareJid) -> Result<VCard, ChatError> {
        card(self.server.ask(call, iq::get(&self.server.component, user.as_str(), vcard::query())).await?)
    }

    /// Nick name and photo from the user's vCard.
    pub async fn profile(&self, call: &Call, user: &BareJid) -> Result<Profile, ChatError> {
        self.require_users(call, &[user]).await?;
        Ok(Profile::new(user, self.vcard(call, user).await?))
    }

    /// The profiles of users, side by side, in their order. One whose vCard cannot be read for want of an account is an
    /// empty profile: their localpart and nothing else.
    pub async fn profiles(&self, call: &Call, users: &[BareJid]) -> Vec<Result<Profile, ChatError>> {
        let mut profiles = Vec::with_capacity(users.len());
        // A part at a time: the photos of all together may be more than should be held at once.
        for users in users.chunks(WINDOW) {
            let questions =
                users.iter().map(|user| iq::get(&self.server.component, user.as_str(), vcard::query())).collect();
            let answers = self.server.ask_all(call, questions, WINDOW).await;
            profiles.extend(users.iter().zip(answers).map(|(user, answer)| Ok(Profile::new(user, card(answer?)?))));
        }
        profiles
    }

    /// The photo in the user's vCard, whole, when it is binary. None too for an account that does not exist: anybody who
    /// asks must not cause more than this one question.
    pub async fn photo(&self, call: &Call, user: &BareJid) -> Result<Option<Photo>, ChatError> {
        match self.vcard(call, user).await?.photo {
            Some(vcard::Photo::Binary(bytes)) => Ok(image(bytes)),
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photo_elsewhere_is_on_the_web() {
        let photo = |url: &str| {
            let card = VCard { photo: Some(vcard::Photo::Url(url.to_owned())), ..VCard::default() };
            Profile::new(&BareJid::new("alice@example.org").unwrap(), card).photo
        };
        for good in ["http://a.example/1.png", "HTTPS://a.example:8443/?x=1#y", "https://例.example/图.png"] {
            assert_eq!(photo(good), Some(PhotoRef::Url(good.to_owned())));
        }
        let long = format!("https://a.example/{}", "x".repeat(LONGEST_URL));
        for bad in [
            "javascript:alert(1)",
            "javascript://a.example/%0aalert(1)",
            "java\nscript:alert(1)",
            "ht\ntps://a.example/",
            "data:image/png;base64,AAAA",
            "file:///etc/passwd",
            "file://a.example/x",
            "ftp://a.example/x.png",
            "/1.png",
            "//a.example/1.png",
            "1.png",
            "https:a.example",
            "https://",
            "https://a b/",
            "https://a.example/1 .png",
            "x",
            &long,
        ] {
            assert_eq!(photo(bad), None, "{bad}");
        }
    }
}
