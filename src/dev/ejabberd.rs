//! ejabberd in the rig: `config/ejabberd.yml` with its macros filled in, run as a bare Erlang machine.
//!
//! `ejabberdctl` is not used: it needs a named node with its own port and cookie, and costs a second per call. Without
//! it ejabberd is up in a second, accounts included, and an ordinary user can run the rig.

use std::fmt::Write;
use std::process::Command;

use base64::Engine;

use super::error::DevError;
use super::folder::ServerFolder;
use super::settings::{self, Settings};
use super::siblings;
use crate::config::sessions::Grant;

/// The unix user of Debian's package.
pub(super) const USER: &str = "ejabberd";
/// Written by the server itself once it has started.
pub(super) const READY: &str = "ready";

const TEMPLATE: &str = include_str!("../../config/ejabberd.yml");
/// Evaluated when ejabberd has started. That is a moment before its data base: what is sent until then is in no archive.
/// The archive's file gets the write-ahead log that `config/ejabberd.yml` recommends.
const START: &str = r#"
Server = <<"example.org">>.
Ready = <<@READY@/utf8>>.
Register = fun(User, Password) ->
    case ejabberd_auth:try_register(User, Server, Password) of
        ok -> ok;
        {error, exists} -> ok = ejabberd_auth:set_password(User, Server, Password)
    end,
    ok = file:write_file(<<Ready/binary, "-", User/binary>>, <<>>)
end.
Remove = fun(User) ->
    ejabberd_auth:remove_user(User, Server),
    ok = file:write_file(<<Ready/binary, "-", User/binary>>, <<>>)
end.
Orders = fun Next() ->
    case io:get_line("") of
        Line when is_list(Line) ->
            case [list_to_binary(Word) || Word <- string:lexemes(Line, " \n")] of
                [User, Password] -> Register(User, Password);
                [User] -> Remove(User)
            end,
            Next();
        _ -> ok
    end
end.
spawn(Orders).
Archive = fun Again(0) -> locked;
    Again(Left) ->
        case catch ejabberd_sql:sql_query(Server, <<"PRAGMA journal_mode = WAL">>) of
            {selected, _, [[<<"wal">>]]} -> ok;
            _ -> timer:sleep(50), Again(Left - 1)
        end
end.
ok = Archive(200).
ok = file:write_file(Ready, <<>>).
"#;
const PACKAGES: &str = "ejabberd erlang-p1-sqlite3 erlang-p1-oauth2";

/// Fails unless the packages are installed.
pub(super) fn check(place: &ServerFolder) -> Result<(), DevError> {
    let missing = |what| DevError::Missing { what, install: place.install(PACKAGES) };
    if !place.system("/usr/bin/erl").exists() || code_path(place).is_none() {
        return Err(missing("ejabberd"));
    }
    // Debian 12 and 13 name the folder of the same library differently.
    for (what, folders) in
        [("erlang-p1-sqlite3", ["p1_sqlite3-", "sqlite3-"]), ("erlang-p1-oauth2", ["p1_oauth2-", "oauth2-"])]
    {
        if !["/usr/lib/erlang/lib", &code_path(place).unwrap_or_default()]
            .iter()
            .any(|lib| names(place, lib).iter().any(|name| folders.iter().any(|folder| name.starts_with(folder))))
        {
            return Err(missing(what));
        }
    }
    Ok(())
}

