//! The table: one row for each contender, the ratio to what it is compared with first.

use super::sample::{Result, Sample};

/// The rows of all parts.
#[derive(Default)]
pub struct Table {
    rows: Vec<[String; 14]>,
    notes: Vec<String>,
}

const HEAD: [&str; 14] = [
    "times",
    "p99 is",
    "part",
    "what",
    "connections",
    "per second",
    "p50 ms",
    "p99 ms",
    "p99.9 ms",
    "gateway CPU s",
    "server CPU s",
    "peak MB",
    "idle, stolen %",
    "acknowledged, received",
];

const LEGEND: &str = "\
`times` is the rate over that of the row in the same part that has no `times`; `p99 is` the same of the latencies at 99 \
percent. Rates are messages as the recipients get them, until the last one has come, or requests where nothing is sent; \
latencies are those of the answers. CPU seconds are those of 10,000 requests, or messages where a request has one. Every \
message that was acknowledged has been received, once by each of its recipients: the last column counts both ends. Idle and \
stolen are the parts of the machine's CPU time that nobody used, and that its host gave to other machines.
";

impl Table {
    /// Adds the results of one contest. With `against` each is compared with the result of this place.
    pub fn add(&mut self, part: &str, connections: &str, results: &[Result], against: Option<usize>) {
        let base = against.and_then(|index| results.get(index)).map(|result| result.sample);
        for (index, Result { name, sample }) in results.iter().enumerate() {
            let base = base.filter(|_| Some(index) != against);
            self.rows.push(row(part, connections, name, sample, base));
            eprintln!("{}", self.rows.last().map(|row| row.join(" | ")).unwrap_or_default());
        }
    }

    /// Adds what has no place in the table.
    pub fn note(&mut self, note: String) {
        eprintln!("{note}");
        self.notes.push(note);
    }

    /// The table in Markdown.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let head = line(&HEAD.map(str::to_owned));
        let rule = format!("|{}\n", "---|".repeat(HEAD.len()));
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        let notes: String = self.notes.iter().map(|note| format!("- {note}\n")).collect();
        format!("{LEGEND}\n{head}{rule}{rows}\n{notes}")
    }
}

fn row(part: &str, connections: &str, name: &str, sample: &Sample, base: Option<Sample>) -> [String; 14] {
    let number =
        |value: Option<f64>, digits: usize| value.map_or_else(String::new, |value| format!("{value:.digits$}"));
    let times = base.map(|base| sample.rate / base.rate);
    let p99 = |sample: &Sample| sample.latency.map(|[_, p99, _]| p99);
    let slower = base.as_ref().and_then(p99).zip(p99(sample)).map(|(base, ours)| ours / base);
    let milliseconds = |index: usize| number(sample.latency.and_then(|all| all.get(index).map(|s| s * 1e3)), 2);
    let batch = sample.batch.map_or_else(String::new, |batch| format!(" ({batch:.1} in one acknowledgement)"));
    let disk = sample.disk.map_or_else(String::new, |[flushes, busy]| {
        format!(" ({flushes:.1} disk flushes a message, disk busy {:.0} %)", busy * 100.0)
    });
    let counted = match (sample.acknowledged, sample.received) {
        (0, 0) => String::new(),
        (acknowledged, received) => format!("{acknowledged}, {received}"),
    };
    [
        number(times, 2),
        number(slower, 3),
        part.to_owned(),
        format!("{name}{batch}{disk}"),
        connections.to_owned(),
        number(Some(sample.rate), if sample.rate < 100.0 { 1 } else { 0 }),
        milliseconds(0),
        milliseconds(1),
        milliseconds(2),
        number(sample.gateway_cpu, 3),
        number(sample.server_cpu, 3),
        number(sample.memory.map(|bytes| bytes / 1e6), 1),
        sample.machine.map_or_else(String::new, |[idle, stolen]| format!("{:.0}, {:.0}", idle * 1e2, stolen * 1e2)),
        counted,
    ]
}
