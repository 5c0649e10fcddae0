//! The kernel's reports of lost records in its log (kernel/audit.c, `audit_log_lost`, and
//! lib/ratelimit.c).

use memchr::memmem;

use crate::bytes;

/// Reads the kernel's reports, and remembers its counter of each host.
#[derive(Debug, Default)]
pub(super) struct KernelLosses {
    /// The last `audit_lost` of each host.
    counters: Vec<(Vec<u8>, u32)>,
}

/// The hosts whose counters are remembered.
const MAX_HOSTS: usize = 256;

impl KernelLosses {
    /// How many records a line says were lost; 0 for a line that only gives the reason. `None` for
    /// any other line.
    pub(super) fn read(&mut self, line: &[u8], host: &[u8]) -> Option<u64> {
        if !has(line, b"audit") {
            return None;
        }
        if let Some(lost) = counter(line) {
            return Some(self.since(host, lost));
        }
        if let Some(at) = memmem::find(line, b" callbacks suppressed") {
            let number = line.get(..at)?.rsplit(|byte| *byte == b' ').next()?;
            return bytes::number(number);
        }
        let reasons: [&[u8]; 4] = [
            b"backlog limit exceeded",
            b"rate limit exceeded",
            b"audit_backlog=",
            b"out of memory in audit_",
        ];
        reasons.iter().any(|reason| has(line, reason)).then_some(0)
    }

    /// The difference to the last counter of a host. The first counter means one loss at least.
    fn since(&mut self, host: &[u8], lost: u32) -> u64 {
        let known = self.counters.iter_mut().find(|(known, _)| known == host);
        if let Some((_, last)) = known {
            let more = lost.wrapping_sub(std::mem::replace(last, lost));
            // A lower counter is that of another boot.
            return u64::from(if more < 1 << 31 { more } else { 1 });
        }
        if self.counters.len() >= MAX_HOSTS {
            self.counters.remove(0);
        }
        self.counters.push((host.to_vec(), lost));
        1
    }
}

/// The counter in `audit_lost=N`, which older kernels print with a sign.
fn counter(line: &[u8]) -> Option<u32> {
    const KEY: &[u8] = b"audit_lost=";
    let value = line.get(memmem::find(line, KEY)? + KEY.len()..)?;
    let is_digit = |byte: &&u8| byte.is_ascii_digit() || **byte == b'-';
    let length = value.iter().take_while(is_digit).count();
    let number: i64 = bytes::number(value.get(..length)?)?;
    u32::try_from(number.rem_euclid(1 << 32)).ok()
}

fn has(line: &[u8], words: &[u8]) -> bool {
    memmem::find(line, words).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_of_each_host_is_followed() {
        let mut losses = KernelLosses::default();
        let mut read = |host: &str, lost: &str| {
            let line =
                format!("audit: audit_lost={lost} audit_rate_limit=0 audit_backlog_limit=64");
            losses.read(line.as_bytes(), host.as_bytes())
        };
        assert_eq!(read("a", "7"), Some(1));
        assert_eq!(read("b", "-3"), Some(1));
        assert_eq!(read("a", "9"), Some(2));
        assert_eq!(read("b", "2"), Some(5));
        assert_eq!(read("a", "1"), Some(1));
    }

    #[test]
    fn suppressed_messages_are_counted_and_reasons_are_known() {
        let mut losses = KernelLosses::default();
        let mut read = |line: &str| losses.read(line.as_bytes(), b"");
        assert_eq!(read("audit_printk_skb: 23 callbacks suppressed"), Some(23));
        assert_eq!(read("audit: backlog limit exceeded"), Some(0));
        assert_eq!(read("net_ratelimit: 23 callbacks suppressed"), None);
        assert_eq!(read("audit: type=1300"), None);
    }
}
