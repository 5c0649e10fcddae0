//! The stamp of a record: a parsed stamp round-trips, and the body follows it.
#![no_main]

use auditrd::model::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((id, body)) = auditrd::source::stamp(data) else {
        return;
    };
    assert!(data.ends_with(body));
    assert!(id.time.seconds <= Timestamp::MAX_SECONDS && id.time.millis <= 999);
    let stamp = format!(
        "audit({}.{:03}:{}): ",
        id.time.seconds, id.time.millis, id.serial
    );
    let whole = [stamp.as_bytes(), body].concat();
    assert_eq!(auditrd::source::stamp(&whole), Some((id, body)));
    assert_eq!(auditrd::source::stamp(&whole[..stamp.len() - 3]), None);
    let text = id.time.rfc3339();
    assert_eq!(text.len(), "2026-11-22T16:43:37.963Z".len());
});
