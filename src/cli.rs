//! What the commands do: logging, signals, exit codes.
#![expect(clippy::print_stderr, reason = "there is no log yet, or the command has none")]

use std::fmt::Display;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use stanzagate::app::{Gateway, StartError};
use stanzagate::causes;
use stanzagate::config::Config;
use stanzagate::config::log::{Format, Log};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use access::AccessLines;
use clock::Clock;
use json::JsonLines;
use values::Texts;

mod access;
pub mod check;
mod clock;
mod json;
mod log;
mod systemd;
mod values;

/// Exit code of a failure at run time.
pub const RUNTIME: u8 = 1;

/// Exit code of a command line or configuration that cannot work.
pub const USAGE: u8 = 2;

/// How long `healthcheck` waits for an answer.
const HEALTH_WAIT: Duration = Duration::from_secs(5);

/// Says why on stderr.
pub fn fail(code: u8, error: &dyn Display) -> ExitCode {
    eprintln!("stanzagate: {error}");
    ExitCode::from(code)
}

/// The environment variables that are text; others cannot be ours.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Runs the gateway until a signal.
pub async fn serve(config: Config) -> ExitCode {
    let dropped = |lines| tracing::error!(lines, "lines of this log were dropped: whoever reads it is too slow");
    let _flush = match log::start(log::to_stderr, dropped) {
        Ok((lines, flush)) => {
            log_to(lines, &config.log);
            flush
        }
        Err(error) => return fail(RUNTIME, &error),
    };
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return fail(RUNTIME, &error),
    };
    let gateway = match Gateway::start(config).await {
        Ok(gateway) => gateway,
        Err(StartError::Config(error)) => return fail(USAGE, &error),
        Err(error) => return fail(RUNTIME, &error),
    };
    systemd::ready(gateway.addr());
    tokio::spawn(systemd::show_life());
    signals.next().await;
    systemd::stopping();
    tracing::info!("shutting down; a second signal ends at once");
    tokio::select! {
        () = gateway.shutdown() => ExitCode::SUCCESS,
        () = signals.next() => fail(RUNTIME, &"ended before everything was answered"),
    }
}

/// Prints the settings that count, without secrets.
pub fn show(config: &Config) -> ExitCode {
    match toml::to_string_pretty(config) {
        Ok(text) => {
            // Whoever reads it may have seen enough.
            let _ = io::Write::write_all(&mut io::stdout(), text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => fail(RUNTIME, &error),
    }
}

/// Prints the description of the APIs.
pub fn openapi(api: Option<&str>) -> ExitCode {
    let text = format!("{:#}\n", stanzagate::openapi::document(&stanzagate::openapi::everything(), api));
    // As with the settings.
    let _ = io::Write::write_all(&mut io::stdout(), text.as_bytes());
    ExitCode::SUCCESS
}

/// Says what works.
pub async fn check(config: Config, args: &stanzagate::args::CheckArgs) -> ExitCode {
    // What the log would say of the connection is said in the report.
    let level = if config.log.level == Log::default().level { "off".into() } else { config.log.level.clone() };
    log_to(io::stderr, &Log { level, ..config.log.clone() });
    check::run(config, args).await
}

/// Runs a private server and a gateway on it.
pub async fn dev(args: stanzagate::dev::Args) -> ExitCode {
    log_to(io::stderr, &Log { level: "warn".into(), ..Log::default() });
    match stanzagate::dev::run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(RUNTIME, &error),
    }
}

/// Asks a gateway whether it is ready.
pub async fn healthcheck(url: &str) -> ExitCode {
    let asked = async {
        let client = reqwest::Client::builder().no_proxy().timeout(HEALTH_WAIT).build()?;
        let answer = client.get(url).send().await?;
        let status = answer.status();
        Ok::<_, reqwest::Error>((status, answer.text().await?))
    };
    match asked.await {
        Ok((status, _)) if status.is_success() => ExitCode::SUCCESS,
        Ok((status, text)) => fail(RUNTIME, &format!("{status}: {text}")),
        Err(error) => fail(RUNTIME, &causes::all(&error)),
    }
}

fn log_to(writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static, config: &Log) {
    let filter = EnvFilter::try_new(&config.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_timer(Clock).fmt_fields(Texts);
    let done = match config.format {
        Format::Text => {
            let builder = builder.with_ansi(io::stderr().is_terminal());
            builder.map_event_format(AccessLines::beside).try_init()
        }
        Format::Json => builder.event_format(JsonLines).try_init(),
    };
    if let Err(error) = done {
        eprintln!("stanzagate: no log: {error}");
    }
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
