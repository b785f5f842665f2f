//! `stanzagate setup`: the gateway's part of a server that runs already, put in, shown, or taken back in one command.
//!
//! The files that are there are read, and edited as text: comments, layout and administrators' own rules stay. `ejabberd` and
//! `prosody` are pure: files in, changes out. `disk` and `checker` touch the machine.
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "somebody at a terminal reads what is done")]

mod access;
mod apply;
mod certificate;
mod checker;
mod disk;
mod edit;
mod ejabberd;
mod error;
mod gateway;
mod lua;
mod lua_tokens;
mod plan;
mod prosody;
mod server;
mod undo;
mod yaml;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

pub use error::SetupError;
pub use plan::Api;
pub use server::Server;

use apply::Outcome;
use gateway::Settings;
use plan::{Apis, File, Gateway, Part, Ports};
use undo::Done;

/// The service that Debian's package brings.
const UNIT: &str = "/usr/lib/systemd/system/stanzagate.service";

/// Arguments of `stanzagate setup`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The server that is there.
    #[arg(value_enum)]
    pub server: Server,
    /// The domain of the accounts [default: the server's only host].
    #[arg(long, value_name = "DOMAIN")]
    pub domain: Option<String>,
    /// The gateway's name on the server [default: gw. and the domain].
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The APIs to serve; the server grants what these need, and no more [default: those served already, else all, on ejabberd
    /// without rongcloud].
    #[arg(long, value_enum, value_delimiter = ',', value_name = "API,...")]
    pub apis: Vec<Api>,
    /// The server's configuration [default: that of Debian's package].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The gateway's configuration, which `serve` and `check` read where no other is named.
    #[arg(long, value_name = "FILE", default_value = crate::config::DEFAULT_FILE)]
    pub gateway_config: PathBuf,
    /// ejabberd's data folder, for the archive where it has none.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/ejabberd")]
    pub data: PathBuf,
    /// Do it; without this the changes are only shown.
    #[arg(long)]
    pub write: bool,
    /// Take back what was done.
    #[arg(long)]
    pub undo: bool,
    /// Print one line of JSON, for programs.
    #[arg(long)]
    pub json: bool,
}

/// Sets the server up, or shows how, or takes it back.
pub fn run(args: &Args) -> ExitCode {
    let done = if args.undo { take_back(args) } else { set_up(args) };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stanzagate: {error}{}", error.hint());
            ExitCode::FAILURE
        }
    }
}

/// Where it is remembered what was done, beside the gateway's configuration.
fn memory(args: &Args) -> PathBuf {
    args.gateway_config.with_file_name(format!("setup-{}.json", args.server.name()))
}

fn remembered(args: &Args) -> Result<Done, SetupError> {
    let path = memory(args);
    match disk::read(&path)? {
        None => Ok(Done::default()),
        Some(text) => {
            serde_json::from_str(&text).map_err(|error| SetupError::file(&path, format!("is damaged: {error}")))
        }
    }
}

