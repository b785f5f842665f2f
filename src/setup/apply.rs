//! Changes put in place, all or none, and taken back.

use std::path::{Path, PathBuf};

use super::disk;
use super::error::SetupError;
use super::lua::Config;
use super::plan::{File, Part};
use super::undo::{Done, Entry, digest};

/// One file, before and after.
#[derive(Debug)]
pub(super) struct Target {
    pub path: PathBuf,
    /// Without what an earlier set-up did.
    pub before: Option<String>,
    /// As it is on the disk.
    pub now: Option<String>,
    pub after: String,
    mode: u32,
    like: Option<PathBuf>,
}

/// What the set-up comes to on this disk.
#[derive(Debug)]
pub(super) struct Outcome {
    targets: Vec<Target>,
    /// Files of an earlier set-up that are not needed any more.
    spare: Vec<Entry>,
}

impl Outcome {
    /// Compares a plan with the disk.
    pub fn of(part: &Part, done: &Done, gateway_file: &Path) -> Result<Outcome, SetupError> {
        let mut targets = Vec::new();
        for change in &part.changes {
            let path = disk::real(&change.path);
            let now = disk::read(&path)?;
            let before = match (done.of(&path), &now) {
                (Some(entry), Some(text)) if entry.created => {
                    if digest(text) != entry.written && *text != change.text && path != gateway_file {
                        let why = "setup wrote this file, and it was edited since: move your lines to a file of your own, then delete it";
                        return Err(SetupError::file(&path, why));
                    }
                    None
                }
                (Some(entry), Some(text)) => Some(entry.without(text).unwrap_or_else(|_| text.clone())),
                _ => now.clone(),
            };
            targets.push(Target {
                path,
                before,
                now,
                after: change.text.clone(),
                mode: change.mode,
                like: change.like.clone(),
            });
        }
        let kept = |entry: &&Entry| targets.iter().all(|target| target.path != entry.path);
        let spare = done.files.iter().filter(kept).cloned().collect();
        Ok(Outcome { targets, spare })
    }

    /// The files that change.
    pub fn changed(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter().filter(|target| target.now.as_ref() != Some(&target.after))
    }

    /// How many pieces of existing files change.
    pub fn edits(&self) -> usize {
        let pieces =
            |target: &Target| Entry::new(target.path.clone(), target.now.as_deref(), &target.after).pieces.len();
        self.changed().map(pieces).sum()
    }

    /// Puts all in place. What `judge` says against the result takes all back, unless it said something before: then that is
    /// returned.
    pub fn write(
        &self,
        memory: &Path,
        gateway_file: &Path,
        mut judge: impl FnMut() -> Result<(), String>,
    ) -> Result<Option<String>, SetupError> {
        if self.changed().next().is_none() && self.spare.is_empty() {
            return Ok(None);
        }
        let before = judge();
        let entries = self.targets.iter().filter(|target| target.before.as_ref() != Some(&target.after));
        let done = Done { files: entries.map(|t| Entry::new(t.path.clone(), t.before.as_deref(), &t.after)).collect() };
        let text = serde_json::to_string_pretty(&done).map_err(|error| SetupError::file(memory, error.to_string()))?;
        let old = disk::read(memory)?;
        let written = self.put(gateway_file).and_then(|()| disk::write(memory, &text, 0o600, None));
        let judged = written.and_then(|()| match (&before, judge()) {
            (Ok(()), Err(complaint)) => Err(SetupError::Checker(format!(
                "the server's own checker refuses the result, which was taken back:\n{complaint}"
            ))),
            (_, judged) => Ok(judged.err()),
        });
        if judged.is_err() {
            for target in &self.targets {
                match &target.now {
                    Some(text) => {
                        disk::write(&target.path, text, target.mode, None)?;
                        let backup = disk::backup_of(&target.path);
                        if old.is_none() && disk::read(&backup)?.as_ref() == Some(text) {
                            disk::remove(&backup)?;
                        }
                    }
                    None => disk::remove(&target.path)?,
                }
            }
            match old {
                Some(old) => disk::write(memory, &old, 0o600, None)?,
                None => disk::remove(memory)?,
            }
        }
        judged
    }

