//! The access log's lines in text, as the general formatter writes them, at a fraction of its cost: there is one for
//! each request.

use std::fmt::{self, Debug};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::clock::Clock;

/// The events that are written here.
const TARGET: &str = "stanzagate::access";

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
        Clock.format_time(&mut writer)?;
        writer.write_str("  INFO stanzagate::access:")?;
        let mut fields = Fields { writer, result: Ok(()) };
        event.record(&mut fields);
        fields.result?;
        fields.writer.write_char('\n')
    }
}

/// Writes each field with a blank before it.
struct Fields<'a> {
    writer: Writer<'a>,
    result: fmt::Result,
}

impl Fields<'_> {
    fn name(&mut self, field: &Field) -> fmt::Result {
        self.writer.write_char(' ')?;
        if field.name() != "message" {
            self.writer.write_str(field.name())?;
            self.writer.write_char('=')?;
        }
        Ok(())
    }

    fn text(&mut self, field: &Field, value: &str) -> fmt::Result {
        self.name(field)?;
        if !value.bytes().all(stands_for_itself) {
            return write!(self.writer, "{value:?}");
        }
        self.writer.write_char('"')?;
        self.writer.write_str(value)?;
        self.writer.write_char('"')
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.result = self.result.and_then(|()| self.text(field, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.result = self.result.and_then(|()| {
            self.name(field)?;
            write!(self.writer, "{value:?}")
        });
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
            id in any::<String>(), path in "[ -~]*", key in "\\PC*", status in any::<u16>(), ms in any::<f64>(),
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
