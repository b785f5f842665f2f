//! Profiles of users and pictures of rooms (vcard-temp, XEP-0054).

use base64::Engine as _;
pub use xmpp_parsers::ns::VCARD as NS;

use crate::xml::Element;
use crate::xml::element::{Build, child_text, el};

/// What is read of a vCard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VCard {
    /// NICKNAME.
    pub nick: Option<String>,
    /// FN.
    pub full_name: Option<String>,
    /// ROLE.
    pub role: Option<String>,
    /// PHOTO.
    pub photo: Option<Photo>,
}

/// A vCard's photo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Photo {
    /// `EXTVAL`: a URL.
    Url(String),
    /// `BINVAL`: the image.
    Binary(Vec<u8>),
}

/// Asks for a vCard.
pub fn query() -> Element {
    el("vCard", NS)
}

/// Reads an answer. A vCard that is missing or empty reads as the default; a photo that is not base64 as none.
pub fn read(reply: &Element) -> VCard {
    let Some(card) = reply.get_child("vCard", NS) else { return VCard::default() };
    let filled = |name| child_text(card, name, NS).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    VCard {
        nick: filled("NICKNAME"),
        full_name: filled("FN"),
        role: filled("ROLE"),
        photo: card.get_child("PHOTO", NS).and_then(photo),
    }
}

/// A vCard with this photo, and with all else that the one in the answer `before` holds. No bytes: without a photo.
pub fn with_photo(before: Option<&Element>, content_type: &str, image: &[u8]) -> Element {
    let before = before.and_then(|reply| reply.get_child("vCard", NS));
    let others = before.into_iter().flat_map(Element::children).filter(|child| !child.is("PHOTO", NS)).cloned();
    let photo = (!image.is_empty()).then(|| {
        let encoded = base64::engine::general_purpose::STANDARD.encode(image);
        el("PHOTO", NS).child(el("TYPE", NS).text_of(content_type)).child(el("BINVAL", NS).text_of(encoded))
    });
    el("vCard", NS).children_from(others).children_from(photo)
}

fn photo(photo: &Element) -> Option<Photo> {
    if let Some(url) = child_text(photo, "EXTVAL", NS).map(|url| url.trim().to_owned()).filter(|url| !url.is_empty()) {
        return Some(Photo::Url(url));
    }
    let mut encoded = child_text(photo, "BINVAL", NS)?;
    encoded.retain(|c| !c.is_ascii_whitespace());
    base64::engine::general_purpose::STANDARD.decode(encoded).ok().filter(|bytes| !bytes.is_empty()).map(Photo::Binary)
}
