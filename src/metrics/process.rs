//! What the operating system says of the process, under the names that Prometheus' own clients have.

use std::fmt;

use procfs::process::{self, LimitValue};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// Reads `/proc/self` with each scrape. What cannot be read is left out.
#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Ok(process) = process::Process::myself() else { return Ok(()) };
        let mut put = |name: &str, help: &str, unit: Option<Unit>, value: Value| match value {
            Value::Counter(counter) => {
                let metric = encoder.encode_descriptor(name, help, unit.as_ref(), counter.metric_type())?;
                counter.encode(metric)
            }
            Value::Gauge(gauge) => {
                let metric = encoder.encode_descriptor(name, help, unit.as_ref(), gauge.metric_type())?;
                gauge.encode(metric)
            }
        };
        if let Ok(stat) = process.stat() {
            let seconds = |ticks: u64| ticks as f64 / procfs::ticks_per_second() as f64;
            let used = Value::Counter(ConstCounter::new(seconds(stat.utime + stat.stime)));
            put("process_cpu", "User and system CPU time", Some(Unit::Seconds), used)?;
            let resident = stat.rss.saturating_mul(procfs::page_size()) as f64;
            put("process_resident_memory", "Resident memory", Some(Unit::Bytes), gauge(resident))?;
            put("process_virtual_memory", "Virtual memory", Some(Unit::Bytes), gauge(stat.vsize as f64))?;
            put("process_threads", "Threads of the operating system", None, gauge(stat.num_threads as f64))?;
            if let Ok(boot) = procfs::boot_time_secs() {
                let start = boot as f64 + seconds(stat.starttime);
                put("process_start_time", "Start of the process since 1970", Some(Unit::Seconds), gauge(start))?;
            }
        }
        if let Ok(open) = process.fd_count() {
            put("process_open_fds", "Open file descriptors", None, gauge(open as f64))?;
        }
        if let Ok(limits) = process.limits()
            && let LimitValue::Value(most) = limits.max_open_files.soft_limit
        {
            put("process_max_fds", "Most file descriptors that may be open", None, gauge(most as f64))?;
        }
        Ok(())
    }
}

enum Value {
    Counter(ConstCounter<f64>),
    Gauge(ConstGauge<f64>),
}

fn gauge(value: f64) -> Value {
    Value::Gauge(ConstGauge::new(value))
}
