//! Prometheus' text format 0.0.4 from OpenMetrics 1.0, for who does not ask for that: curl, old scrapers.
//!
//! The two differ in what stands before the samples: in the older one a counter is called what its samples are called, and
//! there are no units, no type `info` and no end.

/// The same samples in the older format.
pub(super) fn from_open_metrics(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut help = None;
    for line in text.lines() {
        if let Some(said) = line.strip_prefix("# HELP ") {
            help = said.split_once(' ');
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.rsplit_once(' ')) {
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                other => ("", other),
            };
            if let Some((_, said)) = help.take().filter(|(of, _)| *of == name) {
                out.extend(["# HELP ", name, suffix, " ", said, "\n"]);
            }
            out.extend(["# TYPE ", name, suffix, " ", kind, "\n"]);
        } else if !line.starts_with('#') {
            out.extend([line, "\n"]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_have_the_names_of_their_samples() {
        let open = "# HELP a_cpu_seconds Time.\n# TYPE a_cpu_seconds counter\n# UNIT a_cpu_seconds seconds\na_cpu_seconds_total 1.5\n\
                    # HELP a_build Version.\n# TYPE a_build info\na_build_info{version=\"1\"} 1\n\
                    # HELP a_open # of them.\n# TYPE a_open gauge\na_open{x=\"# TYPE a b\"} 2\n# EOF\n";
        let text = "# HELP a_cpu_seconds_total Time.\n# TYPE a_cpu_seconds_total counter\na_cpu_seconds_total 1.5\n\
                    # HELP a_build_info Version.\n# TYPE a_build_info gauge\na_build_info{version=\"1\"} 1\n\
                    # HELP a_open # of them.\n# TYPE a_open gauge\na_open{x=\"# TYPE a b\"} 2\n";
        assert_eq!(from_open_metrics(open), text);
    }
}
