//! A listener without records sleeps.

use std::{fs, io, thread, time::Duration};

use super::{
    MULTICAST,
    audit::{Audit, skip},
    daemon::Daemon,
};

/// Longer than the intervals at which anything was ever done.
const WHILE: Duration = Duration::from_secs(11);

/// How often the threads of a process have gone to sleep.
fn sleeps(pid: u32) -> io::Result<u64> {
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let status = fs::read_to_string(thread?.path().join("status"))?;
        let count = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))
            .and_then(|count| count.trim().parse::<u64>().ok());
        sum += count.ok_or(io::ErrorKind::Unsupported)?;
    }
    Ok(sum)
}

#[test]
fn no_thread_or_helper_of_an_idle_listener_is_woken() {
    let Some(_audit) = Audit::borrow_without_rules() else {
        return;
    };
    let daemon = Daemon::listen(&MULTICAST);
    let pids: Vec<u32> = [vec![daemon.pid()], daemon.helpers()].concat();
    let all = || pids.iter().map(|pid| sleeps(*pid)).sum::<io::Result<u64>>();
    // Without rules, programs such as cron still send records now and then, and the listener asks
    // for the kernel's state once after them.
    let mut counts = Vec::new();
    for _ in 0..5 {
        let before = match all() {
            Ok(count) => count,
            Err(error) => return skip(&format!("needs counts of context switches: {error}")),
        };
        thread::sleep(WHILE);
        let woken = all().expect("they still run") - before;
        if woken == 0 {
            return;
        }
        counts.push(woken);
    }
    panic!("woken {counts:?} times in {WHILE:?} each");
}
