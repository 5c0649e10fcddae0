//! The scanner: a separate process that reads the processes of the system at the start.
//!
//! The programs that processes run are in `/proc`. Reading that takes the privilege to inspect
//! every process, which the process that parses records must not have; and a host may have
//! thousands of them, which the first event must not wait for. So another process reads them. It
//! answers three questions: which pids there are, which process has one of them, and which have
//! some others. It ends once all processes are read.

mod message;
mod scan;

use std::{
    io,
    net::Shutdown,
    os::{fd::AsFd, unix::net::UnixDatagram},
    time::Duration,
};

use hashbrown::HashSet;

use crate::{
    confine::{Confinement, Duty, User},
    enrich::{Census, Found},
    error::Error,
    helper::{self, Child},
    sys,
};
use message::{MESSAGE_BYTES, Part, Question};
use scan::Scan;

/// How long to wait for an answer. Reading `/proc` may wait for a process whose memory is locked.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// The connection to the scanner process. Implements [`Census`] by asking it.
#[derive(Debug)]
pub struct Scanner {
    socket: UnixDatagram,
    child: Option<Child>,
    buffer: Vec<u8>,
    state: State,
    /// How often the pids were asked for and have not come yet.
    lists: usize,
    /// The pids of the processes that are not read yet.
    unread: HashSet<u32>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// The pids have not come yet.
    Listing,
    /// More processes can be asked for.
    Ready,
    /// Some were asked for, and have not all come yet.
    Asked,
    /// All processes are read.
    Over,
    /// It does not answer.
    Silent,
}

impl Scanner {
    /// Forks the process. Call this before starting threads and opening files.
    ///
    /// # Errors
    ///
    /// If the process cannot be started.
    pub fn start(user: Option<&User>, filters: bool) -> Result<Scanner, Error> {
        let confinement = Confinement {
            user: user.cloned(),
            filters,
            ..Confinement::new(Duty::Scan)
        };
        let started = helper::start_child(|socket| {
            helper::set_name(c"auditrd-scanner");
            // It asks the kernel what it can tell, which it may not later.
            let mut scan = Scan::new(socket);
            confinement.enter()?;
            // This fails when the other end is closed.
            let _ = scan.serve();
            Ok(())
        });
        started
            .and_then(|(socket, child)| Scanner::connected(socket, Some(child)))
            .map_err(|error| Error::new("start the process that reads /proc", error))
    }

    fn connected(socket: UnixDatagram, child: Option<Child>) -> io::Result<Scanner> {
        socket.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        Ok(Scanner {
            socket,
            child,
            buffer: vec![0; MESSAGE_BYTES],
            state: State::Listing,
            lists: 0,
            unread: HashSet::new(),
        })
    }

    /// Has the pids listed: processes that are there now will be found, and later ones will not.
    /// This can be called again until the first process is asked for.
    pub fn list(&mut self) {
        self.lists += 1;
        let asked = self.ask(Question::Pids);
        self.note(asked);
    }

    fn ask(&self, question: Question) -> io::Result<()> {
        self.socket.send(&question.to_bytes()).map(drop)
    }

    fn note(&mut self, result: io::Result<()>) {
        if let Err(error) = result {
            self.state = State::Silent;
            let error = Error::new("read the processes that are there at the start", error);
            log::warn!("{error}; events may lack facts about them and their children");
        }
    }

    /// Waits for a part of an answer. Returns whether it is the end of that about one process.
    fn receive(&mut self, put: &mut dyn FnMut(Found)) -> io::Result<bool> {
        let message = helper::receive(&self.socket, &mut self.buffer)?;
        match Part::read(message).ok_or(io::ErrorKind::UnexpectedEof)? {
            Part::Pids(pids) => {
                self.unread = pids.into_iter().collect();
                self.lists = self.lists.saturating_sub(1);
                if self.lists == 0 {
                    self.state = State::Ready;
                }
            }
            Part::Found(found) => {
                self.unread.remove(&found.pid);
                put(found);
            }
            Part::EndOfOne => return Ok(true),
            Part::EndOfSome => self.state = State::Ready,
            Part::EndOfAll => self.state = State::Over,
        }
        Ok(false)
    }

    fn find_one(&mut self, pid: u32, put: &mut dyn FnMut(Found)) -> io::Result<()> {
        while self.state == State::Listing {
            self.receive(put)?;
        }
        if !self.unread.contains(&pid) {
            return Ok(());
        }
        self.ask(Question::One(pid))?;
        while !self.receive(put)? {}
        if self.unread.remove(&pid) {
            put(Found::gone(pid));
        }
        Ok(())
    }

