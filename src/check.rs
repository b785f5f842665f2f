//! `stanzagate check`: what the server grants, what is missing, which endpoints that costs, and the lines to add.
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "the table is what the command is for")]

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use crate::chat::check::{Finding, Report};
use crate::chat::types::product::Product;
use crate::chat::types::right::Right;
use crate::chat::{Chat, LinkState};
use crate::config::Config;
use crate::config::component::Component;
use crate::dialects;
use crate::metrics::Metrics;

/// How long to wait for the link.
const CONNECT: Duration = Duration::from_secs(15);
/// How long a gateway on this machine may take to say that it runs.
const HEALTH: Duration = Duration::from_secs(2);
const DRAIN: Duration = Duration::from_secs(5);

/// Connects as `serve` would, tries every right, prints the table on stdout. Success when every enabled endpoint can
/// work, though it may do less, nobody else writes or reads the gateway's records, and nobody can have it
/// shut out. `user` is the localpart or JID of an account whose session is opened as a trial.
///
/// Refuses to run beside a gateway on this machine, which would lose calls to it, unless that is wanted `anyway`.
pub async fn run(config: Config, user: Option<&str>, anyway: bool) -> ExitCode {
    if !anyway && let Some(url) = running_gateway(&config).await {
        eprintln!(
            "stanzagate: a gateway runs at {url}. `check` takes its name on the XMPP server, which costs it calls and makes \
             what `check` sees untrue: stop it first. If it has another component.name, use --anyway"
        );
        return ExitCode::from(2);
    }
    let config = Arc::new(config);
    let chat = match Chat::start(Arc::clone(&config), Metrics::new()) {
        Ok(chat) => chat,
        Err(error) => {
            eprintln!("stanzagate: {error}");
            return ExitCode::from(2);
        }
    };
    let code = match trial(&chat, &config, user).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("stanzagate: {why}");
            ExitCode::FAILURE
        }
    };
    chat.drain(DRAIN).await;
    code
}

/// Where a gateway answers on the address that the configuration has it listen on.
async fn running_gateway(config: &Config) -> Option<String> {
    let mut addr = config.http.listen;
    if addr.ip().is_unspecified() {
        addr.set_ip(if addr.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    let url = format!("http://{addr}");
    let client = reqwest::Client::builder().no_proxy().timeout(HEALTH).build().ok()?;
    let answer = client.get(format!("{url}/health/live")).send().await.ok()?.text().await.ok()?;
    (answer == r#"{"status":"live"}"#).then_some(url)
}

async fn trial(chat: &Chat, config: &Config, user: Option<&str>) -> Result<bool, String> {
    let component = &config.component;
    eprintln!("connecting to {} as {} ...", component.address, component.name);
    let mut state = chat.link_state();
    // The first refusal is what its user wants to see; `serve` would go on trying.
    // What `wait_for` gives is a lock on the state: it must not live on.
    let up = tokio::time::timeout(CONNECT, state.wait_for(LinkState::is_tried))
        .await
        .is_ok_and(|state| state.is_ok_and(|state| *state == LinkState::Up));
    if !up {
        let why = match &*chat.link_state().borrow() {
            LinkState::Down(why) if !why.is_empty() => why.to_string(),
            _ => "no answer".into(),
        };
        return Err(format!("no component connection: {why}"));
    }
    let addresses = chat.addresses();
    let user = user
        .map(|user| if user.contains('@') { addresses.user(user) } else { addresses.user_at(user, addresses.domain()) })
        .transpose()
        .map_err(|error| error.to_string())?;
    eprintln!("trying each right ...");
    let endpoints = dialects::needs(config);
    let rights = endpoints.iter().flat_map(|(_, needed, wanted)| needed.iter().chain(*wanted)).copied();
    let Report { product, findings, notes } = chat.check().run(user.as_ref(), rights).await;
    print!("{}", table(&findings));
    if chat.rivals().answers() > 0 {
        println!(
            "\nAnother gateway is connected as {}: it got answers that were meant for `check`, and `check` some of its. What is\n\
             said above may not be true. Stop it, and run `check` again.",
            component.name
        );
        return Ok(false);
    }
    let missing: Vec<&Finding> = findings.iter().filter(|finding| finding.verdict.is_err()).collect();
    let verdicts: HashMap<Right, bool> =
        findings.iter().map(|finding| (finding.right, finding.verdict.is_ok())).collect();
    let granted = |right: &Right| verdicts.get(right).copied().unwrap_or(false);
    // No endpoint needs them to work: all would do what a forger wants, and work until somebody has guessed often enough.
    let kept = [Right::RecordsAlone, Right::RecordsClosed, Right::NotBanned];
    let mut all = kept.iter().all(|right| verdicts.get(right).copied().unwrap_or(true));
    println!();
    for note in notes {
        println!("note: {note}\n");
    }
    for (endpoint, needed, wanted) in endpoints {
        let names = |rights: &[Right]| {
            rights.iter().filter(|right| !granted(right)).map(|right| right.name()).collect::<Vec<_>>().join(", ")
        };
        let (lacks, less) = (names(needed), names(wanted));
        let says = match (lacks.as_str(), less.as_str()) {
            ("", "") => "works".to_owned(),
            ("", less) => format!("works, without: {less}"),
            (lacks, _) => {
                all = false;
                format!("CANNOT WORK, for want of: {lacks}")
            }
        };
        println!("{endpoint:<34} {says}");
    }
    print!("{}", advice(&missing, product, component, &config.server.domain));
    if let Some(product) = product.filter(|_| granted(&Right::Rooms))
        && let Some(note) = chat.check().check_gone(product, user.as_ref()).await
    {
        print!("\n{note}");
    }
    Ok(all)
}

fn table(findings: &[Finding]) -> String {
    let line = |finding: &Finding| {
        let (sign, text) = match &finding.verdict {
            Ok(seen) => ("ok", seen),
            Err(why) => ("MISSING", why),
        };
        format!("{:<20} {sign:<8} {text}\n", finding.right.name())
    };
    findings.iter().map(line).collect()
}

fn advice(missing: &[&Finding], product: Option<Product>, component: &Component, domain: &str) -> String {
    let Some(product) = product else {
        let lines = |product| Right::Answers.lines(product);
        return format!(
            "\nThe server answers nothing: is server.domain right, and the component allowed to ask?\n\n{}\n\n{}\n",
            lines(Product::Ejabberd),
            lines(Product::Prosody)
        );
    };
    if missing.is_empty() {
        return String::new();
    }
    let mut text = "\nAdd to the server's configuration (whole files are in config/):\n".to_owned();
    let component = component.name.as_str();
    let mut said = Vec::new();
    for finding in missing {
        let lines = finding.cure.lines(product);
        if !said.contains(&lines) {
            said.push(lines);
            text.push_str(&format!("\n{}\n", finding.cure.lines_for(product, component, domain)));
        }
    }
    text
}
