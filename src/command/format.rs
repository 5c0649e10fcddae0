//! How events are written: the formats to choose among.

use std::{
    fs,
    io::{IsTerminal, stdout},
};

use anstream::{AutoStream, ColorChoice};
use auditrd::{
    Arena, AuditEvent, Timestamp,
    encode::{self, Encoder, ecs, pretty},
};

use super::cli::{Args, Format};

/// A format, with what it has to know besides the event.
pub(crate) enum Form {
    Auditrd(Box<Encoder>),
    Ecs { host: Option<Vec<u8>> },
    Raw,
    Pretty(pretty::View),
}

impl Form {
    pub(crate) fn new(args: &Args) -> Form {
        match args.format {
            _ if args.pretty => Form::Pretty(view(args)),
            Format::Auditrd => Form::Auditrd(Box::default()),
            Format::Ecs => Form::Ecs {
                host: args.is_live().then(host).flatten(),
            },
            Format::Raw => Form::Raw,
        }
    }

    /// Appends an event. Records as they came are no event, and are written before there is one.
    pub(crate) fn line(&mut self, event: &AuditEvent, out: &mut Vec<u8>) {
        match self {
            Form::Auditrd(encoder) => encoder.line(event, out),
            Form::Raw => encode::line(event, out),
            Form::Ecs { host } => ecs::line(event, host.as_deref(), out),
            Form::Pretty(view) => pretty::line(event, *view, out),
        }
    }

    /// Appends an event, cut to a length.
    pub(crate) fn line_within<'a>(
        &mut self,
        event: &mut AuditEvent<'a>,
        max: usize,
        arena: &'a Arena,
        out: &mut Vec<u8>,
    ) {
        encode::within(event, max, arena, out, |event, out| self.line(event, out));
    }

    /// Appends what was lost. go-audit's groups have no form for that: whoever reads them learns it
    /// from the log and the counters.
    pub(crate) fn loss(&self, time: Timestamp, reason: &str, count: u64, out: &mut Vec<u8>) {
        match self {
            Form::Auditrd(_) => encode::loss(time, reason, count, out),
            Form::Ecs { host } => ecs::loss(time, host.as_deref(), reason, count, out),
            Form::Raw => {}
            Form::Pretty(view) => pretty::loss(time, reason, count, *view, out),
        }
    }
}

/// Colours and width are those of standard output; a file has neither.
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

/// The name of this host. It is asked for once: a host is not renamed while it is watched.
fn host() -> Option<Vec<u8>> {
    let name = fs::read("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim_ascii();
    (!name.is_empty() && name != b"(none)").then(|| name.to_owned())
}
