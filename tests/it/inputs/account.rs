//! The account of a log: every line of it is a record, or counted, or known to say nothing.

use std::io::{Seek, Write};

use auditrd::{
    model::Batch,
    source::{Fill, LogSource, Source},
};
use proptest::{collection::vec, prelude::*, sample::select};

/// A line, and what becomes of it.
#[derive(Clone, Debug)]
struct Line {
    text: Vec<u8>,
    records: Vec<String>,
    malformed: u64,
    lost: u64,
}

impl Line {
    fn nothing(text: &str) -> Line {
        Line {
            text: text.as_bytes().to_vec(),
            records: Vec::new(),
            malformed: 0,
            lost: 0,
        }
    }
}

fn record(body: &str) -> String {
    format!("type=CWD msg=audit(1700000000.123:7): {body}")
}

/// The body of a record as the kernel writes it, with look-alikes of what surrounds records.
fn body() -> impl Strategy<Value = String> {
    let word = select(vec![
        "/srv",
        "type=CWD",
        " msg=audit(1.2:3): ",
        "{}",
        "node=x",
        "}, ",
        "\u{e9}",
        "#035",
        "\\n",
    ]);
    vec(word, 0..4).prop_map(|words| format!("cwd=\"{}\"", words.concat()))
}

/// A record in one of the forms in which relays hand it on.
fn wrapped() -> impl Strategy<Value = Line> {
    const FORMS: [fn(&str) -> String; 7] = [
        |record| record.to_owned(),
        |record| format!("node=web1 {record}"),
        |record| format!("Feb 22 14:25:25 web1 audispd: {record}"),
        |record| format!("<13>1 2026-02-22T14:25:25Z web1 audispd 7 - - {record}"),
        |record| format!("2026-02-22T14:25:25Z stdout F {record}"),
        |record| serde_json::json!({ "log": record }).to_string(),
        |record| {
            let body = record.split_once("): ").unwrap_or_default().1;
            let messages = serde_json::json!([{"type": 1307, "data": body}]);
            // An event that is not complete has no EOE.
            serde_json::json!({
                "sequence": 7, "timestamp": "1700000000.123", "messages": messages, "incomplete": true,
            })
            .to_string()
        },
    ];
    (select(FORMS.to_vec()), body()).prop_map(|(form, body)| Line {
        records: vec![body.clone()],
        ..Line::nothing(&form(&record(&body)))
    })
}

/// Records in one line, as loggers leave them that drop line ends.
fn joined() -> impl Strategy<Value = Line> {
    vec(select(vec!["cwd=\"/\"", "cwd=\"/tmp\""]), 2..4).prop_map(|bodies| {
        let records: Vec<String> = bodies.iter().map(|body| record(body)).collect();
        Line {
            records: bodies.iter().map(|body| (*body).to_owned()).collect(),
            ..Line::nothing(&records.join(" "))
        }
    })
}

fn line() -> impl Strategy<Value = Line> {
    let malformed = prop_oneof![
        "[a-z]{1,9}( [a-z=]{1,9}){0,4}",
        Just("type=CWD msg=audit(1".to_owned()),
        Just("{\"log\":broken}".to_owned()),
        Just("{\"log\":\"no record\"}".to_owned()),
    ];
    prop_oneof![
        4 => wrapped(),
        1 => joined(),
        2 => malformed.prop_map(|text| Line { malformed: 1, ..Line::nothing(&text) }),
        1 => select(vec!["", "----", "time->Sun Nov 22 10:00:00 2026", "  "])
            .prop_map(Line::nothing),
        1 => (1..90_u64).prop_map(|lost| Line {
            lost,
            ..Line::nothing(&format!(
                "Feb 22 14:25:27 web1 kernel: audit_printk_skb: {lost} callbacks suppressed"
            ))
        }),
    ]
}

/// The bodies of the records in a log, and the counts of malformed lines and lost records.
fn read(log: &[u8]) -> (Vec<String>, u64, u64) {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(log).unwrap();
    file.rewind().unwrap();
    let (_stopper, stop) = auditrd::source::stop().unwrap();
    let mut source = LogSource::from_fd(file.into(), stop);
    let mut batch = Batch::default();
    let (mut bodies, mut malformed, mut lost) = (Vec::new(), 0, 0);
    loop {
        let fill = source.fill(&mut batch, None);
        malformed += batch.sightings.malformed;
        lost += batch.sightings.kernel_lost;
        bodies.extend(
            batch
                .records()
                .map(|record| String::from_utf8(record.body.to_vec()).unwrap()),
        );
        batch.clear();
        // A log of malformed lines alone ends with an error.
        match fill {
            Ok(Fill::End) | Err(_) => return (bodies, malformed, lost),
            Ok(_) => {}
        }
    }
}

proptest! {
    #[test]
    fn each_line_of_a_log_is_a_record_or_counted_or_says_nothing(
        lines in vec((line(), select(vec!["\n", "\r\n"])), 1..40),
    ) {
        let mut log = Vec::new();
        for (line, end) in &lines {
            log.extend_from_slice(&line.text);
            log.extend_from_slice(end.as_bytes());
        }
        let sum = |count: fn(&Line) -> u64| lines.iter().map(|(line, _)| count(line)).sum::<u64>();
        let bodies: Vec<String> = lines.iter().flat_map(|(line, _)| line.records.clone()).collect();
        let expected = (bodies, sum(|line| line.malformed), sum(|line| line.lost));
        prop_assert_eq!(read(&log), expected, "{}", String::from_utf8_lossy(&log));
    }
}
