//! The command line as it is written: commands, flags and their help. The program reads it, and so do the man pages and
//! completions of the package (`packaging/manual`).

use std::path::PathBuf;

/// A gateway from HTTP chat APIs to XMPP: programs call the API they know (qtalk's, which is Startalk's; MaxLeap IM's; that of
/// Xuanxuan, 喧喧; one of RongCloud-backed groups), and an ejabberd or Prosody that already runs gets stanzas over an external
/// component connection (XEP-0114).
#[derive(Debug, clap::Parser)]
#[command(version, max_term_width = 100)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Run the gateway until SIGTERM or SIGINT, which end it in order; a second one ends it at once.
    #[command(after_help = SETTINGS)]
    Serve(ConfigArgs),
    /// Try every right that the enabled APIs need, and print what works and which lines the server's file lacks.
    ///
    /// A gateway that serves with this configuration is asked by its admin listener to do so beside its calls. Where none does,
    /// this command connects itself.
    #[command(after_help = SETTINGS)]
    Check {
        /// The settings.
        #[command(flatten)]
        config: ConfigArgs,
        /// What to try, and how to tell.
        #[command(flatten)]
        args: CheckArgs,
    },
    /// Check the configuration without connecting, name all that is wrong in it, and print every setting as it counts, defaults
    /// included. Secrets are not printed.
    #[command(after_help = SETTINGS)]
    Config(ConfigArgs),
    /// Start a private XMPP server from this machine's packages with a gateway on it, and print how to use both, with calls
    /// of each API. Everything is on loopback and stops with this command.
    Dev(crate::dev::Args),
    /// Put the gateway's part into an ejabberd or Prosody that is there, and write the gateway's own configuration.
    ///
    /// Without --write it shows what it would do. Comments, layout and administrators' rules stay; a backup is kept; running it
    /// again changes nothing.
    Setup(crate::setup::Args),
    /// Print the HTTP APIs as an OpenAPI 3.1 description, whatever is enabled.
    Openapi {
        /// One of them alone.
        #[arg(long, value_name = "NAME", value_parser = ["qtalk", "maxleap", "xuanxuan", "rongcloud"])]
        api: Option<String>,
    },
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
#[derive(Debug, clap::Args)]
pub struct ConfigArgs {
    /// The configuration [default: /etc/stanzagate/stanzagate.toml, if it is there and no variable of a setting is set].
    /// config/stanzagate.toml shows every key with its default.
    #[arg(long, value_name = "FILE", env = "STANZAGATE_CONFIG")]
    pub config: Option<PathBuf>,
    /// Address and port to listen on (http.listen).
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// A level, or directives such as `info,stanzagate::link=debug` (log.level).
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// `text` or `json` (log.format).
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
}

/// What `check` is told.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// An account that exists: their session, archive and bookmarks are tried.
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Print the report as one line of JSON.
    #[arg(long)]
    pub json: bool,
    /// Connect though a gateway answers on http.listen, which is one with another component.name.
    #[arg(long)]
    pub anyway: bool,
}
