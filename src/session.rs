//! Rules that are loaded for as long as this process runs.
//!
//! Another process loads them, waits for this one to end, and puts back what it found, even if
//! this one ends by a panic or SIGKILL. It parses no records. What it has to put back is also noted
//! in a file, in case it is killed together with this process: the next session starts with that.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    net::Shutdown,
    os::{
        fd::AsFd,
        unix::{fs::OpenOptionsExt, net::UnixDatagram},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    confine::{Confinement, Duty},
    error::Error,
    helper,
    rules::{Host, Kernel, Loaded, Problem, Ruleset, Setting},
    source::NetlinkClient,
    sys,
};

/// The least backlog limit while a session runs. The kernel's own, 64 records, is so low that a
/// burst of events makes processes wait.
const BACKLOG_LIMIT: u32 = 8192;
/// How long to wait for rules to be put back. It takes the kernel some milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer of the other process.
const MESSAGE_BYTES: usize = 64 << 10;

/// Rules that are loaded until this is dropped or the process ends.
#[derive(Debug)]
pub struct Session {
    socket: UnixDatagram,
}

impl Session {
    /// Loads rules and turns auditing on, in a new process. `note` is a file that only root can
    /// write to, in a directory that is emptied at boot.
    ///
    /// Call this before starting threads and opening files.
    ///
    /// # Errors
    ///
    /// If the rules cannot be loaded, or could not be taken back.
    pub fn start(
        rules: &Ruleset,
        note: PathBuf,
        confinement: &Confinement,
    ) -> Result<Session, Error> {
        if let Some(statement) = rules.lock() {
            let reason = "it cannot be undone at the end of the session";
            let error = io::Error::new(io::ErrorKind::InvalidInput, reason);
            return Err(Error::new(format!("load {}", statement.place), error)
                .help("remove that line, or use `auditrd rules load --immutable`"));
        }
        let confinement = Confinement {
            duty: Duty::Restore,
            writable: Vec::new(),
            ..confinement.clone()
        };
        let failed = |error| Error::new("start the process that loads the rules", error);
        let socket = helper::start(|socket| {
            if let Err(error) = serve(socket, rules, &note, &confinement) {
                // This process reports it, unless it has ended.
                let _ = socket.send(&failure(&error));
            }
            Ok(())
        });
        let session = Session {
            socket: socket.map_err(failed)?,
        };
        let mut buffer = vec![0; MESSAGE_BYTES];
        let answer = helper::receive(&session.socket, &mut buffer).map_err(failed)?;
        read_answer(answer)?;
        Ok(session)
    }
}

/// Waits until the rules are put back.
impl Drop for Session {
    fn drop(&mut self) {
        let waited = self
            .socket
            .shutdown(Shutdown::Write)
            .and_then(|()| self.socket.set_read_timeout(Some(PATIENCE)))
            .and_then(|()| helper::receive(&self.socket, &mut [0; 1]).map(drop));
        if let Err(error) = waited {
            log::warn!("{}", Error::new("wait until the rules are put back", error));
        }
    }
}

/// Loads the rules, waits for the other process to end, and puts back what was there.
fn serve(
    socket: &UnixDatagram,
    rules: &Ruleset,
    note: &Path,
    confinement: &Confinement,
) -> Result<(), Error> {
    let mut kernel = NetlinkClient::control()?;
    let mut note = Note::open(note)
        .inspect_err(|error| {
            log::info!(
                "the rules will stay if auditrd and its helper are killed: cannot note them in {}: \
                 {error}",
                note.display()
            );
        })
        .ok();
    if let Some(note) = &mut note {
        note.take_back(&mut kernel);
    }
    let mut loaded = load(rules, &mut kernel)?;
    if let Some(Err(error)) = note.as_mut().map(|note| note.write(&loaded.to_text())) {
        log::info!("{}", Error::new("note the rules to be put back", error));
    }
    let entered = confinement.enter();
    if entered.is_ok() {
        // If this fails, the other process has ended, and the next step sees that.
        let _ = socket.send(&[LOADED]);
        // It sends nothing, so this returns when its end is closed.
        let _ = helper::receive(socket, &mut [0; 1]);
    }
    loaded.take_back(&mut kernel);
    if let Some(note) = &mut note {
        note.clear();
    }
    entered.map(drop)
}

