//! Prosody in the rig: `config/prosody.cfg.lua` unchanged, with its values in the environment.

use std::process::{Command, Stdio};

use super::error::DevError;
use super::folder::ServerFolder;
use super::settings::{self, DOMAIN, Settings};
use super::siblings;

/// The unix user of Debian's package.
pub(super) const USER: &str = "prosody";

const CONFIG: &str = include_str!("../../config/prosody.cfg.lua");
const FIREWALL: &str = include_str!("../../config/stanzagate.pfw");
const HELPER: &str = include_str!("../../config/mod_stanzagate.lua");
const TOKENS: &str = include_str!("../../config/mod_stanzagate_tokens.lua");
const PACKAGES: &str = "prosody prosody-modules";

/// Fails unless the packages are installed.
pub(super) fn check(place: &ServerFolder) -> Result<(), DevError> {
    for (what, path) in [
        ("prosody", "/usr/bin/prosody"),
        ("mod_privilege (prosody-modules)", "/usr/lib/prosody/modules/mod_privilege"),
        ("mod_firewall (prosody-modules)", "/usr/lib/prosody/modules/mod_firewall"),
    ] {
        if !place.system(path).exists() {
            return Err(DevError::Missing { what, install: place.install(PACKAGES) });
        }
    }
    Ok(())
}

/// Writes the configuration: what only a private rig needs, then the operator's file, with the lines for more gateways.
pub(super) fn configure(
    place: &ServerFolder,
    settings: &Settings,
    changes: &[(String, String)],
) -> Result<(), DevError> {
    for folder in ["data", "log", "certs"] {
        place.make(folder)?;
    }
    // By its socket prosodyctl of 13.0 deletes accounts.
    let config = CONFIG.replacen("\"roster\";", "\"admin_shell\"; \"roster\";", 1);
    let config = siblings::let_in(&config, "--", settings.siblings);
    place.write("prosody.cfg.lua", &settings::changed("prosody.cfg.lua", &config, changes)?)?;
    place.write("stanzagate.pfw", &siblings::let_in(FIREWALL, "#", settings.siblings))?;
    place.write("mod_stanzagate.lua", HELPER)?;
    place.write("mod_stanzagate_tokens.lua", TOKENS)?;
    let rig = format!(
        "data_path = {data:?}\npidfile = {pid:?}\nadmin_socket = {socket:?}\n\
         log = {{ {{ levels = {{ min = \"info\" }}, to = \"file\", filename = {log:?} }} }}\n\
         Include {config:?}\n",
        data = place.inside("data"),
        pid = place.inside("prosody.pid"),
        socket = place.inside("prosody.sock"),
        log = place.inside("log/server.log"),
        config = place.inside("prosody.cfg.lua"),
    );
    place.write("rig.cfg.lua", &rig)
}

/// The command that runs the server in the foreground.
pub(super) fn command(place: &ServerFolder, settings: &Settings) -> Command {
    let mut command = tool(place, settings, "prosody");
    command.arg("-F");
    command
}

/// Registers an account, or gives it this password; the server may run or not.
pub(super) fn register(place: &ServerFolder, settings: &Settings, user: &str, password: &str) -> Result<(), DevError> {
    account(place, settings, user, &["register", user, DOMAIN, password])
}

/// Deletes an account; the server may run or not.
pub(super) fn unregister(place: &ServerFolder, settings: &Settings, user: &str) -> Result<(), DevError> {
    account(place, settings, user, &["deluser", &format!("{user}@{DOMAIN}")])
}

fn account(place: &ServerFolder, settings: &Settings, user: &str, order: &[&str]) -> Result<(), DevError> {
    let output = tool(place, settings, "prosodyctl")
        .args(order)
        .stdin(Stdio::null())
        .output()
        .map_err(DevError::io("running prosodyctl"))?;
    if output.status.success() {
        return Ok(());
    }
    let output = [output.stdout, output.stderr].concat();
    Err(DevError::Register { user: user.to_owned(), output: String::from_utf8_lossy(&output).into_owned() })
}

fn tool(place: &ServerFolder, settings: &Settings, program: &str) -> Command {
    let mut command = place.command(program);
    command
        .args(["--config", &place.inside("rig.cfg.lua")])
        .env("STANZAGATE_COMPONENT_PORT", settings.component.port().to_string())
        .env("STANZAGATE_COMPONENT_SECRET", &settings.component_secret)
        .env("STANZAGATE_CLIENT_INTERFACE", "127.0.0.1")
        .env("STANZAGATE_CLIENT_PORT", settings.client.port().to_string())
        .env("STANZAGATE_CLIENT_TLS", "no")
        .env("STANZAGATE_UPLOAD_PORT", settings.upload.port().to_string())
        .env("STANZAGATE_UPLOAD_URL", format!("http://{}/", settings.upload))
        .env("STANZAGATE_MODULES", place.inside("."));
    command
}
