//! The chosen output format.

use std::{
    fs,
    io::{IsTerminal, stdout},
};

use anstream::{AutoStream, ColorChoice};
use auditrd::{
    Arena, AuditEvent,
    encode::{self, Encoder, ecs, ocsf, pretty, raw},
    model::{Status, Timestamp},
};
use clap::ValueEnum;

use super::cli::{Args, Format};

/// The output format, with its state and settings.
pub(crate) enum Form {
    /// Unchanged records, which are not classified.
    Raw,
    Events(EventForm),
}

/// A format of events.
pub(crate) enum EventForm {
    Auditrd(Box<Encoder>),
    Ecs { host: Option<Vec<u8>> },
    Ocsf { host: Option<Vec<u8>> },
    Pretty(pretty::View),
}

impl Form {
    pub(crate) fn new(args: &Args) -> Form {
        Form::Events(match args.format {
            _ if args.pretty => EventForm::Pretty(view(args)),
            Format::Auditrd => EventForm::Auditrd(Box::default()),
            Format::Ecs => EventForm::Ecs {
                host: args.is_live().then(host).flatten(),
            },
            Format::Ocsf => EventForm::Ocsf {
                host: args.is_live().then(host).flatten(),
            },
            Format::Raw => return Form::Raw,
        })
    }

    /// The same format and settings, without any state.
    pub(crate) fn another(&self) -> Form {
        match self {
            Form::Raw => Form::Raw,
            Form::Events(form) => Form::Events(match form {
                EventForm::Auditrd(_) => EventForm::Auditrd(Box::default()),
                EventForm::Ecs { host } => EventForm::Ecs { host: host.clone() },
                EventForm::Ocsf { host } => EventForm::Ocsf { host: host.clone() },
                EventForm::Pretty(view) => EventForm::Pretty(*view),
            }),
        }
    }

    /// Appends a loss event. go-audit's format has none: there, losses appear only in the log and
    /// the counters.
    pub(crate) fn loss(&self, time: Timestamp, reason: &str, count: u64, out: &mut Vec<u8>) {
        match self {
            Form::Raw => {}
            Form::Events(EventForm::Auditrd(_)) => encode::loss(time, reason, count, out),
            Form::Events(EventForm::Ecs { host }) => {
                ecs::loss(time, host.as_deref(), reason, count, out);
            }
            Form::Events(EventForm::Ocsf { host }) => {
                ocsf::loss(time, host.as_deref(), reason, count, out);
            }
            Form::Events(EventForm::Pretty(view)) => pretty::loss(time, reason, count, *view, out),
        }
    }
}

impl Form {
    /// Appends a status line. Like loss events, go-audit's format has none.
    pub(crate) fn status(&self, status: &Status<'_>, out: &mut Vec<u8>) {
        match self {
            Form::Raw => {}
            Form::Events(EventForm::Auditrd(_)) => encode::status(status, out),
            Form::Events(EventForm::Ecs { .. }) => ecs::status(status, out),
            Form::Events(EventForm::Ocsf { .. }) => ocsf::status(status, out),
            Form::Events(EventForm::Pretty(view)) => pretty::status(status, *view, out),
        }
    }
}

impl EventForm {
    /// Appends an event, truncated to `max` bytes if it is longer. Returns whether it was
    /// truncated.
    pub(crate) fn line_within<'a>(
        &mut self,
        event: &mut AuditEvent<'a>,
        max: Option<usize>,
        arena: &'a Arena,
        out: &mut Vec<u8>,
    ) -> bool {
        let start = out.len();
        self.line(event, out);
        match max {
            Some(max) if out.len() - start > max => {
                out.truncate(start);
                encode::within(event, max, arena, out, |event, out| self.line(event, out));
                true
            }
            _ => false,
        }
    }

    fn line(&mut self, event: &AuditEvent, out: &mut Vec<u8>) {
        match self {
            EventForm::Auditrd(encoder) => encoder.line(event, out),
            EventForm::Ecs { host } => ecs::line(event, host.as_deref(), out),
            EventForm::Ocsf { host } => ocsf::line(event, host.as_deref(), out),
            EventForm::Pretty(view) => pretty::line(event, *view, out),
        }
    }
}

impl Format {
    /// The beginning of every line in the format.
    fn beginning(self) -> &'static [u8] {
        match self {
            Format::Auditrd => encode::BEGINNING,
            Format::Ecs => ecs::BEGINNING,
            Format::Ocsf => ocsf::BEGINNING,
            Format::Raw => raw::BEGINNING,
        }
    }

    /// The beginnings of lines in all formats: an output file may have been written in another one.
    pub(crate) fn beginnings() -> Vec<&'static [u8]> {
        let formats = Format::value_variants().iter();
        formats.map(|format| format.beginning()).collect()
    }
}

/// Colour and width as the terminal on standard output supports them; none for a file.
fn view(args: &Args) -> pretty::View {
    if !args.is_to_stdout() {
        return pretty::View::default();
    }
    let stdout = stdout();
    let size = terminal_size::terminal_size_of(&stdout).filter(|_| stdout.is_terminal());
    pretty::View {
        color: AutoStream::choice(&stdout) != ColorChoice::Never,
        width: size.map(|(width, _)| usize::from(width.0)),
    }
}

/// This host's name, read once at the start.
pub(super) fn host() -> Option<Vec<u8>> {
    let name = fs::read("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim_ascii();
    (!name.is_empty() && name != b"(none)").then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use auditrd::{
        Classifier,
        model::{EventId, Groups, StatusReason},
        record_type::AUDIT_USER_LOGIN,
        resolve::Absent,
    };
    use clap::Parser;

    use super::*;

    #[test]
    fn every_line_begins_as_its_format_declares() {
        for format in Format::value_variants() {
            let name = format.to_possible_value().unwrap();
            let args = ["auditrd", "--format", name.get_name()];
            let mut form = Form::new(&Args::try_parse_from(args).unwrap());
            let mut groups = Groups::default();
            groups
                .begin(EventId::default(), b"")
                .push(AUDIT_USER_LOGIN, b"pid=1 uid=0 msg='op=login res=success'");
            let (group, arena) = (groups.last().unwrap(), Arena::new());
            let mut event = Classifier::new(Box::new(Absent)).classify(&group, &arena);
            let mut lines = Vec::new();
            match &mut form {
                Form::Raw => raw::line(&group, None, &mut lines),
                Form::Events(events) => {
                    let event = event.as_mut().unwrap();
                    assert!(!events.line_within(event, None, &arena, &mut lines));
                }
            }
            form.loss(Timestamp::default(), "test", 1, &mut lines);
            let status = Status::new(Timestamp::default(), StatusReason::Start);
            form.status(&status, &mut lines);
            for line in lines.split_inclusive(|byte| *byte == b'\n') {
                let text = String::from_utf8_lossy(line);
                assert!(line.starts_with(format.beginning()), "{format:?}: {text}");
            }
        }
    }
}
