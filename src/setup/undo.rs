//! What was done, so that it can be taken back: of each file the pieces that changed, with the lines around them.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use similar::{ChangeTag, TextDiff};

/// Lines around a change by which it is found again.
const AROUND: usize = 2;

/// All that one `setup --write` did.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Done {
    pub files: Vec<Entry>,
    /// What a set-up before had done, while one is under way: of one that was killed, files are as either left them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Entry>,
}

/// What was done to one file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    pub path: PathBuf,
    /// The file did not exist before.
    pub created: bool,
    /// SHA-256 of what was written.
    pub written: String,
    /// SHA-256 of what was there before; empty for a file that was made.
    #[serde(default)]
    pub original: String,
    /// What changed, from the top; empty for a file that was made.
    pub pieces: Vec<Piece>,
}

/// One change with the lines around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Piece {
    pub before: String,
    pub after: String,
}

impl Done {
    /// What was done to this file, the last first.
    fn of<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = &'a Entry> {
        self.files.iter().chain(&self.earlier).filter(move |entry| entry.path == path)
    }

    /// The files that something was done to.
    pub fn paths(&self) -> Vec<&Path> {
        let mut paths: Vec<&Path> = Vec::new();
        for entry in self.files.iter().chain(&self.earlier) {
            if !paths.contains(&entry.path.as_path()) {
                paths.push(&entry.path);
            }
        }
        paths
    }

    /// Whether setup made this file.
    pub fn made(&self, path: &Path) -> bool {
        self.of(path).any(|entry| entry.created)
    }

    /// A file without what was done to it: a text, or no file. `Err` says what was done where it was edited since.
    pub fn without<'a>(&'a self, path: &'a Path, now: &str) -> Result<Option<String>, Option<&'a Entry>> {
        let digest = digest(now);
        if self.of(path).any(|entry| !entry.created && entry.original == digest) {
            return Ok(Some(now.to_owned()));
        }
        for entry in self.of(path) {
            if entry.created && entry.written == digest {
                return Ok(None);
            }
            if !entry.created
                && let Ok(text) = entry.without(now)
            {
                return Ok(Some(text));
            }
        }
        Err(self.of(path).next())
    }
}

impl Entry {
    /// What is done to a file that held `before`; `None` is no file.
    pub fn new(path: PathBuf, before: Option<&str>, after: &str) -> Entry {
        let original = before.map(digest).unwrap_or_default();
        let mut entry = Entry { path, created: before.is_none(), written: digest(after), original, pieces: Vec::new() };
        let Some(before) = before else { return entry };
        // With more lines around it each piece is there once; at the latest when they are all.
        for around in [AROUND, 5, 20, usize::MAX / 4] {
            entry.pieces = pieces(before, after, around);
            if entry.without(after).is_ok_and(|text| text == before) {
                break;
            }
        }
        entry
    }

    /// The text without what was done. `Err` is the piece that was edited since, or is there more than once.
    pub fn without<'a>(&'a self, now: &str) -> Result<String, &'a Piece> {
        let mut text = now.to_owned();
        for piece in self.pieces.iter().rev() {
            let place = {
                let mut places = line_starts(&text, &piece.after);
                (places.next(), places.next())
            };
            match place {
                (Some(at), None) => text.replace_range(at..at + piece.after.len(), &piece.before),
                _ => return Err(piece),
            }
        }
        Ok(text)
    }
}

/// Where `piece` stands, beginning with a line.
fn line_starts<'a>(text: &'a str, piece: &'a str) -> impl Iterator<Item = usize> {
    text.match_indices(piece).map(|(at, _)| at).filter(|at| *at == 0 || text.as_bytes().get(at - 1) == Some(&b'\n'))
}

/// The SHA-256 of a text, in hex.
pub(super) fn digest(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn pieces(before: &str, after: &str, around: usize) -> Vec<Piece> {
    let diff = TextDiff::from_lines(before, after);
    let groups = diff.grouped_ops(around);
    let piece = |group: &Vec<similar::DiffOp>| {
        let mut piece = Piece { before: String::new(), after: String::new() };
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            if change.tag() != ChangeTag::Insert {
                piece.before.push_str(change.value());
            }
            if change.tag() != ChangeTag::Delete {
                piece.after.push_str(change.value());
            }
        }
        piece
    };
    groups.iter().map(piece).collect()
}

/// The change of a file for people.
pub(super) fn diff(name: &str, before: Option<&str>, after: &str) -> String {
    let old = if before.is_some() { name } else { "/dev/null" };
    TextDiff::from_lines(before.unwrap_or_default(), after).unified_diff().header(old, name).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n";
    const AFTER: &str = "1\n2\nnew\n3\n4\n5\n6\n7\n8\nnine\n10\n";

    #[test]
    fn takes_back_what_was_done_and_leaves_what_others_did() {
        let entry = Entry::new("f".into(), Some(BEFORE), AFTER);
        assert_eq!(entry.without(AFTER).unwrap(), BEFORE);
        let edited = AFTER.replace("5\n", "five\nand a half\n");
        assert_eq!(entry.without(&edited).unwrap(), BEFORE.replace("5\n", "five\nand a half\n"));
        let overlapping = AFTER.replace("new\n", "newer\n");
        assert_eq!(entry.without(&overlapping).unwrap_err().after, "1\n2\nnew\n3\n4\n");
        let twice = format!("{AFTER}{AFTER}");
        assert!(entry.without(&twice).is_err());
    }

    /// Killed, a set-up leaves some files as they were, some as a set-up before had left them, and some as it wants them.
    #[test]
    fn takes_back_what_a_killed_set_up_left() {
        let older = BEFORE.replace("9\n", "older\n");
        let done = Done {
            files: vec![Entry::new("f".into(), Some(BEFORE), AFTER), Entry::new("made".into(), None, "new")],
            earlier: vec![
                Entry::new("f".into(), Some(BEFORE), &older),
                Entry::new("made".into(), None, "old"),
                Entry::new("spare".into(), None, "x"),
            ],
        };
        assert_eq!(done.paths(), [Path::new("f"), Path::new("made"), Path::new("spare")]);
        for now in [BEFORE, AFTER, older.as_str()] {
            assert_eq!(done.without(Path::new("f"), now).unwrap().as_deref(), Some(BEFORE));
        }
        for now in ["new", "old"] {
            assert_eq!(done.without(Path::new("made"), now).unwrap(), None);
        }
        assert!(done.without(Path::new("made"), "edited").is_err() && done.made(Path::new("spare")));
        assert!(done.without(Path::new("f"), "something else").is_err() && !done.made(Path::new("f")));
    }

    #[test]
    fn shows_the_change() {
        let shown = diff("f", Some(BEFORE), AFTER);
        assert!(
            shown.starts_with("--- f\n+++ f\n@@") && shown.contains("+new\n") && shown.contains("-9\n+nine\n"),
            "{shown}"
        );
        assert!(diff("f", None, "a\n").starts_with("--- /dev/null\n+++ f\n"));
    }
}
