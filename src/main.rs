//! The `auditrd` command.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test ends there"))]

mod command;

use std::{
    env,
    io::Write,
    path::PathBuf,
    process::{self, ExitCode},
    slice, thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use auditrd::{
    AuditReader, Classifier, Error,
    confine::Confinement,
    inspector::Inspector,
    resolve::{Absent, Host},
    scanner::Scanner,
    session::Session,
    sink::Sink,
    source::{ClientConfig, EXCERPTS, LiveSource, LogSource, Rules, Stop, Stopper},
};
use crossbeam_channel::{Sender, unbounded};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1},
    iterator::{Handle, Signals},
};

use command::{
    check,
    cli::{Args, Command, unknown_variables},
    feed::Feed,
    filters::Dropper,
    jobs::{self, Jobs},
    progress::Progress,
    rules,
    run::{Control, Marshaller},
    trees::Trees,
};

/// Exit status for a missing permission, as in auditd(8).
const NOT_PERMITTED: u8 = 4;

fn main() -> ExitCode {
    let args = Args::from_environment()
        .and_then(Args::validate)
        .unwrap_or_else(|error| error.exit());
    let progress = Progress::hidden();
    start_log(&args, &progress);
    if let Some(command) = &args.command {
        return run_command(command);
    }
    for name in unknown_variables() {
        let name = name.to_string_lossy();
        log::warn!("the environment variable {name} is not an option; see auditrd --help");
    }
    run(&args, progress).map_or_else(|error| failure(&error), |()| ExitCode::SUCCESS)
}

/// Does what the command says instead of reading records.
fn run_command(command: &Command) -> ExitCode {
    let result = match command {
        Command::Check(args) => check::run(args),
        Command::Rules(args) => rules::run(args),
    };
    result.unwrap_or_else(|error| failure(&error))
}

/// Logs an error, and returns the exit status for it.
fn failure(error: &anyhow::Error) -> ExitCode {
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

/// Starts logging to standard error, each line prefixed with the program's name. Control characters
/// are escaped: messages can contain text from records.
fn start_log(args: &Args, progress: &Progress) {
    let redacts = args.redactor().is_some();
    let log = env_logger::Builder::new()
        .filter_level(args.log_level())
        .format(move |out, record| {
            let text = auditrd::error::plain(&record.args().to_string());
            match text.split_once(':') {
                Some((text, _)) if redacts && record.target() == EXCERPTS => {
                    writeln!(
                        out,
                        "auditrd: {text}; it is not quoted, because of --redact"
                    )
                }
                _ => writeln!(out, "auditrd: {text}"),
            }
        })
        .build();
    log::set_max_level(log.filter());
    // This fails only if a logger is set already.
    let _ = log::set_boxed_logger(progress.around(log));
}

/// Reads records and writes events until the end of input or a signal. The main thread waits for
/// signals, the reader thread reads, and the marshaller thread does the rest.
fn run(args: &Args, mut progress: Progress) -> Result<()> {
    let confinement = args.confinement()?;
    // Before anything is opened that other processes must not inherit. The first line waits for the
    // one that reads directories, and then for the scanner, so they are started in this order.
    let mut trees = Trees::start(args, &confinement)?;
    let mut scanner = args
        .reads_processes()
        .then(|| Scanner::start(confinement.user.as_ref(), confinement.filters))
        .transpose()?;
    let host: Box<dyn Host + Send> = if args.is_live() {
        let user = confinement.user.as_ref();
        Box::new(Inspector::start(user, confinement.filters)?)
    } else {
        Box::new(Absent)
    };
    let dropper = confinement.as_user(|| Dropper::start(args))?;
    if let Some(file) = &args.prime_snapshot {
        return Ok(trees.save(file)?);
    }
    let _session = start_session(args, &confinement)?;
    let mut signals =
        Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1]).context("cannot wait for signals")?;
    // Before the input: a bad output path must fail before any standard input is consumed.
    let sink = confinement.as_user(|| match args.is_to_stdout() {
        true => Sink::stdout(args.sink()),
        false => Sink::file(&args.output, args.sink()),
    })?;
    let (stopper, stop) = auditrd::source::stop()?;
    let input = open(args, stop, &confinement, &mut progress)?;
    let mut classifier = Classifier::new(host).with_kinds(args.kinds());
    // With the source open: what happens meanwhile waits in it.
    prime(&mut trees, scanner.as_mut(), &mut classifier, input.rules());
    let mut marshaller = Marshaller::new(args, classifier, scanner, dropper, trees, sink, progress);
    // Before any other thread starts: privileges are per thread.
    marshaller.confined(confinement.enter()?);
    serve(args, input, stopper, marshaller, &mut signals)
}

