//! Sends every event of this host to a channel, as a line of JSON. Run it as root.

#![expect(clippy::print_stdout, reason = "events go there")]

use std::{sync::mpsc, thread};

use auditrd::{
    Arena, AuditReader, Classifier, Error, ReaderConfig, ReassemblyConfig, encode,
    record_type::{AUDIT_AVC, AUDIT_USER_AUTH},
    resolve::Proc,
    source::{ClientConfig, Membership},
};

fn main() -> Result<(), Error> {
    let client = ClientConfig::new(Membership::ReadLog);
    let config = ReaderConfig::live(ReassemblyConfig::new(AUDIT_USER_AUTH, AUDIT_AVC));
    let reader = AuditReader::open(&client, config)?;
    let (lines, received) = mpsc::channel();
    let sender = thread::spawn(move || send(reader, &lines));
    for line in received {
        print!("{}", String::from_utf8_lossy(&line));
    }
    sender.join().expect("the thread does not panic")
}

fn send(mut reader: AuditReader, lines: &mpsc::Sender<Vec<u8>>) -> Result<(), Error> {
    let (mut classifier, mut arena) = (Classifier::new(Box::new(Proc)), Arena::new());
    while let Some(group) = reader.next()? {
        let mut line = Vec::new();
        if let Some(event) = classifier.classify(&group, &arena) {
            encode::line(&event, &mut line);
        }
        arena.reset();
        if !line.is_empty() && lines.send(line).is_err() {
            break; // Nobody receives any more.
        }
    }
    Ok(())
}