/// Writes the configuration.
pub(super) fn configure(
    place: &ServerFolder,
    settings: &Settings,
    changes: &[(String, String)],
) -> Result<(), DevError> {
    for folder in ["spool", "log", "upload"] {
        place.make(folder)?;
    }
    let jwt = settings.grant == Grant::Jwt;
    let values = [
        ("COMPONENT_PORT", settings.component.port().to_string()),
        ("COMPONENT_SECRET", quoted(&settings.component_secret)),
        ("CLIENT_IP", quoted("127.0.0.1")),
        ("CLIENT_PORT", settings.client.port().to_string()),
        ("CLIENT_TLS", "false".to_owned()),
        ("CERTIFICATES", quoted(&place.inside("*.pem"))),
        ("API_PORT", settings.api.port().to_string()),
        ("ARCHIVE_FILE", quoted(&place.inside("spool/archive.sqlite"))),
        ("UPLOAD_PORT", settings.upload.port().to_string()),
        ("UPLOAD_URL", quoted(&format!("http://{}/upload", settings.upload))),
        ("UPLOAD_FILES", quoted(&place.inside("upload"))),
        // Who tries things makes rooms with a client too.
        ("ROOM_MAKERS", "local".to_owned()),
        ("AUTH_METHODS", if jwt { "[mnesia, jwt]" } else { "[mnesia]" }.to_owned()),
    ];
    let template = siblings::let_in(TEMPLATE, "#", settings.siblings);
    let mut config = settings::changed("ejabberd.yml", &template, changes)?;
    for (name, value) in values {
        config = with_macro(&config, name, &value)?;
    }
    if jwt {
        let key = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&settings.jwt_key);
        place.write("stanzagate.jwk", &format!(r#"{{"kty":"oct","k":"{key}"}}"#))?;
        let _ = write!(config, "\njwt_key: {}\njwt_jid_field: sub\n", quoted(&place.inside("stanzagate.jwk")));
    }
    place.write("ejabberd.yml", &config)
}

/// The command that runs the server in the foreground. On its standard input it takes accounts: see [`order`].
pub(super) fn command(place: &ServerFolder) -> Result<Command, DevError> {
    place.write("start.erl", &START.replace("@READY@", &quoted(&place.inside(READY))))?;
    let _ = std::fs::remove_file(place.outside(READY));

    let mut command = place.command("/usr/bin/erl");
    command
        // Room on the scheduler's stack for deep nesting, which otherwise kills the machine (see config/ejabberd.yml).
        .args(["+sss", "8192", "-noshell", "-mnesia", "dir", &quoted(&place.inside("spool"))])
        .args(["-s", "ejabberd", "-run", "file", "eval", &place.inside("start.erl")])
        .env("EJABBERD_CONFIG_PATH", place.inside("ejabberd.yml"))
        .env("EJABBERD_LOG_PATH", place.inside("log/server.log"))
        .env("ERL_LIBS", code_path(place).unwrap_or_default())
        .env("ERL_CRASH_DUMP_BYTES", "0")
        .env("ERL_MAX_PORTS", "32000");
    Ok(command)
}

/// The line that registers an account, or gives it this password, or without one deletes the account. The server then writes the file [`done`] names.
/// Not an argument, because a command line can be read by everybody on the machine.
pub(super) fn order(user: &str, password: Option<&str>) -> String {
    format!("{user} {}\n", password.unwrap_or_default())
}

/// The file that shows that an order about an account was carried out.
pub(super) fn done(user: &str) -> String {
    format!("{READY}-{user}")
}

/// The folder that holds ejabberd's code: Debian puts it under the architecture's name.
fn code_path(place: &ServerFolder) -> Option<String> {
    names(place, "/usr/lib")
        .into_iter()
        .map(|name| format!("/usr/lib/{name}"))
        .find(|path| names(place, path).iter().any(|name| name.starts_with("ejabberd-")))
}

fn names(place: &ServerFolder, path: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(place.system(path)) else { return Vec::new() };
    entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Both YAML and Erlang read a JSON string as what it says.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Replaces the value of one macro.
fn with_macro(config: &str, name: &str, value: &str) -> Result<String, DevError> {
    let start = format!("  {name}: ");
    if !config.lines().any(|line| line.starts_with(&start)) {
        return Err(DevError::Template { file: "ejabberd.yml", line: start });
    }
    Ok(config
        .lines()
        .map(|line| if line.starts_with(&start) { format!("{start}{value}\n") } else { format!("{line}\n") })
        .collect())
}
