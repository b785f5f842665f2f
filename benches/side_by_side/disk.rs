//! What the disks do meanwhile, from /proc/diskstats: it shows when they are what limits.

use std::collections::HashMap;
use std::time::Instant;

use super::fallible::Fallible;

/// The field of the milliseconds in which something was under way at a device.
const BUSY: usize = 12;
/// The field of the flushes that it has completed.
const FLUSHES: usize = 18;

/// What the disks have done so far.
pub struct Disks {
    since: Instant,
    devices: HashMap<String, [u64; 2]>,
}

/// What the busiest disk has done in a while.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk {
    /// The part of the time in which it was busy, up to 1.
    pub busy: f64,
    /// Flushes: each is a write that somebody waited for until it was safe.
    pub flushes: f64,
}

impl Disks {
    /// Begins to look.
    pub fn begin() -> Fallible<Disks> {
        Ok(Disks { since: Instant::now(), devices: read()? })
    }

    /// What the busiest has done since.
    pub fn end(&self) -> Fallible<Disk> {
        let elapsed = self.since.elapsed().as_secs_f64() * 1000.0;
        let done = read()?.into_iter().map(|(name, [busy, flushes])| {
            let [busy_then, flushes_then] = self.devices.get(&name).copied().unwrap_or([busy, flushes]);
            [busy.saturating_sub(busy_then), flushes.saturating_sub(flushes_then)]
        });
        let [busy, flushes] = done.max_by_key(|[busy, _]| *busy).unwrap_or_default();
        Ok(Disk { busy: busy as f64 / elapsed, flushes: flushes as f64 })
    }
}

fn read() -> Fallible<HashMap<String, [u64; 2]>> {
    let text = std::fs::read_to_string("/proc/diskstats")?;
    let device = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse().ok();
        Some(((*fields.get(2)?).to_owned(), [number(BUSY)?, number(FLUSHES).unwrap_or_default()]))
    };
    Ok(text.lines().filter_map(device).collect())
}
