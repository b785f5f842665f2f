//! What processes and the machine use: CPU time and peak memory, from /proc.

use std::time::Duration;

use super::fallible::Fallible;

/// Clock ticks of one second in /proc (USER_HZ, the same on every Linux).
const TICK: Duration = Duration::from_millis(10);

/// CPU time that a process has used, all its threads together.
pub fn cpu(pid: u32) -> Fallible<Duration> {
    Ok(stat(pid).ok_or_else(|| format!("process {pid} is gone"))?.cpu)
}

/// CPU time of all processes of a group, epmd excluded, which only names Erlang nodes.
pub fn cpu_of_group(group: u32) -> Fallible<Duration> {
    let processes = std::fs::read_dir("/proc")?.flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(pids.filter_map(stat).filter(|stat| stat.group == group && stat.name != "epmd").map(|stat| stat.cpu).sum())
}

/// Greatest memory that a process has held since [`forget_peak`], in bytes.
pub fn peak(pid: u32) -> Fallible<u64> {
    status(pid, "VmHWM:")
}

/// Memory that a process holds now, in bytes.
pub fn memory(pid: u32) -> Fallible<u64> {
    status(pid, "VmRSS:")
}

/// Lets the peak begin anew with what is held now.
pub fn forget_peak(pid: u32) -> Fallible {
    Ok(std::fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
}

fn status(pid: u32, field: &str) -> Fallible<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).ok_or("no such field")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}

/// CPU time of the whole machine so far, in ticks.
#[derive(Debug, Clone, Copy)]
pub struct Machine {
    all: u64,
    idle: u64,
    stolen: u64,
}

impl Machine {
    /// What has been used so far.
    pub fn now() -> Fallible<Machine> {
        let text = std::fs::read_to_string("/proc/stat")?;
        let line = text.lines().next().ok_or("/proc/stat is empty")?;
        let ticks: Vec<u64> = line.split_whitespace().skip(1).map(str::parse).collect::<Result<_, _>>()?;
        // user, nice, system, idle, iowait, irq, softirq, steal; guests are in user and nice.
        let [user, nice, system, idle, iowait, irq, softirq, stolen] =
            *ticks.first_chunk().ok_or("/proc/stat has too few fields")?;
        let idle = idle + iowait;
        Ok(Machine { all: user + nice + system + idle + irq + softirq + stolen, idle, stolen })
    }

    /// The parts of the time since `before` that nobody used and that other machines on the same host were given, up to 1.
    pub fn since(self, before: Machine) -> [f64; 2] {
        let all = self.all.saturating_sub(before.all).max(1) as f64;
        [(self.idle, before.idle), (self.stolen, before.stolen)]
            .map(|(now, before)| now.saturating_sub(before) as f64 / all)
    }
}

struct Stat {
    name: String,
    group: u32,
    cpu: Duration,
}

fn stat(pid: u32) -> Option<Stat> {
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in brackets and may hold anything.
    let (start, rest) = line.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let number = |index: usize| fields.get(index)?.parse::<u32>().ok();
    let ticks = number(11)?.checked_add(number(12)?)?;
    Some(Stat { name: start.split_once('(')?.1.to_owned(), group: number(2)?, cpu: TICK * ticks })
}
