//! Netlink messages and `struct audit_status` as bytes. Everything is in the host's byte order.

/// Length of `struct nlmsghdr` (include/uapi/linux/netlink.h).
pub(crate) const HEADER: usize = 16;

/// The longest text of an audit record, in bytes (include/uapi/linux/audit.h).
///
/// ```
/// assert_eq!(auditrd::MAX_AUDIT_MESSAGE_LENGTH, 8970);
/// ```
pub const MAX_AUDIT_MESSAGE_LENGTH: usize = 8970;

/// An error, or with the number 0 an acknowledgement (`NLMSG_ERROR`).
pub(crate) const NLMSG_ERROR: u16 = 2;
/// The last part of a dump.
pub(crate) const NLMSG_DONE: u16 = 3;
/// `NLM_F_REQUEST | NLM_F_ACK`.
pub(crate) const REQUEST_WITH_ACK: u16 = 1 | 4;

/// The fields of a netlink header that are looked at. The length in it is not: for audit records
/// sent to the registered daemon it leaves out the header itself (kernel/audit.c, `kauditd_send_queue`
/// and `audit_log_end`), so only the datagram's own length can be trusted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Header {
    pub(crate) message_type: u16,
    pub(crate) sequence: u32,
}

impl Header {
    /// The header and the payload of a datagram, if it is long enough to have one.
    pub(crate) fn read(datagram: &[u8]) -> Option<(Header, &[u8])> {
        let (header, payload) = datagram.split_first_chunk::<HEADER>()?;
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

/// A request to the kernel's audit system.
pub(crate) fn request(message_type: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER + payload.len()).unwrap_or(u32::MAX);
    let mut message = Vec::with_capacity(HEADER + payload.len());
    message.extend_from_slice(&length.to_ne_bytes());
    message.extend_from_slice(&message_type.to_ne_bytes());
    message.extend_from_slice(&flags.to_ne_bytes());
    message.extend_from_slice(&sequence.to_ne_bytes());
    message.extend_from_slice(&0u32.to_ne_bytes());
    message.extend_from_slice(payload);
    message
}

/// The error number in the payload of an `NLMSG_ERROR`; 0 says that all went well.
pub(crate) fn error_number(payload: &[u8]) -> Option<i32> {
    payload
        .first_chunk()
        .map(|number| i32::from_ne_bytes(*number).wrapping_neg())
}

/// The bits that say what is to be set: `AUDIT_STATUS_PID`, `AUDIT_STATUS_BACKLOG_LIMIT` and
/// `AUDIT_STATUS_BACKLOG_WAIT_TIME`.
const PID: u32 = 4;
const BACKLOG_LIMIT: u32 = 0x10;
const BACKLOG_WAIT_TIME: u32 = 0x20;

/// What the kernel says of its audit system (`struct audit_status`, include/uapi/linux/audit.h).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct AuditStatus {
    /// 0: off, 1: on, 2: on and locked until the next boot.
    pub enabled: u32,
    /// The process that is registered as the audit daemon, or 0.
    pub pid: u32,
    /// Records that the kernel lost since boot, for want of memory, by its rate limit or because
    /// its backlog was full. Those lost to slow multicast readers are not among them.
    pub lost: u32,
    /// Records that wait in the kernel.
    pub backlog: u32,
    /// How many may wait.
    pub backlog_limit: u32,
    /// How long a process waits for room when there are as many, in jiffies; since Linux 3.14.
    pub backlog_wait_time: Option<u32>,
}

impl AuditStatus {
    /// Kernels differ in how much they say; the first 32 bytes are in all of them.
    pub(crate) fn read(payload: &[u8]) -> Option<AuditStatus> {
        let mut words = payload
            .chunks_exact(4)
            .map_while(|word| word.try_into().ok());
        let mut next = || words.next().map(u32::from_ne_bytes);
        let (_mask, enabled, _failure, pid) = (next()?, next()?, next()?, next()?);
        let (_rate_limit, backlog_limit, lost, backlog) = (next()?, next()?, next()?, next()?);
        Some(AuditStatus {
            enabled,
            pid,
            lost,
            backlog,
            backlog_limit,
            // A word of features lies between.
            backlog_wait_time: next().and(next()),
        })
    }
}

/// The payload that registers a process as the audit daemon, or with 0 unregisters it.
pub(crate) fn registration(pid: u32) -> [u8; 44] {
    settings(PID, &[(3, pid)])
}

/// The payload that sets how many records may wait in the kernel, and how long a process waits for
/// room, in jiffies.
pub(crate) fn backlog(limit: u32, wait_time: u32) -> [u8; 44] {
    settings(
        BACKLOG_LIMIT | BACKLOG_WAIT_TIME,
        &[(5, limit), (9, wait_time)],
    )
}

/// A `struct audit_status` of 11 words with a mask and some of them set.
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
    fn the_length_in_a_header_is_not_believed() {
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
    fn a_datagram_shorter_than_a_header_is_none() {
        let datagram = request(1300, 0, 0, b"");
        assert!(Header::read(&datagram).is_some());
        assert!((0..HEADER).all(|length| Header::read(&datagram[..length]).is_none()));
    }

    #[test]
    fn a_status_is_read_from_kernels_old_and_new() {
        let words: Vec<u8> = (0..11u32).flat_map(u32::to_ne_bytes).collect();
        let expected = AuditStatus {
            enabled: 1,
            pid: 3,
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
