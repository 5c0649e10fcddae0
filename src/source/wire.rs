//! Netlink messages and `struct audit_status` as bytes. Everything is in the host's byte order.

use crate::rules::Setting;

/// The size of `struct nlmsghdr` (include/uapi/linux/netlink.h).
pub(crate) const HEADER_BYTES: usize = 16;

/// The longest text of an audit record, in bytes (include/uapi/linux/audit.h).
///
/// ```
/// assert_eq!(auditrd::source::MAX_AUDIT_MESSAGE_LENGTH, 8970);
/// ```
pub const MAX_AUDIT_MESSAGE_LENGTH: usize = 8970;

/// An error, or an acknowledgement if the error number is 0.
pub(crate) const NLMSG_ERROR: u16 = 2;
/// The last part of a dump.
pub(crate) const NLMSG_DONE: u16 = 3;
/// `NLM_F_REQUEST | NLM_F_ACK`.
pub(crate) const REQUEST_WITH_ACK: u16 = 1 | 4;

/// The fields of a netlink header that we use. We ignore its length: in audit records sent to the
/// registered daemon it excludes the header itself (kernel/audit.c, `kauditd_send_queue` and
/// `audit_log_end`), so only the length of the datagram can be trusted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Header {
    pub(crate) message_type: u16,
    pub(crate) sequence: u32,
}

impl Header {
    /// Splits a datagram into header and payload; `None` if it is shorter than a header.
    pub(crate) fn read(datagram: &[u8]) -> Option<(Header, &[u8])> {
        let (header, payload) = datagram.split_first_chunk::<HEADER_BYTES>()?;
        let [_, _, _, _, k0, k1, _, _, s0, s1, s2, s3, ..] = *header;
        let message_type = u16::from_ne_bytes([k0, k1]);
        Some((
            Header {
                message_type,
                sequence: u32::from_ne_bytes([s0, s1, s2, s3]),
            },
            payload,
        ))
    }
}

/// Encodes a request to the kernel's audit system.
pub(crate) fn request(message_type: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER_BYTES + payload.len()).unwrap_or(u32::MAX);
    let mut message = Vec::with_capacity(HEADER_BYTES + payload.len());
    message.extend_from_slice(&length.to_ne_bytes());
    message.extend_from_slice(&message_type.to_ne_bytes());
    message.extend_from_slice(&flags.to_ne_bytes());
    message.extend_from_slice(&sequence.to_ne_bytes());
    message.extend_from_slice(&0u32.to_ne_bytes());
    message.extend_from_slice(payload);
    message
}

/// The error number in the payload of an `NLMSG_ERROR`; 0 means success.
pub(crate) fn error_number(payload: &[u8]) -> Option<i32> {
    payload
        .first_chunk()
        .map(|number| i32::from_ne_bytes(*number).wrapping_neg())
}

// The bits of `audit_status.mask`, which select the settings to change.
const AUDIT_STATUS_ENABLED: u32 = 1;
const AUDIT_STATUS_FAILURE: u32 = 2;
const AUDIT_STATUS_PID: u32 = 4;
const AUDIT_STATUS_RATE_LIMIT: u32 = 8;
const AUDIT_STATUS_BACKLOG_LIMIT: u32 = 0x10;
const AUDIT_STATUS_BACKLOG_WAIT_TIME: u32 = 0x20;
const AUDIT_STATUS_LOST: u32 = 0x40;
const AUDIT_STATUS_BACKLOG_WAIT_TIME_ACTUAL: u32 = 0x80;

/// The state of the kernel's audit system (`struct audit_status`, include/uapi/linux/audit.h).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct AuditStatus {
    /// 0: off, 1: on, 2: on and locked until the next boot.
    pub enabled: u32,
    /// What the kernel does when it cannot send a record. 0: nothing, 1: it logs that, 2: it
    /// panics.
    pub failure: u32,
    /// The process id of the registered audit daemon, or 0.
    pub pid: u32,
    /// The most records that the kernel makes per second, or 0 for no limit.
    pub rate_limit: u32,
    /// Records that the kernel has lost since boot: out of memory, over its rate limit, or with a
    /// full backlog. Records that slow multicast readers missed are not included.
    pub lost: u32,
    /// Records in the backlog, waiting for the audit daemon.
    pub backlog: u32,
    /// The maximum of `backlog`.
    pub backlog_limit: u32,
    /// How long a process waits when the backlog is full, in jiffies; since Linux 3.14.
    pub backlog_wait_time: Option<u32>,
}

