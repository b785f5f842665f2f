//! Files on the disk: read, backed up, and put in place whole, with the owner and mode they had.

use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, fchown};
use std::path::{Path, PathBuf};

use super::error::SetupError;
use super::plan;

/// What a backup's name ends in.
const BACKUP: &str = ".before-stanzagate";

/// A file's text; `None` where there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<String>, SetupError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SetupError::io("reading", path)(error)),
    }
}

/// A file that must be there, by the name behind links.
pub(super) fn must_read(path: &Path, what_to_do: &str) -> Result<plan::File, SetupError> {
    match read(path)? {
        Some(text) => Ok(plan::File { path: real(path), text }),
        None => Err(SetupError::file(path, format!("there is no such file: {what_to_do}"))),
    }
}

/// The path behind links: they stay, and what they name is changed.
pub(super) fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// The name of a file's backup.
pub(super) fn backup_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(BACKUP);
    name.into()
}

/// Keeps the file as it is, unless that was done before.
pub(super) fn backup(path: &Path) -> Result<(), SetupError> {
    let copy = backup_of(path);
    if copy.exists() {
        return Ok(());
    }
    let text = fs::read_to_string(path).map_err(SetupError::io("reading", path))?;
    write(&copy, &text, 0o600, Some(path))
}

/// Writes a file whole: a reader sees the old one or the new one. It keeps owner and mode; a new one has those of `like`, or
/// `mode`.
pub(super) fn write(path: &Path, text: &str, mode: u32, like: Option<&Path>) -> Result<(), SetupError> {
    let failed = SetupError::io("writing", path);
    let folder = path.parent().unwrap_or(Path::new("/"));
    make_folder(folder)?;
    let model = fs::metadata(path).ok().or_else(|| like.and_then(|like| fs::metadata(like).ok()));
    let mut temporary = tempfile::Builder::new().prefix(".stanzagate-").tempfile_in(folder).map_err(&failed)?;
    temporary.write_all(text.as_bytes()).map_err(&failed)?;
    take_after(temporary.as_file(), model.as_ref(), mode).map_err(&failed)?;
    temporary.as_file().sync_all().map_err(&failed)?;
    temporary.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

fn take_after(file: &File, model: Option<&Metadata>, mode: u32) -> io::Result<()> {
    let Some(model) = model else { return file.set_permissions(Permissions::from_mode(mode)) };
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (model.uid(), model.gid()) {
        fchown(file, Some(model.uid()), Some(model.gid()))?;
    }
    file.set_permissions(Permissions::from_mode(model.mode() & 0o7777))
}

fn make_folder(folder: &Path) -> Result<(), SetupError> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(SetupError::io("making", folder))?;
    fs::set_permissions(folder, Permissions::from_mode(0o755)).map_err(SetupError::io("making", folder))
}

/// Lets the gateway's own user read a file, where there is such a group.
pub(super) fn hand_to_gateway(path: &Path) {
    let group = fs::read_to_string("/etc/group").ok().and_then(|groups| {
        let line = groups.lines().find(|line| line.starts_with("stanzagate:"))?.to_owned();
        line.split(':').nth(2)?.parse::<u32>().ok()
    });
    if let Some(group) = group {
        let _ = chown(path, None, Some(group));
    }
}

/// Takes a file away.
pub(super) fn remove(path: &Path) -> Result<(), SetupError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(SetupError::io("removing", path)(error)),
        _ => Ok(()),
    }
}
