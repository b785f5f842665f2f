//! `stanzagate check`: has a gateway that serves try its server, or comes for it alone where none does, and prints the report.
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "the report is what the command is for")]

use std::io::{self, IsTerminal};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use stanzagate::args::CheckArgs;
use stanzagate::causes;
use stanzagate::chat::Chat;
use stanzagate::check::report::Report;
use stanzagate::check::text::{Styles, Text};
use stanzagate::check::{self, Asked};
use stanzagate::config::Config;
use stanzagate::metrics::Metrics;

use super::{RUNTIME, USAGE, fail};

/// How long a gateway on this machine may take to say that it runs.
const HELLO: Duration = Duration::from_secs(2);
/// How long it may take to try its server.
const TRIAL: Duration = Duration::from_secs(120);
/// Pause before it is asked again.
const AGAIN: Duration = Duration::from_millis(500);
const DRAIN: Duration = Duration::from_secs(5);

/// What the admin listener says of its gateway.
#[derive(Debug, Deserialize)]
struct About {
    component: String,
}

/// Prints the report on stdout. Success when it `works`.
pub async fn run(config: Config, args: &CheckArgs) -> ExitCode {
    let user = args.user.as_deref();
    let report = match serving(&config).await {
        Some((url, about)) if about.component == config.component.name => {
            eprintln!("a gateway serves as {}: it tries its server, which takes some seconds ...", about.component);
            match ask(&url, user).await {
                Ok(report) => report,
                Err(why) => return fail(RUNTIME, &format!("the gateway at {url} did not try its server: {why}")),
            }
        }
        _ => {
            if !args.anyway
                && let Some(url) = silent(&config).await
            {
                let why = "has no admin listener where these settings say (admin.enabled, admin.listen)";
                return fail(
                    USAGE,
                    &format!(
                        "a gateway runs at {url} and {why}: it cannot be asked. To connect beside it would take its name on \
                         the XMPP server, which costs it calls: stop it first. If it has another component.name, use --anyway"
                    ),
                );
            }
            match alone(config, user).await {
                Ok(report) => report,
                Err(why) => return fail(USAGE, &why),
            }
        }
    };
    print(&report, args.json);
    if report.works { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print(report: &Report, json: bool) {
    if json {
        match serde_json::to_string(report) {
            Ok(line) => println!("{line}"),
            Err(error) => eprintln!("stanzagate: {error}"),
        }
        return;
    }
    // https://no-color.org
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) || !io::stdout().is_terminal();
    let styles = if plain { Styles::default() } else { Styles::TERMINAL };
    print!("{}", Text { report, styles });
}

/// Connects as `serve` would, for this alone.
async fn alone(config: Config, user: Option<&str>) -> Result<Report, String> {
    let config = Arc::new(config);
    let chat = Chat::start(Arc::clone(&config), Metrics::new()).map_err(|error| error.to_string())?;
    let component = &config.component;
    eprintln!("connecting to {} as {}, trying each right ...", component.address, component.name);
    let report = check::run(&chat, &config, user, Asked::Alone).await;
    chat.drain(DRAIN).await;
    Ok(report)
}

/// The gateway whose admin listener answers where the settings say, and where.
async fn serving(config: &Config) -> Option<(String, About)> {
    if !config.admin.enabled {
        return None;
    }
    let url = url(config.admin.listen);
    let answer = client(HELLO).ok()?.get(&url).send().await.ok()?;
    Some((url, answer.json().await.ok()?))
}

/// Where a gateway answers callers.
async fn silent(config: &Config) -> Option<String> {
    let url = url(config.http.listen);
    let answer = client(HELLO).ok()?.get(format!("{url}/health/live")).send().await.ok()?.text().await.ok()?;
    (answer == r#"{"status":"live"}"#).then_some(url)
}

async fn ask(url: &str, user: Option<&str>) -> Result<Report, String> {
    let params = user.map(|user| ("user", user));
    let url = reqwest::Url::parse_with_params(&format!("{url}/check"), params).map_err(|error| error.to_string())?;
    let asked = async {
        let (client, begun) = (client(TRIAL)?, Instant::now());
        loop {
            let answer = client.post(url.clone()).send().await?;
            let status = answer.status();
            // Somebody else has it tried: their turn ends.
            if status != reqwest::StatusCode::CONFLICT || begun.elapsed() > TRIAL {
                return Ok::<_, reqwest::Error>((status, answer.text().await?));
            }
            tokio::time::sleep(AGAIN).await;
        }
    };
    match asked.await {
        Ok((status, text)) if status.is_success() => serde_json::from_str(&text).map_err(|error| error.to_string()),
        Ok((status, text)) => Err(format!("{status}: {text}")),
        Err(error) => Err(causes::all(&error)),
    }
}

/// Where a listener of this machine is reached.
fn url(mut addr: SocketAddr) -> String {
    if addr.ip().is_unspecified() {
        addr.set_ip(if addr.is_ipv4() { IpAddr::from(Ipv4Addr::LOCALHOST) } else { Ipv6Addr::LOCALHOST.into() });
    }
    format!("http://{addr}")
}

fn client(limit: Duration) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().timeout(limit).build()
}