impl AuditStatus {
    /// Parses the payload of an `AUDIT_GET` reply. Its length depends on the kernel version; the
    /// first 32 bytes are always present.
    pub(crate) fn read(payload: &[u8]) -> Option<AuditStatus> {
        let mut words = payload
            .chunks_exact(4)
            .map_while(|word| word.try_into().ok());
        let mut next = || words.next().map(u32::from_ne_bytes);
        let (_mask, enabled, failure, pid) = (next()?, next()?, next()?, next()?);
        let (rate_limit, backlog_limit, lost, backlog) = (next()?, next()?, next()?, next()?);
        Some(AuditStatus {
            enabled,
            failure,
            pid,
            rate_limit,
            lost,
            backlog,
            backlog_limit,
            // Skips the feature bitmap.
            backlog_wait_time: next().and(next()),
        })
    }
}

/// The payload that registers process `pid` as the audit daemon, or unregisters it if `pid` is 0.
pub(crate) fn registration(pid: u32) -> [u8; 44] {
    settings(AUDIT_STATUS_PID, &[(3, pid)])
}

/// The payload that changes nothing.
pub(crate) fn no_settings() -> [u8; 44] {
    settings(0, &[])
}

/// The payload that sets the backlog limit, in records, and the backlog wait time, in jiffies.
pub(crate) fn backlog(limit: u32, wait_time: u32) -> [u8; 44] {
    settings(
        AUDIT_STATUS_BACKLOG_LIMIT | AUDIT_STATUS_BACKLOG_WAIT_TIME,
        &[(5, limit), (9, wait_time)],
    )
}

/// The payload that changes a setting; `None` for the one that is no part of `struct audit_status`.
pub(crate) fn setting(setting: Setting) -> Option<[u8; 44]> {
    Some(match setting {
        Setting::Enabled(value) => settings(AUDIT_STATUS_ENABLED, &[(1, value)]),
        Setting::Failure(value) => settings(AUDIT_STATUS_FAILURE, &[(2, value)]),
        Setting::RateLimit(value) => settings(AUDIT_STATUS_RATE_LIMIT, &[(4, value)]),
        Setting::BacklogLimit(value) => settings(AUDIT_STATUS_BACKLOG_LIMIT, &[(5, value)]),
        Setting::BacklogWaitTime(value) => settings(AUDIT_STATUS_BACKLOG_WAIT_TIME, &[(9, value)]),
        Setting::ResetLost => settings(AUDIT_STATUS_LOST, &[]),
        Setting::ResetBacklogWaitTimeActual => settings(AUDIT_STATUS_BACKLOG_WAIT_TIME_ACTUAL, &[]),
        Setting::LoginuidImmutable => return None,
    })
}

/// The `struct audit_features` that makes auids immutable, and locks that: the version, and the bit
/// of the feature in the mask, the features and the lock.
pub(crate) fn loginuid_immutable() -> Vec<u8> {
    [1u32, 2, 2, 2].map(u32::to_ne_bytes).concat()
}

/// A `struct audit_status` of 11 words, with `mask` and the words at the given indices set.
fn settings(mask: u32, words: &[(usize, u32)]) -> [u8; 44] {
    let mut status = [0; 44];
    status[..4].copy_from_slice(&mask.to_ne_bytes());
    for (index, word) in words {
        status[4 * index..4 * index + 4].copy_from_slice(&word.to_ne_bytes());
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_in_a_header_is_ignored() {
        let mut datagram = request(1300, 0, 7, b"audit(1.002:3): x");
        datagram[..4].copy_from_slice(&1u32.to_ne_bytes());
        let (header, payload) = Header::read(&datagram).unwrap();
        assert_eq!(
            header,
            Header {
                message_type: 1300,
                sequence: 7
            }
        );
        assert_eq!(payload, b"audit(1.002:3): x");
    }

    #[test]
    fn a_datagram_shorter_than_a_header_is_rejected() {
        let datagram = request(1300, 0, 0, b"");
        assert!(Header::read(&datagram).is_some());
        assert!((0..HEADER_BYTES).all(|length| Header::read(&datagram[..length]).is_none()));
    }

    #[test]
    fn the_status_of_old_and_new_kernels_is_parsed() {
        let words: Vec<u8> = (0..11u32).flat_map(u32::to_ne_bytes).collect();
        let expected = AuditStatus {
            enabled: 1,
            failure: 2,
            pid: 3,
            rate_limit: 4,
            backlog_limit: 5,
            lost: 6,
            backlog: 7,
            backlog_wait_time: None,
        };
        for (length, backlog_wait_time) in [(32, None), (36, None), (40, Some(9)), (44, Some(9))] {
            let expected = AuditStatus {
                backlog_wait_time,
                ..expected
            };
            assert_eq!(AuditStatus::read(&words[..length]), Some(expected));
        }
        assert_eq!(AuditStatus::read(&words[..31]), None);
    }

    #[test]
    fn an_acknowledgement_is_error_number_0() {
        assert_eq!(error_number(&0i32.to_ne_bytes()), Some(0));
        assert_eq!(error_number(&(-17i32).to_ne_bytes()), Some(17));
        assert_eq!(error_number(&[0; 3]), None);
    }
}
