//! What the scanner process does.

use std::{
    io,
    os::{fd::AsFd, unix::net::UnixDatagram},
    time::Duration,
};

use hashbrown::HashSet;

use super::message::{Part, Question};
use crate::{enrich::Proc, helper, sys};

/// How many processes are read at one time: those of a millisecond or two.
const SOME: usize = 32;

/// The processes of the system, as far as they were asked for.
#[derive(Debug)]
pub(super) struct Scan<'s> {
    socket: &'s UnixDatagram,
    proc: Proc,
    /// The pids in the order in which the rest is read, the next one last.
    order: Vec<u32>,
    unread: HashSet<u32>,
    message: Vec<u8>,
}

impl Scan<'_> {
    pub(super) fn new(socket: &UnixDatagram) -> Scan<'_> {
        Scan {
            socket,
            proc: Proc::new(),
            order: Vec::new(),
            unread: HashSet::new(),
            message: Vec::new(),
        }
    }

    /// Answers questions until the other end is closed.
    pub(super) fn serve(&mut self) -> io::Result<()> {
        while let Some(question) = self.question()? {
            match question {
                Question::Pids => self.list()?,
                Question::One(pid) => self.one(pid)?,
                Question::Some => self.some()?,
            }
        }
        Ok(())
    }

    fn question(&self) -> io::Result<Option<Question>> {
        helper::receive(self.socket, &mut [0; 16]).map(Question::read)
    }

    fn list(&mut self) -> io::Result<()> {
        let pids = self.proc.pids();
        self.order = pids.iter().rev().copied().collect();
        self.unread = pids.iter().copied().collect();
        self.send(&Part::Pids(pids))
    }

    fn one(&mut self, pid: u32) -> io::Result<()> {
        self.read(pid)?;
        self.send(&Part::EndOfOne)
    }

    fn some(&mut self) -> io::Result<()> {
        for _ in 0..SOME {
            let Some(pid) = self.order.pop() else {
                return self.send(&Part::EndOfAll);
            };
            self.read(pid)?;
            // An event waits for this one.
            if let [true] = sys::wait([self.socket.as_fd()], Some(Duration::ZERO))?
                && let Some(Question::One(pid)) = self.question()?
            {
                self.one(pid)?;
            }
        }
        self.send(&Part::EndOfSome)
    }

    /// Reads a process and its ancestors, and tells those that were not told before, the oldest
    /// first.
    fn read(&mut self, pid: u32) -> io::Result<()> {
        let (mut line, mut next) = (Vec::new(), pid);
        while self.unread.remove(&next)
            && let Some(found) = self.proc.process(next)
        {
            next = found.ppid;
            line.push(found);
        }
        for found in line.into_iter().rev() {
            self.send(&Part::Found(found))?;
        }
        Ok(())
    }

    fn send(&mut self, part: &Part) -> io::Result<()> {
        part.write(&mut self.message);
        self.socket.send(&self.message).map(drop)
    }
}
