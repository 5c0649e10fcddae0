//! Capabilities, and the other ways to more rights.

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

/// What a duty takes, of what the process has.
fn needed(duty: Duty) -> CapabilitySet {
    match duty {
        Duty::Replay => CapabilitySet::empty(),
        // To ask for the kernel's state, to register again, and to give the registration back
        // (kernel/audit.c, `audit_netlink_ok`). To read takes nothing once the socket is bound.
        Duty::Listen => CapabilitySet::AUDIT_CONTROL,
        // To follow the links in /proc/PID/fd (proc_pid_fd(5)), and to ask which file a path names
        // where others may not look.
        Duty::Inspect => CapabilitySet::SYS_PTRACE | CapabilitySet::DAC_READ_SEARCH,
    }
}

/// Becomes the user, and keeps what the duty needs of what the process has.
///
/// # Errors
///
/// If it cannot become the user.
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
        // What is not inheritable is not ambient either (capabilities(7)).
        inheritable: CapabilitySet::empty(),
    };
    // A manager that has taken them away may have taken the call away as well.
    let are_set = || capabilities(None) == Ok(sets);
    if let Err(error) = set_capabilities(None, sets)
        && !are_set()
    {
        // To read no records for that would be worse, and it is not silent.
        let error = io::Error::from(error);
        log::warn!(
            "{}",
            Error::new("drop capabilities", error).help("the service manager must allow capset(2)")
        );
    }
    // No debugger of the same user, and no core file with what other users' programs were told.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(failed)
}

/// Nothing that could be executed gives a capability. Without CAP_SETPCAP there is no need to: that
/// no program gets more rights than it was started with holds already.
fn empty_the_bounding_set() {
    for number in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        if remove_capability_from_bounding_set(capability).is_err() {
            // Past the last one that the kernel knows, or not permitted.
            return;
        }
    }
}
