//! Where a server of the rig lives: its folder, the root file system it is taken from, and the unix user it runs as.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::DevError;

/// A server's folder. Paths exist twice: as this process sees them, and as the server does when it runs in a chroot.
#[derive(Debug)]
pub(super) struct ServerFolder {
    root: Option<PathBuf>,
    outside: PathBuf,
    inside: PathBuf,
    owner: Option<(u32, u32)>,
    temporary: bool,
}

impl ServerFolder {
    /// Makes the folder. Run by root, the server gets the user of its package; otherwise it runs as whoever calls.
    pub(super) fn new(root: Option<PathBuf>, dir: Option<PathBuf>, user: &str) -> Result<ServerFolder, DevError> {
        let is_root = fs::metadata("/proc/self").map_err(DevError::io("reading /proc/self"))?.uid() == 0;
        if root.is_some() && !is_root {
            return Err(DevError::NotRoot);
        }
        let root = match root {
            Some(root) => Some(root.canonicalize().map_err(DevError::io(root.display().to_string()))?),
            None => None,
        };
        let owner = if is_root { user_of(root.as_deref(), user)? } else { None };
        let temporary = dir.is_none();
        let outside = match dir {
            Some(dir) => fs::create_dir_all(&dir)
                .and_then(|()| dir.canonicalize())
                .map_err(DevError::io(format!("creating {}", dir.display())))?,
            None => {
                let parent = root.as_ref().map_or_else(std::env::temp_dir, |root| root.join("tmp"));
                tempfile::Builder::new()
                    .prefix("stanzagate-")
                    .tempdir_in(&parent)
                    .map_err(DevError::io(format!("creating a folder in {}", parent.display())))?
                    .keep()
            }
        };
        let inside = match &root {
            None => outside.clone(),
            Some(root) => match outside.strip_prefix(root) {
                Ok(rest) => Path::new("/").join(rest),
                Err(_) => return Err(DevError::DirOutsideRoot { dir: outside, root: root.clone() }),
            },
        };
        let place = ServerFolder { root, outside, inside, owner, temporary };
        place.own(&place.outside, 0o700)?;
        Ok(place)
    }

    /// The folder, as this process sees it.
    pub(super) fn dir(&self) -> &Path {
        &self.outside
    }

    /// The folder, where it is to be removed at the end.
    pub(super) fn to_remove(&self) -> Option<&Path> {
        self.temporary.then_some(self.outside.as_path())
    }

    /// A path in the folder, as this process sees it.
    pub(super) fn outside(&self, name: &str) -> PathBuf {
        self.outside.join(name)
    }

    /// A path in the folder, as the server sees it.
    pub(super) fn inside(&self, name: &str) -> String {
        self.inside.join(name).display().to_string()
    }

    /// A path of the file system that the server is taken from.
    pub(super) fn system(&self, path: &str) -> PathBuf {
        match &self.root {
            Some(root) => root.join(path.trim_start_matches('/')),
            None => PathBuf::from(path),
        }
    }

    /// The command that installs Debian packages where the server is looked for.
    pub(super) fn install(&self, packages: &str) -> String {
        match &self.root {
            Some(root) => format!("chroot {} apt-get install {packages}", root.display()),
            None => format!("apt-get install {packages}"),
        }
    }

    /// Makes a folder in the folder.
    pub(super) fn make(&self, name: &str) -> Result<(), DevError> {
        let path = self.outside(name);
        fs::create_dir_all(&path).map_err(DevError::io(format!("creating {}", path.display())))?;
        self.own(&path, 0o700)
    }

    /// Writes a file that only the server's user can read.
    pub(super) fn write(&self, name: &str, content: &str) -> Result<(), DevError> {
        let path = self.outside(name);
        let _ = fs::remove_file(&path);
        fs::write(&path, content).map_err(DevError::io(format!("writing {}", path.display())))?;
        self.own(&path, 0o600)
    }

    /// A command of the server's file system, run as the server's user, with nothing of this process's environment.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = match &self.root {
            Some(root) => {
                let mut command = Command::new("chroot");
                if let Some((uid, gid)) = self.owner {
                    command.arg(format!("--userspec={uid}:{gid}"));
                }
                command.arg(root).arg(program);
                command
            }
            None => {
                let mut command = Command::new(program);
                if let Some((uid, gid)) = self.owner {
                    command.uid(uid).gid(gid);
                }
                command
            }
        };
        command
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", &self.inside)
            .env("LANG", "C.UTF-8")
            .current_dir("/");
        command
    }

    /// Removes the folder, where it was this rig's own.
    pub(super) fn remove(&self) {
        if self.temporary {
            let _ = fs::remove_dir_all(&self.outside);
        }
    }

    fn own(&self, path: &Path, mode: u32) -> Result<(), DevError> {
        let what = || format!("handing {} to the server's user", path.display());
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(DevError::io(what()))?;
        match self.owner {
            Some((uid, gid)) => chown(path, Some(uid), Some(gid)).map_err(DevError::io(what())),
            None => Ok(()),
        }
    }
}

/// User and group id of `name` in the passwd file of `root`. Numbers differ between two roots for the same name.
fn user_of(root: Option<&Path>, name: &str) -> Result<Option<(u32, u32)>, DevError> {
    let path = root.unwrap_or(Path::new("/")).join("etc/passwd");
    let passwd = fs::read_to_string(&path).map_err(DevError::io(format!("reading {}", path.display())))?;
    Ok(passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then_some(())?;
        Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
    }))
}
