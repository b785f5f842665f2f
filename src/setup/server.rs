//! The servers, and how their configurations are told apart.

use clap::ValueEnum;

use super::error::SetupError;
use super::plan::File;

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Server {
    /// ejabberd.
    Ejabberd,
    /// Prosody.
    Prosody,
}

impl Server {
    pub(super) fn name(self) -> &'static str {
        match self {
            Server::Ejabberd => "ejabberd",
            Server::Prosody => "prosody",
        }
    }

    /// Where Debian's package has its configuration.
    pub(super) fn file(self) -> &'static str {
        match self {
            Server::Ejabberd => "/etc/ejabberd/ejabberd.yml",
            Server::Prosody => "/etc/prosody/prosody.cfg.lua",
        }
    }
}

/// Refuses the other server's file.
pub(super) fn refuse_other(server: Server, main: &File) -> Result<(), SetupError> {
    match looks_like(&main.text) {
        Some(other) if other != server => {
            let other = other.name();
            Err(SetupError::file(
                &main.path,
                format!("looks like the configuration of {other}: `stanzagate setup {other}`"),
            ))
        }
        _ => Ok(()),
    }
}

/// Which server a configuration is for, as far as its lines say so.
fn looks_like(text: &str) -> Option<Server> {
    let begins = |words: &[&str]| text.lines().any(|line| words.iter().any(|word| line.starts_with(word)));
    let prosody = begins(&["VirtualHost", "Component", "modules_enabled", "admins ="]);
    match (begins(&["hosts:", "listen:", "modules:", "acl:"]), prosody) {
        (true, false) => Some(Server::Ejabberd),
        (false, true) => Some(Server::Prosody),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_other_servers_file() {
        let file = |text: &str| File { path: "/e/f".into(), text: text.to_owned() };
        let refused = |server, text: &str| refuse_other(server, &file(text)).map_err(|error| error.to_string());
        let (yaml, lua) = ("## hosts\nhosts:\n  - a.org\n", "admins = { }\nVirtualHost \"a.org\"\n");
        assert_eq!(
            refused(Server::Prosody, yaml).unwrap_err(),
            "/e/f: looks like the configuration of ejabberd: `stanzagate setup ejabberd`"
        );
        assert!(refused(Server::Ejabberd, lua).unwrap_err().contains("stanzagate setup prosody"));
        for (server, text) in [(Server::Ejabberd, yaml), (Server::Prosody, lua), (Server::Ejabberd, "x: 1\n")] {
            assert_eq!(refused(server, text), Ok(()));
        }
    }
}
