//! Capabilities, and other ways to gain privileges.

use std::io;

use rustix::{
    io::Errno,
    process::{DumpableBehavior, set_dumpable_behavior},
    thread::{
        CapabilitySet, CapabilitySets, capabilities, remove_capability_from_bounding_set,
        set_capabilities, set_no_new_privs,
    },
};

use crate::{
    confine::{Duty, User},
    error::Error,
};

/// The capabilities that a duty needs.
fn needed(duty: Duty) -> CapabilitySet {
    match duty {
        Duty::Replay => CapabilitySet::empty(),
        // To query the audit status, and to register and unregister (kernel/audit.c,
        // `audit_netlink_ok`). Reading needs no capability once the socket is bound.
        Duty::Listen => CapabilitySet::AUDIT_CONTROL,
        // To read the links in /proc/PID/fd (proc_pid_fd(5)), and to stat files in directories that
        // are closed to others.
        Duty::Inspect => CapabilitySet::SYS_PTRACE | CapabilitySet::DAC_READ_SEARCH,
        // To read the links /proc/PID/exe (proc_pid_exe(5)), and to see processes of other users
        // where they are hidden.
        Duty::Scan => CapabilitySet::SYS_PTRACE,
        // To read directories that are closed to others.
        Duty::List => CapabilitySet::DAC_READ_SEARCH,
        // The kernel looks up the paths of some rules, in directories that are closed to others.
        Duty::Restore => CapabilitySet::AUDIT_CONTROL | CapabilitySet::DAC_READ_SEARCH,
    }
}

/// Switches to the user, and keeps only the capabilities that the duty needs.
///
/// # Errors
///
/// If the process cannot switch to the user.
pub(super) fn keep(duty: Duty, user: Option<&User>) -> Result<(), Error> {
    let failed = |error: Errno| Error::new("drop capabilities", io::Error::from(error));
    set_no_new_privs(true).map_err(failed)?;
    let kept = capabilities(None).map_err(failed)?.permitted & needed(duty);
    empty_the_bounding_set();
    if let Some(user) = user {
        user.become_for_good()?;
    }
    let sets = CapabilitySets {
        effective: kept,
        permitted: kept,
        // This clears the ambient set too (capabilities(7)).
        inheritable: CapabilitySet::empty(),
    };
    // A service manager that has dropped them may also have blocked capset(2).
    let are_set = || capabilities(None) == Ok(sets);
    if let Err(error) = set_capabilities(None, sets)
        && !are_set()
    {
        // Not an error: reading no records at all would be worse.
        let error = io::Error::from(error);
        log::warn!(
            "{}",
            Error::new("drop capabilities", error).help("the service manager must allow capset(2)")
        );
    }
    // No debugger of the same user, and no core dump with the arguments of other users' programs.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(failed)
}

/// The names of the effective capabilities; of these, only those that a duty needs have names here.
pub(super) fn held() -> Vec<&'static str> {
    let effective = capabilities(None).map(|sets| sets.effective);
    let effective = effective.unwrap_or(CapabilitySet::empty());
    let named = [
        (CapabilitySet::AUDIT_CONTROL, "audit_control"),
        (CapabilitySet::AUDIT_READ, "audit_read"),
        (CapabilitySet::SYS_PTRACE, "sys_ptrace"),
        (CapabilitySet::DAC_READ_SEARCH, "dac_read_search"),
    ];
    let held = named
        .into_iter()
        .filter(|(bit, _)| effective.contains(*bit));
    held.map(|(_, name)| name).collect()
}

/// Empties the bounding set, so that executing a file can never add a capability. Without
/// CAP_SETPCAP this fails, which is harmless: no_new_privs prevents it too.
fn empty_the_bounding_set() {
    for number in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        if remove_capability_from_bounding_set(capability).is_err() {
            // This was the last one that the kernel knows, or CAP_SETPCAP is missing.
            return;
        }
    }
}
