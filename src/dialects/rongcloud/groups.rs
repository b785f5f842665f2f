//! Groups: made, listed, looked at, dismissed.

use std::io::Write;

use axum::http::StatusCode;
use jid::BareJid;

use super::context::{Asked, Context, NOTE, card, id, note};
use super::error::Failure;
use super::page::Page;
use super::wire::{Form, Reply, Upload};
use crate::chat::files::file::{Content, NewFile};
use crate::chat::files::image::{self, Format, Image, ImageError, Thumbnail};
use crate::chat::groups::{GroupKind, NewGroup};
use crate::chat::kit::serial;
use crate::chat::types::error::ChatError;
use crate::chat::types::room::Affiliation;

/// Longest name, in characters, as in the original.
const NAME: usize = 100;
/// Longest code.
const CODE: usize = 32;
/// Ids that are tried for a new group: another gateway may have taken the same one in the same millisecond.
const TRIES: usize = 4;

/// POST `/group/`: the caller becomes owner and member.
///
/// # Errors
/// 400 for a name, code or cover that is none.
pub async fn create(cx: &Context<'_>, asked: Asked<'_>) -> Result<Reply, Failure> {
    let form = Form::read(asked.request).await?;
    let name = form.required("name", NAME)?;
    let code = form.text("code", CODE)?.unwrap_or_default();
    let (cover, avatar) = match form.file("cover", cx.config.cover_bytes)? {
        Some(file) => {
            let (url, small) = store(cx, file).await?;
            (url, Some((small.content_type, small.bytes)))
        }
        None => (String::new(), None),
    };
    let mut tries = 1;
    loop {
        let id = serial::serial();
        let new = NewGroup {
            room: cx.room(id)?,
            kind: GroupKind::Group,
            owner: Some(asked.user.clone()),
            members: Vec::new(),
            name: name.clone(),
            note: Some((NOTE, note(&code, &cover))),
            avatar: avatar.clone(),
        };
        match cx.chat.groups.make_group(cx.call, cx.realm, &new).await {
            Ok(()) => return Ok(Reply(StatusCode::CREATED, card(cx.config, id, &name, &code, &cover))),
            Err(ChatError::RoomExists(_)) if tries < TRIES => tries += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

/// Stores a cover, and makes it small.
async fn store(cx: &Context<'_>, file: &Upload) -> Result<(String, Thumbnail), Failure> {
    let content = file.content.clone();
    let on_disk = tokio::task::spawn_blocking(move || {
        let mut file = tempfile::tempfile()?;
        file.write_all(&content).map(|()| file)
    });
    let on_disk = on_disk.await.map_err(std::io::Error::from).flatten().map_err(|error| {
        tracing::error!(%error, "a cover cannot be held on disk");
        ChatError::Storage("the gateway cannot hold the file".to_owned())
    })?;
    let looked = image::look(&on_disk, cx.config.cover_pixels, cx.call.deadline).await;
    let Image { format: Format { content_type, ending }, thumbnail } = looked.map_err(unreadable)?;
    // Servers and browsers go by the ending, so it says what was found and not what was claimed.
    let last = file.name.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = last.rsplit_once('.').map_or(last, |(stem, _)| stem).trim_matches([' ', '.']);
    let name = format!("{}.{ending}", if stem.is_empty() { "cover" } else { stem });
    let new = NewFile { name, content_type: content_type.to_owned(), content: Content::Memory(file.content.clone()) };
    Ok((cx.chat.files.upload(cx.call, cx.realm, &new).await?, thumbnail))
}

fn unreadable(error: ImageError) -> Failure {
    if let ImageError::Failed(_) = error {
        return Failure::told(StatusCode::SERVICE_UNAVAILABLE, "unavailable", error.to_string(), error.to_string());
    }
    let chinese = format!("请上传有效图片。您上传的该文件不是图片或者图片已经损坏（{error}）。");
    let english =
        format!("Upload a valid image. The file you uploaded was either not an image or a corrupted image ({error}).");
    Failure::field("cover", (chinese, english))
}

/// GET `/group/`: those that the caller owns, in the order in which they were made.
///
/// # Errors
/// 404 for a page that there is not.
pub async fn list(cx: &Context<'_>, asked: Asked<'_>) -> Result<Reply, Failure> {
    let mut again = false;
    loop {
        let owned = cx.chat.groups.owned_rooms(cx.call, cx.realm, asked.user, |local| id(local).is_some()).await?;
        let numbers = owned.iter().filter_map(|room| id(room.node()?.as_str()));
        let (mut ids, odd): (Vec<u64>, Vec<u64>) = numbers.partition(|id| serial::is_likely(*id));
        // Rooms that a client called by a number are none of this API's. Only those that look like it are asked about.
        ids.extend(cx.groups(&odd).await?.iter().map(|group| group.id));
        ids.sort_unstable();
        let page = Page::of(cx.uri, ids.len())?;
        let wanted = ids.get(page.places()).unwrap_or_default();
        let groups = cx.groups(wanted).await?;
        // Some have gone without the gateway: it knows now.
        if groups.len() == wanted.len() || again {
            let results = groups.iter().map(|group| group.shown(cx.config, true)).collect();
            return Ok(Reply::ok(page.body(cx.origin, cx.uri, results)));
        }
        again = true;
    }
}

/// GET `/retrieve/<id>/`, for anybody; the code, with which one joins, for members.
///
/// # Errors
/// 404 where there is no such group.
pub async fn retrieve(cx: &Context<'_>, user: Option<&BareJid>, id: &str) -> Result<Reply, Failure> {
    let known = cx.group(id).await?;
    let member = user.is_some_and(|user| known.group.members.contains(user));
    Ok(Reply::ok(known.shown(cx.config, member)))
}

/// GET or POST `/group/<id>/dismiss/`, for owners.
///
/// # Errors
/// 404, 403.
pub async fn dismiss(cx: &Context<'_>, asked: Asked<'_>) -> Result<Reply, Failure> {
    let (known, _guard) = cx.locked(asked.id).await?;
    let room = &known.group.room;
    if cx.chat.rooms.affiliation(cx.call, room, asked.user).await? != Affiliation::Owner {
        return Err(Failure::denied());
    }
    cx.chat.groups.destroy_group(cx.call, cx.realm, room).await?;
    Ok(Reply::done())
}
