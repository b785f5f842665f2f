//! What the server grants, what is missing, which calls that costs, and the lines to add.

mod lines;
pub mod report;
pub mod text;

use std::collections::HashMap;
use std::time::Duration;

use crate::chat::check::Finding;
use crate::chat::types::product::Product;
use crate::chat::types::right::Right;
use crate::chat::{Chat, LinkState, check};
use crate::config::Config;
use crate::dialects;

use self::lines::Sections;
use self::report::{Cause, Report, Tried, Worked};

/// How long to wait for the link.
const CONNECT: Duration = Duration::from_secs(15);
/// What no call needs to work: all would do what a forger wants, work until somebody has guessed often enough,
/// or work slowly.
const KEPT: [Right; 4] = [Right::RecordsAlone, Right::RecordsClosed, Right::NotBanned, Right::Unshaped];

/// Who asks the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A gateway that serves, beside its calls.
    Serving,
    /// A process that has come for this alone.
    Alone,
}

/// Tries every right that the enabled APIs need, and what it left on the server it removes. It `works` when every call can
/// work, though it may do less, nobody else writes or reads the gateway's records, and nobody can have it shut out. `user` is
/// the localpart or JID of an account whose session is opened as a trial.
pub async fn run(chat: &Chat, config: &Config, user: Option<&str>, asked: Asked) -> Report {
    let mut report = Report::of(&config.component.name);
    if let Err(why) = try_all(chat, config, user, asked, &mut report).await {
        report.failure = Some(why);
    }
    report
}

async fn try_all(
    chat: &Chat,
    config: &Config,
    user: Option<&str>,
    asked: Asked,
    report: &mut Report,
) -> Result<(), String> {
    let mut state = chat.link_state();
    // The first refusal is what its user wants to see; `serve` would go on trying.
    // What `wait_for` gives is a lock on the state: it must not live on.
    let up = tokio::time::timeout(CONNECT, state.wait_for(LinkState::is_tried))
        .await
        .is_ok_and(|state| state.is_ok_and(|state| *state == LinkState::Up));
    if !up {
        let why = match &*chat.link_state().borrow() {
            LinkState::Down(why) if !why.is_empty() => why.to_string(),
            LinkState::Draining => "the gateway is shutting down".into(),
            _ => "no answer".into(),
        };
        return Err(format!("no component connection: {why}"));
    }
    let addresses = chat.addresses();
    let user = user
        .map(|user| if user.contains('@') { addresses.user(user) } else { addresses.user_at(user, addresses.domain()) })
        .transpose()
        .map_err(|error| error.to_string())?;
    let calls = dialects::needs(config);
    let rights: Vec<Right> =
        calls.iter().flat_map(|(_, needed, wanted)| needed.iter().chain(*wanted)).copied().collect();
    let check::Report { product, findings, notes } = chat.check().run(user.as_ref(), rights).await;
    report.notes = notes;
    report.rights = findings.iter().map(tried).collect();
    let groups: Vec<String> = report.rights.iter().map(|right| right.group.clone()).collect();
    report.rights.sort_by_cached_key(|right| groups.iter().position(|group| *group == right.group));
    report.causes = causes(&findings);
    let rivals = chat.rivals();
    // What one that serves sees at first may be meant for the process before it.
    let shared = match asked {
        Asked::Serving => rivals.is_present(),
        Asked::Alone => rivals.answers() > 0,
    };
    if shared {
        return Err(format!(
            "another gateway is connected as {}: each got answers that were meant for the other, and what is said here may \
             not be true. Stop one of the two, and check again",
            config.component.name
        ));
    }
    let granted: HashMap<Right, bool> =
        findings.iter().map(|finding| (finding.right, finding.verdict.is_ok())).collect();
    let has = |right: &Right| granted.get(right).copied().unwrap_or(false);
    let names = |rights: &[Right]| -> Vec<String> {
        rights.iter().filter(|right| !has(right)).map(|right| right.name().to_owned()).collect()
    };
    report.calls = calls
        .iter()
        .map(|(call, needed, wanted)| Worked { call: call.clone(), lacks: names(needed), without: names(wanted) })
        .collect();
    report.works = KEPT.iter().all(|right| granted.get(right).copied().unwrap_or(true))
        && report.calls.iter().all(|call| call.lacks.is_empty());
    report.lines = advice(&findings, product, config);
    if let Some(product) = product {
        report.setup = (!report.lines.is_empty()).then(|| setup(product, config));
        if has(&Right::Rooms)
            && let Some(note) = chat.check().check_gone(product, user.as_ref()).await
        {
            report.notes.push(note);
        }
    }
    Ok(())
}

fn tried(finding: &Finding) -> Tried {
    let (granted, says) = match &finding.verdict {
        Ok(seen) => (true, seen.clone()),
        Err(why) => (false, why.clone()),
    };
    let cause = (!granted && finding.cure != finding.right).then(|| finding.cure.name().to_owned());
    let (right, group, proved) = (finding.right.name().into(), finding.right.group().into(), finding.proved);
    Tried { right, group, granted, proved, says, cause }
}

/// What several rights are missing for.
fn causes(findings: &[Finding]) -> Vec<Cause> {
    let mut causes: Vec<Cause> = Vec::new();
    for finding in findings {
        let Err(why) = &finding.verdict else { continue };
        if finding.cure == finding.right {
            continue;
        }
        let right = finding.right.name().to_owned();
        match causes.iter_mut().find(|cause| cause.why == *why) {
            Some(cause) => cause.rights.push(right),
            None => causes.push(Cause { why: why.clone(), rights: vec![right] }),
        }
    }
    causes
}

/// The lines that are missing, those for one place of the server's configuration together.
fn advice(findings: &[Finding], product: Option<Product>, config: &Config) -> Vec<report::Lines> {
    let mut sections = Sections::default();
    let mut add = |right: Right, product| {
        sections.add(&right.lines_for(product, &config.component.name, &config.server.domain));
    };
    match product {
        Some(product) => {
            for finding in findings.iter().filter(|finding| finding.verdict.is_err()) {
                add(finding.cure, product);
            }
        }
        None => [Product::Ejabberd, Product::Prosody].into_iter().for_each(|product| add(Right::Answers, product)),
    }
    sections.into_lines()
}

/// The command that adds all of them.
fn setup(product: Product, config: &Config) -> String {
    let apis = [
        ("maxleap", config.maxleap.enabled),
        ("qtalk", config.qtalk.enabled),
        ("rongcloud", config.rongcloud.enabled),
        ("xuanxuan", config.xuanxuan.enabled),
    ];
    let apis: Vec<&str> = apis.into_iter().filter(|(_, enabled)| *enabled).map(|(api, _)| api).collect();
    let server = match product {
        Product::Ejabberd => "ejabberd",
        Product::Prosody => "prosody",
    };
    format!("stanzagate setup {server} --domain {} --apis {}", config.server.domain, apis.join(","))
}
