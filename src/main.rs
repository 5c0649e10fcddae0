//! The command `auditrd`.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test ends there"))]

mod command;

use std::{
    io::Write,
    process::{self, ExitCode},
    thread,
};

use anyhow::{Context, Result};
use auditrd::{
    Absent, AuditReader, Classifier, ClientConfig, Error, Host, Inspector, Interrupter, LiveSource,
    LogSource, Sink, Source, Stop,
};
use clap::Parser;
use crossbeam_channel::{Sender, unbounded};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1},
    iterator::{Handle, Signals},
};

use command::{
    cli::Args,
    progress::Progress,
    run::{Control, Writer},
};

/// The exit status for what is not permitted, after auditd(8).
const NOT_PERMITTED: u8 = 4;

fn main() -> ExitCode {
    let args = Args::parse()
        .validate()
        .unwrap_or_else(|error| error.exit());
    let progress = Progress::hidden();
    start_log(&args, &progress);
    match run(&args, progress) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let cause = error.downcast_ref::<Error>();
            if cause.is_some_and(Error::is_broken_pipe) {
                return ExitCode::SUCCESS;
            }
            log::error!("{error:#}");
            match cause.is_some_and(Error::is_permission) {
                true => ExitCode::from(NOT_PERMITTED),
                false => ExitCode::FAILURE,
            }
        }
    }
}

/// Log lines go to standard error and begin with the program's name. What records and names say in
/// them does not speak to the terminal.
fn start_log(args: &Args, progress: &Progress) {
    let log = env_logger::Builder::new()
        .filter_level(args.log_level())
        .format(|out, record| {
            let text = auditrd::plain(&record.args().to_string());
            writeln!(out, "auditrd: {text}")
        })
        .build();
    log::set_max_level(log.filter());
    // There is no other log that could have been set before.
    let _ = log::set_boxed_logger(progress.around(log));
}

/// Reads and writes until there is nothing more, or a signal says so. The main thread waits for
/// signals; the reader has a thread and so has everything behind it.
fn run(args: &Args, mut progress: Progress) -> Result<()> {
    let confinement = args.confinement()?;
    // Before anything is open that it should not have.
    let host: Box<dyn Host + Send> = if args.is_live() {
        let user = confinement.user.as_ref();
        Box::new(Inspector::start(user, confinement.filters)?)
    } else {
        Box::new(Absent)
    };
    let mut signals =
        Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1]).context("cannot wait for signals")?;
    // Before anything is read: a log must not be half replayed into an output that is not there.
    let sink = confinement.as_user(|| match args.output.to_str() {
        Some("-") => Sink::stdout(args.sink()),
        _ => Sink::file(&args.output, args.sink()),
    })?;
    let (stopper, stop) = auditrd::stop()?;
    let source = open(args, stop, &mut progress)?;
    let writer = Writer::new(args, Classifier::new(host), sink, progress);
    // Before there is another thread: each has rights of its own.
    confinement.enter()?;
    let reader = AuditReader::spawn(source, stopper, args.reader())?;
    let interrupter = reader.interrupter();
    let (control, controlled) = unbounded();
    thread::scope(|scope| {
        let wake_main = Waker(signals.handle());
        let marshaller = thread::Builder::new()
            .name("marshaller".to_owned())
            .spawn_scoped(scope, move || {
                let _wake_main = wake_main;
                writer.run(reader, &controlled)
            })
            .context("cannot start the marshaller thread")?;
        pass_on(&mut signals, &control, &interrupter);
        match marshaller.join() {
            Ok(result) => Ok(result?),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Ends the main thread's wait for signals when the marshaller is gone, however it went.
struct Waker(Handle);

impl Drop for Waker {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn open(args: &Args, stop: Stop, progress: &mut Progress) -> Result<Box<dyn Source>, Error> {
    if args.is_live() {
        let client = ClientConfig {
            membership: args.membership(),
            receive_buffer: args.recv_buffer,
            backlog_limit: args.backlog_limit,
        };
        return Ok(Box::new(LiveSource::open(&client, stop)?));
    }
    let source = LogSource::open(&args.input, stop)?;
    progress.show(&source, args);
    Ok(Box::new(source))
}

/// Turns signals into messages until the marshaller closes them. Whoever asks twice to stop does
/// not want to wait for an output that is stuck.
fn pass_on(signals: &mut Signals, control: &Sender<Control>, interrupter: &Interrupter) {
    let mut stopping = false;
    for signal in signals.forever() {
        let message = match signal {
            SIGHUP => Control::Reopen,
            SIGUSR1 => Control::Stats,
            _ if stopping => {
                log::error!("asked to stop twice; what was in flight is lost");
                process::exit(1);
            }
            _ => {
                stopping = true;
                Control::Stop
            }
        };
        // The marshaller may be gone already, which is what a stop asks for.
        let _ = control.send(message);
        interrupter.interrupt();
    }
}