fn set_up(args: &Args) -> Result<(), SetupError> {
    let done = remembered(args)?;
    let path = args.config.clone().unwrap_or_else(|| args.server.file().into());
    let main = original(disk::must_read(&path, "name the server's configuration with --config")?, &done);
    let gateway_file = disk::real(&args.gateway_config);
    let mut settings = Settings::read(&gateway_file, disk::read(&gateway_file)?.as_deref())?;

    server::refuse_other(args.server, &main)?;
    let named = (!args.apis.is_empty()).then(|| Apis(args.apis.iter().copied().collect()));
    let (usual, said) = (Apis::usual(args.server), named.or_else(|| settings.apis()));
    let left_out = said.is_none() && !usual.tokens();
    let apis = said.unwrap_or(usual);
    let mut part = match args.server {
        Server::Ejabberd => on_ejabberd(args, &apis, &main, &done, &mut settings, &gateway_file)?,
        Server::Prosody => on_prosody(args, &apis, &main, &done, &mut settings, &gateway_file)?,
    };
    if left_out {
        part.notes.push(
            "RongCloud-backed groups are left out: on ejabberd whoever holds a token that they hand to users' clients can log in as any \
             other user. `--apis qtalk,maxleap,xuanxuan,rongcloud` adds them"
                .to_owned(),
        );
    }
    settings.follow(std::mem::take(&mut part.settings), &mut part.notes);
    settings.serve(&apis);
    let text = settings.to_string();
    crate::config::load::parse(&gateway_file.display().to_string(), &text, &[])
        .map_err(|error| SetupError::Checker(format!("the gateway's configuration would not work:\n{error}")))?;
    part.changes.push(plan::Change { path: gateway_file.clone(), text, mode: 0o640, like: None, secret_for: None });
    checker::packages(args.server, &part.packages, args.write)?;

    let outcome = Outcome::of(&part, &done, &gateway_file)?;
    part.notes.extend(outcome.shown().map(|(path, group)| {
        let path = path.display();
        format!("everybody on this machine can read the component's secret in {path}: the server's own file is root's, and there is no group {group}")
    }));
    if args.write {
        let complaint = outcome.write(&memory(args), &gateway_file, || checker::judge(args.server, &main.path))?;
        part.notes.extend(
            complaint.map(|text| format!("the server's own checker complained before, and still does:\n{text}")),
        );
    }
    report(args, &part, &outcome, &settings, &apis)?;
    Ok(())
}

/// A file without what an earlier set-up did to it.
fn original(file: File, done: &Done) -> File {
    match done.without(&file.path, &file.text) {
        Ok(Some(text)) => File { text, ..file },
        _ => file,
    }
}

/// The domain that is asked for, or that the gateway serves already.
fn wanted(args: &Args, settings: &Settings) -> Option<String> {
    args.domain.as_deref().or_else(|| settings.text("server", "domain")).map(str::to_owned)
}

/// What the server is told, of which the gateway's configuration knows some already.
fn gateway(
    args: &Args,
    apis: &Apis,
    domain: String,
    settings: &mut Settings,
    file: &Path,
) -> Result<Gateway, SetupError> {
    let known = settings.text("component", "name").map(str::to_owned);
    let name = match (&args.name, known) {
        (Some(wanted), Some(known)) if *wanted != known => {
            let why = format!("component.name is {known}: leave --name out, or change it there first");
            return Err(SetupError::file(file, why));
        }
        (Some(name), _) => name.clone(),
        (None, Some(known)) => known,
        (None, None) => format!("gw.{domain}"),
    };
    if let Some(known) = settings.text("server", "domain").filter(|known| *known != domain) {
        let why = format!(
            "server.domain is {known}, and not {domain}: name it with --domain, or another file with --gateway-config"
        );
        return Err(SetupError::file(file, why));
    }
    settings.suggest("server", "kind", args.server.name());
    settings.suggest("server", "domain", &domain);
    settings.suggest("component", "name", &name);
    let ports = [("component", "address"), ("c2s", "address"), ("sessions", "oauth_url")]
        .map(|(table, key)| settings.port(table, key));
    let rongcloud_named = args.apis.contains(&Api::Rongcloud);
    Ok(Gateway { domain, name, secret: String::new(), apis: apis.clone(), rongcloud_named, ports })
}

fn on_ejabberd(
    args: &Args,
    apis: &Apis,
    main: &File,
    done: &Done,
    settings: &mut Settings,
    file: &Path,
) -> Result<Part, SetupError> {
    let domain = ejabberd::domain(main, wanted(args, settings).as_deref())?;
    let mut gateway = gateway(args, apis, domain, settings, file)?;
    if let Some(secret) = ejabberd::component_secret(main, &gateway.name)? {
        settings.suggest("component", "secret", &secret);
    }
    gateway.secret = settings.secret(file)?;
    let mut others = Vec::new();
    for path in ejabberd::included(main)? {
        others.push(disk::must_read(&path, "the server's configuration includes it")?);
    }
    let control = ejabberd::control_file(&main.path);
    let control = disk::read(&control)?.map(|text| original(File { path: disk::real(&control), text }, done));
    let input =
        ejabberd::Input { main, others: &others, control: control.as_ref(), gateway: &gateway, data: &args.data };
    let is_free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    ejabberd::plan(&input, &mut Ports { taken: BTreeSet::new(), is_free: &is_free })
}

