//! The access log's lines in text, as the general formatter writes them, at a fraction of its cost: there is one for
//! each request.

use std::fmt;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::clock::Clock;
use super::values::Values;

/// The events that are written here.
const TARGET: &str = "stanzagate::access";

/// Bytes that most lines have room in.
const USUAL: usize = 256;

/// Writes what is not the access log's, or is to be coloured, as `general` does.
pub struct AccessLines<F> {
    general: F,
}

impl<F> AccessLines<F> {
    /// Beside `general`, which formats text and takes its time from [`Clock`].
    pub fn beside(general: F) -> Self {
        Self { general }
    }
}

impl<S, N, F> FormatEvent<S, N> for AccessLines<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let meta = event.metadata();
        let plain = meta.target() == TARGET && *meta.level() == Level::INFO && !writer.has_ansi_escapes();
        if !plain || ctx.event_scope().is_some() {
            return self.general.format_event(ctx, writer, event);
        }
        let mut line = String::with_capacity(USUAL);
        Clock.format_time(&mut Writer::new(&mut line))?;
        line.push_str("  INFO stanzagate::access:");
        let mut values = Values::new(&mut line, false);
        event.record(&mut values);
        values.result()?;
        line.push('\n');
        writer.write_str(&line)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::{Arc, Mutex, PoisonError};

    use proptest::prelude::*;
    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::fmt::format::Format;

    use super::super::values::Texts;
    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl<'a> MakeWriter<'a> for Written {
        type Writer = Written;

        fn make_writer(&'a self) -> Written {
            self.clone()
        }
    }

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What is written of `say`, without its time.
    pub fn written<F>(format: F, say: &dyn Fn()) -> String
    where
        F: FormatEvent<tracing_subscriber::Registry, Texts> + Send + Sync + 'static,
    {
        let to = Written::default();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(to.clone()).fmt_fields(Texts).event_format(format);
        tracing::subscriber::with_default(subscriber.finish(), say);
        String::from_utf8(to.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap()
    }

    fn same(say: &dyn Fn()) {
        let timeless = |lines: String| -> String {
            lines.split_inclusive('\n').map(|line| line.split_at(line.find(' ').unwrap()).1).collect()
        };
        let general = timeless(written(Format::default(), say));
        assert_eq!(timeless(written(AccessLines::beside(Format::default()), say)), general);
        assert!(!general.is_empty());
    }

    #[test]
    fn a_line_is_a_line_whatever_stands_in_it() {
        let name = "x".repeat(3000);
        let said = written(AccessLines::beside(Format::default()), &|| {
            let hostile = "r\n2026-01-01T00:00:00.000000Z  INFO stanzagate::access: forged";
            tracing::info!(target: "stanzagate::access", text = hostile, method = %hostile, user = %name, "request");
            tracing::warn!(target: "stanzagate::chat", text = hostile, error = %hostile, user = name, "{hostile}");
        });
        assert_eq!(said.lines().count(), 2, "{said}");
        assert!(!said.contains(&name[..65]) && said.contains(&name[..64]), "{said}");
    }

    #[test]
    fn the_general_formatter_writes_as_it_would_by_itself() {
        let say = || tracing::warn!(target: "t", text = "a\"b", %TARGET, n = 7_u64, yes = true, ms = 1.25, minus = -1_i64, "said");
        let to = Written::default();
        let usual = tracing_subscriber::fmt().with_ansi(false).with_writer(to.clone()).without_time().finish();
        tracing::subscriber::with_default(usual, say);
        let usual = String::from_utf8(to.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap();
        assert_eq!(written(Format::default().without_time(), &say), usual);
    }

    proptest! {
        #[test]
        fn a_line_is_what_the_general_formatter_writes(
            id in any::<String>(), path in "[ -~]*", key in "\\PC*", status in any::<u16>(),
            ms in prop_oneof![any::<f64>(), (0u32..2_000_000).prop_map(|hundredths| f64::from(hundredths) / 100.0)],
        ) {
            let from = IpAddr::V4(Ipv4Addr::LOCALHOST);
            same(&|| tracing::info!(
                target: "stanzagate::access", request = id, method = %"GET", path, status, outcome = "ok", ms,
                from = %from, key, "request"
            ));
        }
    }

    #[test]
    fn what_is_not_a_request_is_left_to_the_general_formatter() {
        same(&|| tracing::warn!(target: "stanzagate::access", text = "a\u{1b}[1m\nb", "forged\u{1b}[31m\nline"));
        same(&|| tracing::info!(target: "stanzagate::link", text = "a\"b", "up"));
        same(&|| {
            let span = tracing::info_span!("outer", depth = 1).entered();
            tracing::info!(target: "stanzagate::access", text = "x", "request");
            drop(span);
        });
    }
}
