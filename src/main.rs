//! The command line: `serve`, `check`, `config`, `dev`, `setup`, `healthcheck`.
#![forbid(unsafe_code)]
#![deny(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unreachable,
    clippy::unwrap_used
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use stanzagate::config::error::ConfigError;
use stanzagate::config::load::{self, Override};
use stanzagate::config::{self, Config};

mod cli;

/// A gateway from HTTP chat APIs to XMPP: programs call the API they know (qtalk's, which is Startalk's; MaxLeap IM's; that of
/// Xuanxuan, 喧喧; one of RongCloud-backed groups), and an ejabberd or Prosody that already runs gets stanzas over an external
/// component connection (XEP-0114).
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the gateway until SIGTERM or SIGINT, which end it in order; a second one ends it at once.
    #[command(after_help = SETTINGS)]
    Serve(ConfigArgs),
    /// Try every right that the enabled APIs need, and print what works and which lines the server's file lacks.
    ///
    /// A gateway that serves with this configuration is asked by its admin listener to do so beside its calls. Where none does,
    /// this command connects itself.
    #[command(after_help = SETTINGS)]
    Check {
        #[command(flatten)]
        config: ConfigArgs,
        #[command(flatten)]
        args: cli::check::Args,
    },
    /// Check the configuration without connecting, name all that is wrong in it, and print every setting as it counts, defaults
    /// included. Secrets are not printed.
    #[command(after_help = SETTINGS)]
    Config(ConfigArgs),
    /// Start a private XMPP server from this machine's packages with a gateway on it, and print how to use both, with calls
    /// of each API. Everything is on loopback and stops with this command.
    Dev(stanzagate::dev::Args),
    /// Put the gateway's part into an ejabberd or Prosody that is there, and write the gateway's own configuration.
    ///
    /// Without --write it shows what it would do. Comments, layout and administrators' rules stay; a backup is kept; running it
    /// again changes nothing.
    Setup(stanzagate::setup::Args),
    /// Ask a running gateway whether it is ready: exit code 0 or 1. For containers, which have no shell.
    Healthcheck {
        /// Where to ask.
        #[arg(long, default_value = "http://127.0.0.1:10050/health/ready")]
        url: String,
    },
}

/// Where settings come from, for the help of the commands that take them.
const SETTINGS: &str = "\
Settings come from defaults, then the file, then the environment, then flags; later ones win.
In the environment a key is STANZAGATE_SECTION__KEY, such as STANZAGATE_HTTP__LISTEN=0.0.0.0:10050;
lists have commas, and a secret may be a file: STANZAGATE_COMPONENT__SECRET_FILE=PATH.
Exit codes: 0 ended in order, 1 failed while running, 2 a configuration that cannot work.";

/// The configuration, and flags that win over it.
#[derive(clap::Args)]
struct ConfigArgs {
    /// The configuration [default: /etc/stanzagate/stanzagate.toml, if it is there and no variable of a setting is set].
    /// config/stanzagate.toml shows every key with its default.
    #[arg(long, value_name = "FILE", env = "STANZAGATE_CONFIG")]
    config: Option<PathBuf>,
    /// Address and port to listen on (http.listen).
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// A level, or directives such as `info,stanzagate::link=debug` (log.level).
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// `text` or `json` (log.format).
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
}

impl ConfigArgs {
    fn load(&self) -> Result<Config, ConfigError> {
        let flags = [
            ("--listen", "http", "listen", &self.listen),
            ("--log-level", "log", "level", &self.log_level),
            ("--log-format", "log", "format", &self.log_format),
        ];
        let mut overrides = load::environment(cli::environment())?;
        let usual = Some(Path::new(config::DEFAULT_FILE)).filter(|file| overrides.is_empty() && file.exists());
        for (flag, section, key, value) in flags {
            overrides.extend(value.as_ref().map(|value| Override::flag(flag, section, key, value)));
        }
        load::load(self.config.as_deref().or(usual), &overrides)
    }
}

fn main() -> ExitCode {
    let command = Args::parse().command;
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return cli::fail(cli::RUNTIME, &error),
    };
    runtime.block_on(async {
        match command {
            Command::Serve(args) => match args.load() {
                Ok(config) => cli::serve(config).await,
                Err(error) => cli::fail(cli::USAGE, &error),
            },
            Command::Config(args) => match args.load() {
                Ok(config) => cli::show(&config),
                Err(error) => cli::fail(cli::USAGE, &error),
            },
            Command::Check { config, args } => match config.load() {
                Ok(config) => cli::check(config, &args).await,
                Err(error) => cli::fail(cli::USAGE, &error),
            },
            Command::Dev(args) => cli::dev(args).await,
            Command::Setup(args) => stanzagate::setup::run(&args),
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