fn on_prosody(
    args: &Args,
    apis: &Apis,
    main: &File,
    done: &Done,
    settings: &mut Settings,
    file: &Path,
) -> Result<Part, SetupError> {
    let mut others = Vec::new();
    for path in apply::included(main)? {
        if !done.made(&path) && path.file_name().is_none_or(|name| name != prosody::DROP_IN) {
            others.push(disk::must_read(&path, "the server's configuration includes it")?);
        }
    }
    let config = prosody::read(main, &others)?;
    let domain = prosody::domain(main, &config, wanted(args, settings).as_deref())?;
    let mut gateway = gateway(args, apis, domain, settings, file)?;
    let known = settings.has("component", "secret");
    if let Some(secret) = prosody::component_secret(&config, &gateway.name, known)? {
        settings.suggest("component", "secret", &secret);
    }
    gateway.secret = settings.secret(file)?;
    let certificate = certificate::find(&config, &main.path, &gateway.domain);
    prosody::plan(&prosody::Input { main, others: &others, gateway: &gateway, certificate })
}

fn report(args: &Args, part: &Part, outcome: &Outcome, settings: &Settings, apis: &Apis) -> Result<(), SetupError> {
    if args.json {
        let keys = if args.write { settings.keys(apis) } else { json!({}) };
        let files: Vec<_> = outcome.changed().map(|file| file.path.display().to_string()).collect();
        let line = json!({
            "config": args.gateway_config,
            "files": files,
            "edits": outcome.edits(),
            "restart": part.restart,
            "keys": keys,
            "notes": part.notes,
        });
        println!("{line}");
        return Ok(());
    }
    if outcome.changed().next().is_none() {
        println!(
            "Nothing to change: the server has the gateway's part, and {} is complete.",
            args.gateway_config.display()
        );
        return Ok(());
    }
    let secret = settings.clone().secret(&args.gateway_config)?;
    for file in outcome.changed() {
        if args.write {
            println!("{} {}", if file.before.is_some() { "edited" } else { "wrote " }, file.path.display());
        } else if disk::real(&args.gateway_config) == file.path {
            // It holds secrets that are made when it is written.
            println!("would write {}\n", file.path.display());
        } else {
            let shown = undo::diff(&file.path.display().to_string(), file.now.as_deref(), &file.after);
            println!("{}", shown.replace(&secret, "(the component's secret)"));
        }
    }
    for note in &part.notes {
        println!("note: {note}");
    }
    if args.write {
        // With the package the gateway is a service, with a user of its own.
        let serve = if Path::new(UNIT).exists() { "systemctl restart stanzagate" } else { "stanzagate serve" };
        println!(
            "\nNow restart the server and start the gateway:\n\n    {}\n    {serve}\n    stanzagate check",
            part.restart
        );
    } else {
        println!("\nNothing was changed. `--write` does it, and `--undo` takes it back.");
    }
    Ok(())
}

fn take_back(args: &Args) -> Result<(), SetupError> {
    let memory = memory(args);
    let done = remembered(args)?;
    // A run that was killed at once left no more than the record's beginning.
    disk::sweep([memory.as_path()].into_iter());
    if done.paths().is_empty() {
        return Err(SetupError::file(
            &memory,
            "there is nothing to take back: no `setup --write` was done with this gateway configuration",
        ));
    }
    let taken = apply::take_back(&done, &memory, &disk::real(&args.gateway_config))?;
    let restart = match args.server {
        Server::Ejabberd => "systemctl restart ejabberd",
        Server::Prosody => "systemctl restart prosody",
    };
    if args.json {
        println!("{}", json!({ "config": args.gateway_config, "files": taken.files, "restart": restart }));
        return Ok(());
    }
    taken.files.iter().for_each(|file| println!("took back {file}"));
    taken.notes.iter().for_each(|note| println!("note: {note}"));
    println!("\nNow restart the server:\n\n    {restart}");
    Ok(())
}
