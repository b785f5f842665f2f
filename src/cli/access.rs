//! The access log's lines in text, as the general formatter writes them, at a fraction of its cost: there is one for
//! each request.

use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::clock::Clock;

/// The events that are written here.
const TARGET: &str = "stanzagate::access";

/// Bytes that most lines have room in.
const USUAL: usize = 256;

/// Below this, in hundredths, a number has no more than two places and no exponent.
const MAX_HUNDREDTHS: f64 = 1e12;

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
        event.record(&mut Fields(&mut line));
        line.push('\n');
        writer.write_str(&line)
    }
}

/// Writes each field with a blank before it. Writing to a string does not fail.
struct Fields<'a>(&'a mut String);

impl Fields<'_> {
    fn name(&mut self, field: &Field) {
        self.0.push(' ');
        if field.name() != "message" {
            self.0.push_str(field.name());
            self.0.push('=');
        }
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if !value.bytes().all(stands_for_itself) {
            return self.record_debug(field, &value);
        }
        self.name(field);
        self.0.push('"');
        self.0.push_str(value);
        self.0.push('"');
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.name(field);
        self.0.push_str(itoa::Buffer::new().format(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // With two places, as times are, or one: the digits of a whole number.
        let hundredths = (value * 100.0).round();
        if !value.is_sign_positive() || hundredths >= MAX_HUNDREDTHS || hundredths / 100.0 != value {
            return self.record_debug(field, &value);
        }
        self.name(field);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, positive and bounded")]
        let (whole, places) = (hundredths as u64 / 100, hundredths as u64 % 100);
        self.0.push_str(itoa::Buffer::new().format(whole));
        self.0.push('.');
        if places < 10 && places > 0 {
            self.0.push('0');
        }
        let places = if places % 10 == 0 { places / 10 } else { places };
        self.0.push_str(itoa::Buffer::new().format(places));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.name(field);
        let _ = write!(self.0, "{value:?}");
    }
}

/// True for what stands in a quoted string as it is.
fn stands_for_itself(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\'
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::{Arc, Mutex, PoisonError};

    use proptest::prelude::*;
    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::fmt::format::Format;

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
    fn written<F>(format: F, say: &dyn Fn()) -> String
    where
        F: FormatEvent<tracing_subscriber::Registry, tracing_subscriber::fmt::format::DefaultFields>
            + Send
            + Sync
            + 'static,
    {
        let to = Written::default();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(to.clone()).event_format(format).finish();
        tracing::subscriber::with_default(subscriber, say);
        let lines = String::from_utf8(to.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap();
        lines.split_inclusive('\n').map(|line| line.split_at(line.find(' ').unwrap()).1).collect()
    }

    fn same(say: &dyn Fn()) {
        let general = written(Format::default(), say);
        assert_eq!(written(AccessLines::beside(Format::default()), say), general);
        assert!(!general.is_empty());
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
