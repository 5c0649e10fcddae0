//! The body of one record of any type: its tokens are slices of it, in order, its decoded fields
//! have distinct names, and its event yields a line.
#![no_main]

use auditrd::{
    Arena, RecordType, encode,
    model::{Detail, EventId, Groups},
    parse::{AuditMessageTokenMap, fields, tokenize},
    parse_audit_event,
};
use auditrd_fuzz::{check_distinct, check_lines};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, &[u8])| {
    let (record_type, body) = input;
    let record_type = RecordType(1000 + record_type % 2000);
    let mut arena = Arena::new();
    let mut at = body.as_ptr().addr();
    for token in tokenize(body) {
        for part in [token.key, token.value.bytes] {
            if !part.is_empty() {
                assert!(part.as_ptr().addr() >= at, "tokens are in order");
                at = part.as_ptr().addr() + part.len();
            }
        }
        assert!(token.value.decoded(&arena).len() <= token.value.bytes.len());
        if let Some(number) = token.value.integer() {
            assert!(number.to_string().len() <= token.value.bytes.len());
        }
        let _ = (token.value.id(), token.value.hex(), token.value.literal());
    }
    assert!(at <= body.as_ptr().addr() + body.len());
    let map = AuditMessageTokenMap::new(record_type, body);
    for token in map.tokens.iter().take(16) {
        if let Ok(key) = str::from_utf8(token.key) {
            assert!(map.get(key).is_some());
        }
    }
    arena.reset();
    let decoded = fields(record_type, body, &arena);
    check_distinct(decoded.iter().map(|(name, _)| *name));
    arena.reset();
    let mut groups = Groups::default();
    groups
        .begin(EventId::default(), b"")
        .push(record_type, body);
    let group = groups.last().expect("it has one");
    if let Some(event) = parse_audit_event(&group, &arena) {
        if let Detail::User(detail) = &event.detail {
            check_distinct(detail.fields.iter().map(|(name, _)| *name));
        }
        let mut lines = Vec::new();
        encode::line(&event, &mut lines);
        assert_eq!(check_lines(&lines).len(), 1);
    }
});
