//! One event as one line.

use std::fmt;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::{LogFormat, Look, TARGET};
use crate::diagnostic::push_escaped;

/// Writes events with the run's identity.
pub(super) struct Format {
    pub(super) job: String,
    pub(super) run_id: String,
    pub(super) look: Look,
}

impl<S, N> FormatEvent<S, N> for Format
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
        let (level, target) = (*event.metadata().level(), event.metadata().target());
        match self.look.format {
            LogFormat::Human => self.human(&mut writer, &time, level, target, &fields),
            LogFormat::Json => self.json(&mut writer, &time, level, target, fields),
        }
    }
}

impl Format {
    fn human(
        &self,
        writer: &mut Writer<'_>,
        time: &dyn fmt::Display,
        level: Level,
        target: &str,
        fields: &Fields,
    ) -> fmt::Result {
        let mut line = format!("{} {}: ", self.job, self.run_id);
        // Where a line comes from interests who asked for details.
        if level >= Level::DEBUG && target != TARGET {
            line += target;
            line += ": ";
        }
        push_escaped(&mut line, &fields.message);
        for (key, value) in &fields.others {
            push_escaped(&mut line, &format!(" {key}={value}"));
        }
        let (colour, end) = if self.look.colour {
            (ansi(level), "\u{1b}[0m")
        } else {
            ("", "")
        };
        writeln!(writer, "{time} {colour}{level:>5}{end} {line}")
    }

    fn json(
        &self,
        writer: &mut Writer<'_>,
        time: &dyn fmt::Display,
        level: Level,
        target: &str,
        fields: Fields,
    ) -> fmt::Result {
        let mut line = Map::new();
        line.insert("time".to_owned(), time.to_string().into());
        line.insert("level".to_owned(), level.as_str().into());
        line.insert("job".to_owned(), self.job.as_str().into());
        line.insert("run_id".to_owned(), self.run_id.as_str().into());
        line.insert("target".to_owned(), target.into());
        line.insert("message".to_owned(), fields.message.into());
        if !fields.others.is_empty() {
            line.insert("fields".to_owned(), fields.others.into());
        }
        writeln!(writer, "{}", Value::Object(line))
    }
}

fn ansi(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\u{1b}[31m",
        Level::WARN => "\u{1b}[33m",
        Level::INFO => "\u{1b}[32m",
        _ => "\u{1b}[2m",
    }
}

/// The fields of an event, in their order.
#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => {
                self.others.insert(name.to_owned(), value);
            }
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}