    fn put(&self, gateway_file: &Path) -> Result<(), SetupError> {
        for target in self.changed() {
            if target.before.is_some() && target.now.is_some() {
                disk::backup(&target.path)?;
            }
            disk::write(&target.path, &target.after, target.mode, target.like.as_deref())?;
            if target.path == gateway_file && target.now.is_none() {
                disk::hand_to_gateway(&target.path);
            }
        }
        for entry in &self.spare {
            if let Some(text) = disk::read(&entry.path)? {
                match without(entry, &text) {
                    Some(Some(text)) => disk::write(&entry.path, &text, 0o600, None)?,
                    Some(None) => disk::remove(&entry.path)?,
                    None => {}
                }
            }
        }
        Ok(())
    }
}

/// A file without what was done to it: a text, or no file. `None` where it was edited since.
fn without(entry: &Entry, now: &str) -> Option<Option<String>> {
    if entry.created {
        return (digest(now) == entry.written).then_some(None);
    }
    entry.without(now).ok().map(Some)
}

/// What was taken back.
pub(super) struct Taken {
    pub files: Vec<String>,
    pub notes: Vec<String>,
}

/// Takes back all that was done, or nothing.
pub(super) fn take_back(done: &Done, memory: &Path, gateway_file: &Path) -> Result<Taken, SetupError> {
    let mut taken = Taken { files: Vec::new(), notes: Vec::new() };
    let mut steps = Vec::new();
    for entry in &done.files {
        let Some(now) = disk::read(&entry.path)? else { continue };
        match without(entry, &now) {
            Some(text) => steps.push((entry, text)),
            None if entry.path == gateway_file => {
                taken.notes.push(format!("{} stays: it was edited since", entry.path.display()));
            }
            None if entry.created => {
                let why = "setup wrote this file, and it was edited since: delete it or move it away, then undo again. Nothing was changed";
                return Err(SetupError::file(&entry.path, why));
            }
            None => {
                let piece = entry.without(&now).err().map(|piece| piece.after.clone()).unwrap_or_default();
                let why = format!(
                    "what setup put there was edited since: take it out by hand. It was:\n\n{piece}\nNothing was changed"
                );
                return Err(SetupError::file(&entry.path, why));
            }
        }
    }
    for (entry, text) in steps {
        match &text {
            Some(text) => disk::write(&entry.path, text, 0o600, None)?,
            None => disk::remove(&entry.path)?,
        }
        let backup = disk::backup_of(&entry.path);
        if text.is_some() && disk::read(&backup)? == text {
            disk::remove(&backup)?;
        }
        taken.files.push(entry.path.display().to_string());
    }
    disk::remove(memory)?;
    Ok(taken)
}

/// The files that a Prosody's main file includes.
pub(super) fn included(main: &File) -> Result<Vec<PathBuf>, SetupError> {
    let mut config = Config::default();
    config.read(main)?;
    let folder = main.path.parent().unwrap_or(Path::new("/"));
    let mut files = Vec::new();
    for include in &config.includes {
        let path = folder.join(&include.pattern);
        let (Some(dir), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
            continue;
        };
        let Some((begin, end)) = name.split_once('*') else {
            files.push(path);
            continue;
        };
        let entries = match std::fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(SetupError::io("reading", dir)(error)),
        };
        let mut found: Vec<PathBuf> = entries
            .flatten()
            .filter(|entry| {
                let name = entry.file_name();
                name.to_str()
                    .is_some_and(|name| !name.starts_with('.') && name.starts_with(begin) && name.ends_with(end))
            })
            .map(|entry| entry.path())
            .collect();
        found.sort();
        files.extend(found);
    }
    Ok(files)
}
