//! The command line: `serve`, `check`, `config`, `dev`, `setup`, `openapi`, `healthcheck`.
#![forbid(unsafe_code)]
#![deny(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unreachable,
    clippy::unwrap_used
)]

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use stanzagate::args::{Args, Command, ConfigArgs};
use stanzagate::config::error::ConfigError;
use stanzagate::config::load::{self as settings, Override};
use stanzagate::config::{self, Config};

mod cli;

/// The settings as they count.
fn load(args: &ConfigArgs) -> Result<Config, ConfigError> {
    let flags = [
        ("--listen", "http", "listen", &args.listen),
        ("--log-level", "log", "level", &args.log_level),
        ("--log-format", "log", "format", &args.log_format),
    ];
    let mut overrides = settings::environment(cli::environment())?;
    let usual = Some(Path::new(config::DEFAULT_FILE)).filter(|file| overrides.is_empty() && file.exists());
    for (flag, section, key, value) in flags {
        overrides.extend(value.as_ref().map(|value| Override::flag(flag, section, key, value)));
    }
    settings::load(args.config.as_deref().or(usual), &overrides)
}

fn main() -> ExitCode {
    let command = Args::parse().command;
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return cli::fail(cli::RUNTIME, &error),
    };
    runtime.block_on(async {
        match command {
            Command::Serve(args) => match load(&args) {
                Ok(config) => cli::serve(config).await,
                Err(error) => cli::fail(cli::USAGE, &error),
            },
            Command::Config(args) => match load(&args) {
                Ok(config) => cli::show(&config),
                Err(error) => cli::fail(cli::USAGE, &error),
            },
            Command::Check { config, args } => match load(&config) {
                Ok(config) => cli::check(config, &args).await,
                Err(error) => cli::fail(cli::USAGE, &error),
            },
            Command::Dev(args) => cli::dev(args).await,
            Command::Setup(args) => stanzagate::setup::run(&args),
            Command::Openapi { api } => cli::openapi(api.as_deref()),
            Command::Healthcheck { url } => cli::healthcheck(&url).await,
        }
    })
}

/// Works on half of the cores, at least one, unless TOKIO_WORKER_THREADS says otherwise: most often the XMPP server, which
/// does more for each message, is on the same machine, and work that is passed between threads costs more of both.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if std::env::var_os("TOKIO_WORKER_THREADS").is_none() {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        runtime.worker_threads((cores / 2).max(1));
    }
    runtime.enable_all().build()
}
