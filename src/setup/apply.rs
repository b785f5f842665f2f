//! Changes put in place, all or none, and taken back.

use std::path::{Path, PathBuf};

use super::error::SetupError;
use super::lua::Config;
use super::plan::{File, Part};
use super::undo::{Done, Entry};
use super::{checker, disk};

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
    secret_for: Option<&'static str>,
}

impl Target {
    fn write(&self) -> Result<(), SetupError> {
        match self.secret_for {
            Some(group) => disk::write_secret(&self.path, &self.after, self.like.as_deref(), group),
            None => disk::write(&self.path, &self.after, self.mode, self.like.as_deref()),
        }
    }
}

/// What the set-up comes to on this disk.
#[derive(Debug)]
pub(super) struct Outcome {
    targets: Vec<Target>,
    /// What is to be remembered while it is done, with what was done before.
    record: Done,
}

impl Outcome {
    /// Compares a plan with the disk.
    pub fn of(part: &Part, done: &Done, gateway_file: &Path) -> Result<Outcome, SetupError> {
        let mut targets = Vec::new();
        for change in &part.changes {
            let path = disk::real(&change.path);
            let now = disk::read(&path)?;
            let before = match &now {
                Some(text) if done.made(&path) => {
                    if done.without(&path, text).is_err() && *text != change.text && path != gateway_file {
                        let why = "setup wrote this file, and it was edited since: move your lines to a file of your own, then delete it";
                        return Err(SetupError::file(&path, why));
                    }
                    None
                }
                Some(text) => Some(done.without(&path, text).ok().flatten().unwrap_or_else(|| text.clone())),
                None => None,
            };
            targets.push(Target {
                path,
                before,
                now,
                after: change.text.clone(),
                mode: change.mode,
                like: change.like.clone(),
                secret_for: change.secret_for,
            });
        }
        let entries = targets.iter().filter(|target| target.before.as_ref() != Some(&target.after));
        let files = entries.map(|t| Entry::new(t.path.clone(), t.before.as_deref(), &t.after)).collect();
        let earlier = [done.files.as_slice(), &done.earlier].concat();
        Ok(Outcome { targets, record: Done { files, earlier } })
    }

    /// Files of an earlier set-up that are not needed any more.
    fn spare(&self) -> impl Iterator<Item = &Path> {
        let kept = |path: &&Path| self.targets.iter().all(|target| target.path != *path);
        self.record.paths().into_iter().filter(kept)
    }

    /// Files with a secret in them that everybody on the machine will be able to read.
    pub fn shown(&self) -> impl Iterator<Item = (&Path, &'static str)> {
        self.targets.iter().filter_map(|target| {
            let group = target.secret_for?;
            disk::shows(&target.path, target.like.as_deref(), group).then_some((target.path.as_path(), group))
        })
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
        disk::sweep(self.targets.iter().map(|target| target.path.as_path()).chain([memory]));
        if self.changed().next().is_none() && self.spare().next().is_none() {
            return Ok(None);
        }
        let before = judge();
        if let Err(complaint) = before.as_ref()
            && checker::is_unreadable(complaint)
        {
            let complaint = complaint.trim();
            return Err(SetupError::Checker(format!(
                "the server cannot read its files as they are; nothing was changed:\n{complaint}"
            )));
        }
        let old = disk::read(memory)?;
        // What is killed half way can be taken back too.
        let written = remember(&self.record, memory)
            .and_then(|()| self.put(gateway_file))
            .and_then(|()| remember(&Done { files: self.record.files.clone(), earlier: Vec::new() }, memory));
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
                        if disk::read(&target.path)?.as_ref() != Some(text) {
                            disk::write(&target.path, text, target.mode, None)?;
                        }
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
            target.write()?;
            if target.path == gateway_file && target.now.is_none() {
                disk::hand_to_gateway(&target.path);
            }
        }
        for path in self.spare() {
            if let Some(text) = disk::read(path)? {
                match self.record.without(path, &text) {
                    Ok(Some(text)) => disk::write(path, &text, 0o600, None)?,
                    Ok(None) => disk::remove(path)?,
                    Err(_) => {}
                }
            }
        }
        Ok(())
    }
}

fn remember(done: &Done, memory: &Path) -> Result<(), SetupError> {
    let text = serde_json::to_string_pretty(done).map_err(|error| SetupError::file(memory, error.to_string()))?;
    disk::write(memory, &text, 0o600, None)
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
    let paths = done.paths();
    disk::sweep(paths.iter().copied().chain([memory]));
    for path in paths {
        let Some(now) = disk::read(path)? else { continue };
        match done.without(path, &now) {
            Ok(text) => steps.push((path, now, text)),
            Err(_) if path == gateway_file => {
                taken.notes.push(format!("{} stays: it was edited since", path.display()));
            }
            Err(_) if done.made(path) => {
                let why = "setup wrote this file, and it was edited since: delete it or move it away, then undo again. Nothing was changed";
                return Err(SetupError::file(path, why));
            }
            Err(entry) => {
                let piece = entry.and_then(|entry| entry.without(&now).err()).map(|piece| piece.after.as_str());
                let why = format!(
                    "what setup put there was edited since: take it out by hand. It was:\n\n{}\nNothing was changed",
                    piece.unwrap_or_default()
                );
                return Err(SetupError::file(path, why));
            }
        }
    }
    for (path, now, text) in steps {
        match &text {
            Some(text) if *text == now => {}
            Some(text) => disk::write(path, text, 0o600, None)?,
            None => disk::remove(path)?,
        }
        let backup = disk::backup_of(path);
        if text.is_some() && disk::read(&backup)? == text {
            disk::remove(&backup)?;
        }
        taken.files.push(path.display().to_string());
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
