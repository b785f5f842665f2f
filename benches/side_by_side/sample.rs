//! What rounds have shown, and the medians of several.

/// What one round, or the median of several, has shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sample {
    /// Messages in a second as the recipients see it, until the last has come; requests where there are none.
    pub rate: f64,
    /// Latency of a request at 50, 99 and 99.9 percent, in seconds.
    pub latency: Option<[f64; 3]>,
    /// CPU seconds of the gateway for 10,000 messages or requests.
    pub gateway_cpu: Option<f64>,
    /// CPU seconds of the server for the same.
    pub server_cpu: Option<f64>,
    /// Greatest memory of the gateway, in bytes.
    pub memory: Option<f64>,
    /// Messages that one barrier confirmed.
    pub batch: Option<f64>,
    /// Flushes of the disk for each message, and the part of the time in which it was busy.
    pub disk: Option<[f64; 2]>,
    /// The parts of the machine's CPU time that were idle, and that its host gave to others.
    pub machine: Option<[f64; 2]>,
    /// Messages acknowledged, all rounds together.
    pub acknowledged: u64,
    /// Messages received, all rounds together.
    pub received: u64,
}

/// The medians of a contender.
#[derive(Debug, Clone)]
pub struct Result {
    /// What the table calls it.
    pub name: String,
    /// The medians.
    pub sample: Sample,
}

/// The median of each figure; what was counted is summed up.
pub fn median(samples: &[Sample]) -> Sample {
    let of = |value: &dyn Fn(&Sample) -> Option<f64>| {
        let mut values: Vec<f64> = samples.iter().filter_map(value).collect();
        values.sort_by(f64::total_cmp);
        let (low, high) = (values.len().checked_sub(1)? / 2, values.len() / 2);
        Some((values.get(low)? + values.get(high)?) / 2.0)
    };
    let both = |value: fn(&Sample) -> Option<[f64; 2]>| {
        let [first, second] = [0, 1].map(|index| of(&|sample| value(sample)?.get(index).copied()));
        Some([first?, second?])
    };
    let latency = |index: usize| of(&|sample| sample.latency?.get(index).copied());
    Sample {
        rate: of(&|sample| Some(sample.rate)).unwrap_or_default(),
        latency: latency(0).zip(latency(1)).zip(latency(2)).map(|((p50, p99), p999)| [p50, p99, p999]),
        gateway_cpu: of(&|sample| sample.gateway_cpu),
        server_cpu: of(&|sample| sample.server_cpu),
        memory: of(&|sample| sample.memory),
        batch: of(&|sample| sample.batch),
        disk: both(|sample| sample.disk),
        machine: both(|sample| sample.machine),
        acknowledged: samples.iter().map(|sample| sample.acknowledged).sum(),
        received: samples.iter().map(|sample| sample.received).sum(),
    }
}
