//! The chosen output format.

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

/// An output format, with its state and settings.
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

    /// Appends an event. Raw groups are written without classification, so `Raw` never gets here.
    pub(crate) fn line(&mut self, event: &AuditEvent, out: &mut Vec<u8>) {
        match self {
            Form::Auditrd(encoder) => encoder.line(event, out),
            Form::Raw => encode::line(event, out),
            Form::Ecs { host } => ecs::line(event, host.as_deref(), out),
            Form::Pretty(view) => pretty::line(event, *view, out),
        }
    }

    /// Appends an event, truncated to `max` bytes.
    pub(crate) fn line_within<'a>(
        &mut self,
        event: &mut AuditEvent<'a>,
        max: usize,
        arena: &'a Arena,
        out: &mut Vec<u8>,
    ) {
        encode::within(event, max, arena, out, |event, out| self.line(event, out));
    }

    /// Appends a loss event. go-audit's format has none: there, losses appear only in the log and
    /// the counters.
    pub(crate) fn loss(&self, time: Timestamp, reason: &str, count: u64, out: &mut Vec<u8>) {
        match self {
            Form::Auditrd(_) => encode::loss(time, reason, count, out),
            Form::Ecs { host } => ecs::loss(time, host.as_deref(), reason, count, out),
            Form::Raw => {}
            Form::Pretty(view) => pretty::loss(time, reason, count, *view, out),
        }
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
fn host() -> Option<Vec<u8>> {
    let name = fs::read("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim_ascii();
    (!name.is_empty() && name != b"(none)").then(|| name.to_owned())
}
