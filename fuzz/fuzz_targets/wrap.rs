//! The outer layer of logs: prefixes, wrappers, joined records, compression. For any
//! bytes, each line becomes a record or is counted, each record is a part of the log, and a record
//! that was put into a wrapper comes out unchanged.
#![no_main]

use std::io::Write;

use arbitrary::Arbitrary;
use auditrd::{
    model::Batch,
    record_type::AUDIT_CWD,
    source::{Fill, LogSource, Source},
};
use flate2::{Compression, write::GzEncoder};
use libfuzzer_sys::fuzz_target;

/// What a pipe holds.
const PIPE: usize = 65_536;

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    /// Any bytes, as an input that starts with them.
    Bytes(&'a [u8]),
    /// Any text around a record.
    Line { before: &'a [u8], after: &'a [u8] },
    /// A record with this body in a wrapper.
    Wrapped { wrapper: Wrapper, body: &'a str },
    /// Text that was compressed, of which the last bytes may be missing.
    Compressed { text: &'a [u8], missing: u8 },
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Wrapper {
    None,
    Node,
    Syslog,
    Iso,
    VersionOne,
    Grep,
    Container,
    Json,
    JsonInSyslog,
    JsonInJson,
    Group,
    Kernel,
}

fuzz_target!(|input: Input| match input {
    Input::Bytes(bytes) => {
        let _ = read(bytes.get(..PIPE).unwrap_or(bytes));
    }
    Input::Line { before, after } => {
        let log = [before, b" type=CWD msg=audit(1.002:3): ", after, b"\n"].concat();
        let _ = read(log.get(..PIPE).unwrap_or(&log));
    }
    Input::Wrapped { wrapper, body } => {
        // A body as the kernel writes it: printable, with quotes around the only value.
        let is_printable = |c: &char| c.is_ascii_graphic() && *c != '"';
        let body: String = body.chars().filter(is_printable).take(4096).collect();
        let body = format!("cwd=\"{body}\"");
        let record = format!("type=CWD msg=audit(1.002:3): {body}");
        let log = wrapper.around(&record) + "\n";
        let read = read(log.as_bytes()).expect("the log has a record");
        let expected = Record {
            record_type: AUDIT_CWD.0,
            serial: 3,
            node: wrapper.node().as_bytes().to_vec(),
            body: body.into_bytes(),
            relayed: !matches!(wrapper, Wrapper::None | Wrapper::Node | Wrapper::Grep),
        };
        assert_eq!(read, [expected], "{wrapper:?}");
    }
    Input::Compressed { text, missing } => {
        // The first bytes of a log decide whether it is compressed.
        let record = &b"type=CWD msg=audit(1.002:3): cwd=\"/\"\n"[..];
        let log = [record, text.get(..PIPE / 2).unwrap_or(text)].concat();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&log).expect("memory has room");
        let packed = encoder.finish().expect("memory has room");
        let kept = packed.len().saturating_sub(usize::from(missing)).max(1);
        let unpacked = read(packed.get(..kept).unwrap_or_default());
        match missing {
            0 => assert_eq!(unpacked, read(&log)),
            // Never the end of the log as if it were whole.
            _ => assert_eq!(unpacked, None),
        }
    }
});

impl Wrapper {
    fn around(self, record: &str) -> String {
        let json = |text: &str| format!("{{\"host\":\"h\",\"log\":{}}}", serde_json::json!(text));
        match self {
            Wrapper::None => record.to_owned(),
            Wrapper::Node => format!("node=h {record}"),
            Wrapper::Syslog => format!("<13>Feb 22 14:25:25 h audispd: {record}"),
            Wrapper::Iso => format!("2026-02-22T14:25:25+00:00 h audit {record}"),
            Wrapper::VersionOne => {
                format!("<13>1 2026-02-22T14:25:25Z h a - - [x y=\"]\"] {record}")
            }
            Wrapper::Grep => format!("/var/log/audit.log-12-{record}"),
            Wrapper::Container => format!("2026-02-22T14:25:25Z stdout F {record}"),
            Wrapper::Json => json(record),
            Wrapper::JsonInSyslog => format!("Feb 22 14:25:25 relay app: {}", json(record)),
            Wrapper::JsonInJson => json(&json(record)),
            Wrapper::Group => {
                let body = record.split_once("): ").unwrap_or_default().1;
                // An event that is not complete has no EOE.
                serde_json::json!({
                    "node": "h", "sequence": 3, "timestamp": "1.002", "incomplete": true,
                    "messages": [{"type": AUDIT_CWD.0, "data": body}],
                })
                .to_string()
            }
            Wrapper::Kernel => format!("[   12.345678] audit: {}", record.replacen("msg=", "", 1)),
        }
    }

    fn node(self) -> &'static str {
        match self {
            Wrapper::None | Wrapper::Grep | Wrapper::Container | Wrapper::Kernel => "",
            _ => "h",
        }
    }
}

#[derive(Debug, PartialEq)]
struct Record {
    record_type: u16,
    serial: u32,
    node: Vec<u8>,
    body: Vec<u8>,
    relayed: bool,
}

/// The records of a log. `None` if it cannot be read to its end, as if it has none.
fn read(log: &[u8]) -> Option<Vec<Record>> {
    let (stopper, stop) = auditrd::source::stop().expect("a pipe");
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    writer.write_all(log).expect("the pipe has room");
    drop(writer);
    let mut source = LogSource::from_fd(reader.into(), stop);
    let (mut batch, mut records, mut malformed) = (Batch::default(), Vec::new(), 0);
    let result = loop {
        let filled = source.fill(&mut batch, None);
        malformed += batch.sightings.malformed;
        records.extend(batch.records().map(|record| Record {
            record_type: record.record_type.0,
            serial: record.id.serial,
            node: record.node.to_vec(),
            body: record.body.to_vec(),
            relayed: record.relayed,
        }));
        batch.clear();
        match filled {
            Ok(Fill::End) => break Some(()),
            Ok(_) => {}
            Err(_) => break None,
        }
    };
    drop(stopper);
    let is_compressed = matches!(log, [0x1f, 0x8b, ..] | [0x28, 0xb5, ..] | [0xfd, b'7', ..]);
    if !is_compressed {
        // Each line has a record, or is counted, or separates others.
        let lines = log.split(|byte| *byte == b'\n').count() as u64;
        assert!(malformed <= lines);
        // No text comes from nowhere. JSON may make six bytes of one.
        let texts: usize = records.iter().map(|record| record.body.len()).sum();
        assert!(texts <= log.len());
    }
    result.map(|()| records)
}