/// Starts the other threads, and forwards signals until the marshaller thread ends.
fn serve(
    args: &Args,
    input: Input,
    stopper: Stopper,
    marshaller: Marshaller,
    signals: &mut Signals,
) -> Result<()> {
    let mut config = args.reader();
    config.heartbeat = marshaller.heartbeat();
    let (control, controlled) = unbounded();
    thread::scope(|scope| {
        let feed = match input {
            Input::Live(source) => Feed::Reader(AuditReader::spawn(source, stopper, config)?),
            Input::Logs(source) => Feed::Reader(AuditReader::spawn(source, stopper, config)?),
            Input::Jobs(inputs) => {
                let pipeline = marshaller.pipeline();
                Feed::Jobs(Jobs::start(
                    scope, args, inputs, stopper, &config, pipeline,
                )?)
            }
        };
        let interrupt = feed.interrupter();
        let wake_main = Waker(signals.handle());
        let thread = thread::Builder::new()
            .name("marshaller".to_owned())
            .spawn_scoped(scope, move || {
                let _wake_main = wake_main;
                marshaller.run(feed, &controlled)
            })
            .context("cannot start the marshaller thread")?;
        forward(signals, &control, &*interrupt);
        match thread.join() {
            Ok(result) => Ok(result?),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Processes are listed again if they were listed longer ago than this.
const RECENTLY: Duration = Duration::from_millis(20);

/// Reads the names in the trees that are to be known. Meanwhile the scanner lists the processes
/// that are there.
fn prime(
    trees: &mut Trees,
    mut scanner: Option<&mut Scanner>,
    classifier: &mut Classifier,
    rules: Option<&Rules>,
) {
    let listed = Instant::now();
    if let Some(scanner) = &mut scanner {
        scanner.list();
    }
    trees.prime(classifier, rules);
    // Processes that have begun while many names were read are to be known too.
    if let Some(scanner) = scanner
        && listed.elapsed() > RECENTLY
    {
        scanner.list();
    }
}

/// Wakes the main thread when the marshaller thread ends, even by a panic.
struct Waker(Handle);

impl Drop for Waker {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// What is read.
enum Input {
    /// The kernel's socket.
    Live(Box<LiveSource>),
    /// Logs of the same hosts.
    Logs(Box<LogSource>),
    /// Logs of different hosts.
    Jobs(jobs::Inputs),
}

impl Input {
    /// The rules that are loaded, if this process may ask for them.
    fn rules(&self) -> Option<&Rules> {
        match self {
            Input::Live(source) => source.rules(),
            Input::Logs(_) | Input::Jobs(_) => None,
        }
    }
}

fn open(
    args: &Args,
    stop: Stop,
    confinement: &Confinement,
    progress: &mut Progress,
) -> Result<Input, Error> {
    if args.is_live() {
        let mut client = ClientConfig::new(args.membership());
        client.receive_buffer = args.recv_buffer;
        client.backlog_limit = args.backlog_limit;
        client.backlog_note = Some(note("backlog"));
        return Ok(Input::Live(Box::new(LiveSource::open(&client, stop)?)));
    }
    if let Some(jobs) = args.jobs {
        let inputs = jobs::Inputs::open(&args.input, jobs, &stop, confinement)?;
        progress.show(&inputs.sources, args);
        return Ok(Input::Jobs(inputs));
    }
    let source = LogSource::open(&args.input, stop)?;
    progress.show(slice::from_ref(&source), args);
    Ok(Input::Logs(Box::new(source)))
}

/// Loads the rules of `--rules`. They are put back when the session is dropped, and so after the
/// source has been closed.
fn start_session(args: &Args, confinement: &Confinement) -> Result<Option<Session>> {
    if args.rules.is_empty() {
        return Ok(None);
    }
    let rules = rules::read(&args.rules, &auditrd::rules::Host::current())?;
    Ok(Some(Session::start(&rules, note("rules"), confinement)?))
}

/// A file in which to note settings of the kernel, in case this process is killed: in the runtime
/// directory of the service (`RuntimeDirectory=`, systemd.exec(5)), or else where only root can
/// write.
fn note(name: &str) -> PathBuf {
    let directories = env::var_os("RUNTIME_DIRECTORY").unwrap_or_default();
    match env::split_paths(&directories).next() {
        Some(directory) if directory.is_absolute() => directory.join(name),
        _ => PathBuf::from(format!("/run/auditrd-{name}")),
    }
}

/// A second signal within this time is the same request to stop: timeout(1) signals its child, and
/// then its process group.
const SAME_REQUEST: Duration = Duration::from_secs(1);

/// Forwards signals to the marshaller thread until it ends. A second request to stop exits at once,
/// even if the output is stuck.
fn forward(signals: &mut Signals, control: &Sender<Control>, interrupt: &dyn Fn()) {
    let mut stopping: Option<Instant> = None;
    for signal in signals.forever() {
        let message = match signal {
            SIGHUP => Control::Reopen,
            SIGUSR1 => Control::Stats,
            _ => match stopping {
                Some(since) if since.elapsed() < SAME_REQUEST => continue,
                Some(_) => {
                    log::error!("second signal to stop; events not written yet are lost");
                    process::exit(1);
                }
                None => {
                    stopping = Some(Instant::now());
                    Control::Stop
                }
            },
        };
        // This fails only if the marshaller thread has ended already.
        let _ = control.send(message);
        interrupt();
    }
}
