//! What was measured on and with: the machine, the versions.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use stanzagate::dev::Product;

use super::form::Form;

/// The machine, the versions and the form, as lines of Markdown.
pub fn description(gateway: &Path, form: &Form, products: &[Product]) -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let (cpu, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kilobytes: u64 = field(&memory, "MemTotal").trim_end_matches(" kB").parse().unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease");
    let servers: Vec<String> = products.iter().filter_map(|product| package(product.name())).collect();
    format!(
        "- Command: `{}`.\n\
         - Machine: {cores} cores ({}), {} GB of memory, Linux {}; load, recipients, gateway and server share it.\n\
         - Versions: {}; {}; {}.\n\
         - Form: {}, {} rounds of {} s each, in turn; medians.\n",
        command(),
        field(&cpu, "model name"),
        kilobytes.div_ceil(1 << 20),
        kernel.trim(),
        servers.join(", "),
        revision(gateway),
        said("rustc", &["--version"]),
        form.name,
        form.rounds,
        form.round.as_secs_f64(),
    )
}

/// The command as it was given to scripts/bench.
fn command() -> String {
    let given = std::env::args().skip(1);
    let given = given.filter(|argument| argument != "--bench" && argument != "--gateway" && !argument.contains('/'));
    std::iter::once("scripts/bench".to_owned()).chain(given).collect::<Vec<_>>().join(" ")
}

fn package(name: &str) -> Option<String> {
    let version = said("dpkg-query", &["-W", "-f", "${Version}", name]);
    (!version.is_empty()).then(|| format!("{name} {version}"))
}

fn revision(gateway: &Path) -> String {
    let revision = said("git", &["describe", "--always", "--dirty"]);
    format!("{} ({revision})", said(gateway, &["--version"]))
}

/// What a command prints; nothing when it cannot be run.
fn said(program: impl AsRef<OsStr>, args: &[&str]) -> String {
    let output = Command::new(program).args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