fn load(rules: &Ruleset, kernel: &mut NetlinkClient) -> Result<Loaded, Error> {
    let mut loaded = rules.load(kernel)?;
    rules
        .problems
        .iter()
        .chain(&loaded.refused)
        .for_each(Problem::log);
    log::info!("added {} rules until the end", loaded.added);
    turn_on(&mut loaded, kernel).inspect_err(|_| loaded.take_back(kernel))?;
    Ok(loaded)
}

/// Turns auditing on, with room for bursts.
fn turn_on(loaded: &mut Loaded, kernel: &mut NetlinkClient) -> Result<(), Error> {
    let failed = |error| Error::new("turn auditing on", error);
    let settings = kernel.settings().map_err(failed)?;
    if settings.backlog_limit < BACKLOG_LIMIT {
        let limit = Setting::BacklogLimit(BACKLOG_LIMIT);
        loaded.set(limit, kernel).map_err(failed)?;
    }
    loaded.set(Setting::Enabled(1), kernel).map_err(failed)
}

/// The first byte of an answer: the rules are loaded, or why not.
const LOADED: u8 = b'.';
const DENIED: u8 = b'p';
const FAILED: u8 = b'!';

fn failure(error: &Error) -> Vec<u8> {
    let kind = if error.is_permission() {
        DENIED
    } else {
        FAILED
    };
    let (tried, reason) = error.parts();
    let mut answer = vec![kind];
    answer.extend(format!("{tried}\n{reason}").bytes().take(MESSAGE_BYTES - 1));
    answer
}

fn read_answer(answer: &[u8]) -> Result<(), Error> {
    let (kind, text) = answer.split_first().unwrap_or((&FAILED, b""));
    let kind = match *kind {
        LOADED => return Ok(()),
        DENIED => io::ErrorKind::PermissionDenied,
        _ => io::ErrorKind::Other,
    };
    let text = String::from_utf8_lossy(text);
    Err(match text.split_once('\n') {
        Some((tried, reason)) => Error::new(tried, io::Error::new(kind, reason.to_owned())),
        None => {
            let error = io::Error::other("the process that loads them has ended");
            Error::new("load the rules", error)
        }
    })
}

/// The file in which changes are noted, locked for as long as they are to be taken back.
struct Note(File);

impl Note {
    fn open(path: &Path) -> io::Result<Note> {
        let file = OpenOptions::new()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(path)?;
        sys::lock(file.as_fd())?;
        Ok(Note(file))
    }

    /// Takes back what a session has left that was killed.
    fn take_back(&mut self, kernel: &mut NetlinkClient) {
        let mut text = Vec::new();
        if self.0.read_to_end(&mut text).is_err() || text.is_empty() {
            return;
        }
        log::warn!("an earlier session was killed; its rules are removed first");
        Loaded::from_text(&text, &Host::current()).take_back(kernel);
        self.clear();
    }

    /// Forgets the changes. They must not be taken back twice: someone else may since have made the
    /// same ones.
    fn clear(&mut self) {
        if let Err(error) = self.write("") {
            log::info!("{}", Error::new("clear the note of rules", error));
        }
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.0.set_len(0)?;
        self.0.seek(SeekFrom::Start(0))?;
        self.0.write_all(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_as_they_were_written() {
        let denied = io::Error::from_raw_os_error(libc::EPERM);
        let error = Error::new("load the rules", denied).help("try sudo");
        let read = read_answer(&failure(&error)).unwrap_err();
        assert!(read.is_permission());
        assert_eq!(read.to_string(), error.to_string());
        assert!(read_answer(&[LOADED]).is_ok());
        // A closed output of ours is no error, but this is.
        assert!(!read_answer(b"").unwrap_err().is_broken_pipe());
    }
}
