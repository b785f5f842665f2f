//! Files on the disk: read, backed up, and put in place whole, with the owner and mode they had.

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, fchown};
use std::path::{Path, PathBuf};

use super::error::SetupError;
use super::plan;

/// What a backup's name ends in.
const BACKUP: &str = ".before-stanzagate";
/// What the name of a file that is being written begins with.
const TEMPORARY: &str = ".stanzagate-";

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
    let model = fs::metadata(path).ok().or_else(|| like.and_then(|like| fs::metadata(like).ok()));
    put(path, text, model.map_or(Rights { owner: None, mode }, |model| Rights::of(&model)))
}

/// As [`write`], for a file with a secret in it: those read it who must.
pub(super) fn write_secret(path: &Path, text: &str, like: Option<&Path>, group: &str) -> Result<(), SetupError> {
    put(path, text, secret_rights(path, like, group))
}

/// Whether everybody on the machine will read a secret that is written so.
pub(super) fn shows(path: &Path, like: Option<&Path>, group: &str) -> bool {
    secret_rights(path, like, group).mode & 0o004 != 0
}

fn secret_rights(path: &Path, like: Option<&Path>, group: &str) -> Rights {
    let model = fs::metadata(path).ok().or_else(|| like.and_then(|like| fs::metadata(like).ok()));
    let model = model.map_or(Rights { owner: None, mode: 0o600 }, |model| Rights::of(&model));
    // Who is not root gives no file to another group.
    model.for_secret(path.exists(), || group_id(group).filter(|_| is_root()))
}

fn put(path: &Path, text: &str, rights: Rights) -> Result<(), SetupError> {
    let failed = SetupError::io("writing", path);
    let folder = path.parent().unwrap_or(Path::new("/"));
    make_folder(folder)?;
    let mut temporary = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder).map_err(&failed)?;
    temporary.write_all(text.as_bytes()).map_err(&failed)?;
    rights.give(temporary.as_file()).map_err(&failed)?;
    temporary.as_file().sync_all().map_err(&failed)?;
    temporary.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Takes away what a run that was killed left in the folders of these files.
pub(super) fn sweep<'a>(paths: impl Iterator<Item = &'a Path>) {
    let folders: BTreeSet<&Path> = paths.filter_map(Path::parent).collect();
    for entry in folders.into_iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten() {
        let name = entry.file_name();
        let random = name.to_str().and_then(|name| name.strip_prefix(TEMPORARY));
        if random.is_some_and(|random| random.len() == 6 && random.chars().all(|c| c.is_ascii_alphanumeric())) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Owner, group and mode of a file.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rights {
    owner: Option<(u32, u32)>,
    mode: u32,
}

impl Rights {
    fn of(file: &Metadata) -> Rights {
        Rights { owner: Some((file.uid(), file.gid())), mode: file.mode() & 0o7777 }
    }

    /// Those of a file with a secret, after a model, or as they are. What everybody may read, the server's group may then, if
    /// there is one; where only its group or owner can be the server, these may.
    fn for_secret(self, there: bool, group: impl FnOnce() -> Option<u32>) -> Rights {
        let open = self.mode & 0o004 != 0;
        let mode = if there { self.mode & !0o007 } else { 0o640 };
        match self.owner {
            Some((owner, own)) if open => match group() {
                Some(group) => Rights { owner: Some((owner, group)), mode: mode | 0o040 },
                None if (owner, own) == (0, 0) => self,
                None => Rights { mode, ..self },
            },
            _ => Rights { mode, ..self },
        }
    }

    fn give(self, file: &File) -> io::Result<()> {
        if let Some((owner, group)) = self.owner {
            let now = file.metadata()?;
            if (now.uid(), now.gid()) != (owner, group) {
                fchown(file, Some(owner), Some(group))?;
            }
        }
        file.set_permissions(Permissions::from_mode(self.mode))
    }
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
    if let Some(group) = group_id("stanzagate") {
        let _ = chown(path, None, Some(group));
    }
}

/// Whether this process may do all.
pub(super) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// The number of a group of this machine.
fn group_id(name: &str) -> Option<u32> {
    let groups = fs::read_to_string("/etc/group").ok()?;
    let line = groups.lines().find(|line| line.split(':').next() == Some(name))?;
    line.split(':').nth(2)?.parse().ok()
}

/// Takes a file away.
pub(super) fn remove(path: &Path) -> Result<(), SetupError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(SetupError::io("removing", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_for_everybody() {
        let rights = |owner, mode| Rights { owner: Some(owner), mode };
        let none = || None;
        // Debian's own files: of the server's group.
        assert_eq!(rights((0, 70), 0o640).for_secret(false, none), rights((0, 70), 0o640));
        assert_eq!(rights((80, 80), 0o600).for_secret(false, none), rights((80, 80), 0o640));
        // Everybody's: the server's group, or the owner, and where nobody can be told apart, as it was.
        assert_eq!(rights((0, 0), 0o644).for_secret(false, || Some(70)), rights((0, 70), 0o640));
        assert_eq!(rights((80, 80), 0o644).for_secret(false, none), rights((80, 80), 0o640));
        assert_eq!(rights((0, 0), 0o644).for_secret(false, none), rights((0, 0), 0o644));
        // One that is there already.
        assert_eq!(rights((0, 0), 0o644).for_secret(true, || Some(70)), rights((0, 70), 0o640));
        assert_eq!(rights((0, 70), 0o600).for_secret(true, none), rights((0, 70), 0o600));
    }

    #[test]
    fn sweeps_what_a_killed_run_left() {
        let folder = tempfile::tempdir().unwrap();
        let names = [".stanzagate-a1B2c3", ".stanzagate-notes.txt", "stanzagate.yml"];
        names.iter().for_each(|name| fs::write(folder.path().join(name), "x").unwrap());
        sweep([folder.path().join("f").as_path()].into_iter());
        let there: Vec<_> = names.iter().map(|name| folder.path().join(name).exists()).collect();
        assert_eq!(there, [false, true, true]);
    }
}