    fn find_some(&mut self, put: &mut dyn FnMut(Found)) -> io::Result<()> {
        while self.state != State::Over && self.has_answer()? {
            self.receive(put)?;
        }
        if self.state == State::Ready {
            self.ask(Question::Some)?;
            self.state = State::Asked;
        }
        Ok(())
    }

    fn has_answer(&self) -> io::Result<bool> {
        sys::wait([self.socket.as_fd()], Some(Duration::ZERO)).map(|[has_answer]| has_answer)
    }

    fn has_more(&self) -> bool {
        !matches!(self.state, State::Over | State::Silent)
    }
}

impl Census for Scanner {
    fn find(&mut self, pid: u32, put: &mut dyn FnMut(Found)) {
        if self.has_more() {
            let found = self.find_one(pid, put);
            self.note(found);
        }
    }

    fn advance(&mut self, put: &mut dyn FnMut(Found)) -> bool {
        if self.has_more() {
            let found = self.find_some(put);
            self.note(found);
        }
        self.has_more()
    }
}

/// Ends the process, and waits for that unless it is reading.
impl Drop for Scanner {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Both);
        let is_reading = matches!(self.state, State::Asked | State::Silent);
        if let Some(child) = self.child.take().filter(|_| !is_reading) {
            child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        process::{self, Child, Command, Stdio},
        thread,
    };

    use super::*;
    use crate::enrich::Answer;

    /// A scanner whose process is a thread. It has listed the processes that are there now, and
    /// read this one.
    fn scanner(found: &mut Vec<Found>) -> Scanner {
        let (ours, its) = helper::pair().unwrap();
        thread::spawn(move || Scan::new(&its).serve());
        let mut scanner = Scanner::connected(ours, None).unwrap();
        scanner.list();
        scanner.find(process::id(), &mut |process| found.push(process));
        scanner
    }

    fn cat() -> Child {
        let mut cat = Command::new("cat");
        cat.stdin(Stdio::piped()).spawn().unwrap()
    }

    #[test]
    fn each_process_is_found_once_and_after_its_parent() {
        let mut found = Vec::new();
        let mut scanner = scanner(&mut found);
        assert_eq!(found.last().unwrap().pid, process::id());
        scanner.find(process::id(), &mut |_| panic!("found twice"));
        while scanner.advance(&mut |process| found.push(process)) {
            thread::yield_now();
        }
        assert!(found.iter().any(|process| process.pid == 1));
        let pids: Vec<u32> = found.iter().map(|process| process.pid).collect();
        for (place, process) in found.iter().enumerate() {
            assert!(!pids[..place].contains(&process.pid), "{}", process.pid);
            assert!(!pids[place..].contains(&process.ppid), "{}", process.pid);
        }
    }

    #[test]
    fn a_process_is_found_if_it_was_there_at_the_start() {
        let mut ended = cat();
        let mut found = Vec::new();
        let mut scanner = scanner(&mut found);
        ended.kill().unwrap();
        ended.wait().unwrap();
        scanner.find(ended.id(), &mut |process| found.push(process));
        let last = found.last().unwrap();
        assert_eq!((last.pid, last.answer), (ended.id(), Answer::Gone));
        let mut later = cat();
        scanner.find(later.id(), &mut |_| panic!("it is new"));
        later.kill().unwrap();
        later.wait().unwrap();
    }

    #[test]
    fn the_last_of_two_lists_counts() {
        let (ours, its) = helper::pair().unwrap();
        thread::spawn(move || Scan::new(&its).serve());
        let mut scanner = Scanner::connected(ours, None).unwrap();
        scanner.list();
        let mut between = cat();
        scanner.list();
        let mut found = Vec::new();
        scanner.find(between.id(), &mut |process| found.push(process.pid));
        assert_eq!(found.last(), Some(&between.id()));
        between.kill().unwrap();
        between.wait().unwrap();
    }

    #[test]
    fn a_scanner_that_does_not_answer_is_asked_once() {
        let (ours, its) = helper::pair().unwrap();
        let mut scanner = Scanner::connected(ours, None).unwrap();
        scanner.list();
        for _ in 0..10 {
            scanner.find(1, &mut |_| panic!("nobody answers"));
        }
        assert!(!scanner.advance(&mut |_| panic!("nobody answers")));
        drop(its);
    }
}
