//! What is remembered of one host.

use crate::{
    classify::{ProcessCall, process_call},
    enrich::{
        Found,
        life::{Birth, Life},
        login::Logins,
        names::Names,
        places::{Cgroups, Places, Step, Visit},
        processes::{Act, Answer, Live, Processes, Sight, Subject, User, is_near},
        script,
    },
    model::{
        AuditEvent, AuditMessageGroup, Detail, Identity, ProcessAction,
        record_type::{AUDIT_CONFIG_CHANGE, AUDIT_USER_START},
    },
    parse::{CallRecord, CloneFlags, Facts},
    resolve::{self, Boot, Losses},
};

/// The memory of one host.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) processes: Processes,
    pub(super) logins: Logins,
    pub(super) places: Places,
    pub(super) names: Names,
    boot: Boot,
    /// How often auditing or its rules were changed, but for rules that were added. Until then,
    /// processes may have started programs without a record.
    changes: u32,
}

impl resolve::Memory for Memory {
    fn empty() -> Memory {
        Memory {
            processes: Processes::new(),
            logins: Logins::default(),
            places: Places::default(),
            names: Names::default(),
            boot: Boot::default(),
            changes: 0,
        }
    }

    fn size(&self) -> usize {
        let processes = self.processes.size() + self.places.size();
        processes + self.logins.size() + self.names.size()
    }
}

impl Memory {
    /// Takes in the stamp of an event, and forgets processes and sessions if it is of another boot.
    pub(super) fn note_boot(&mut self, group: &AuditMessageGroup<'_>) {
        if self.boot.note(group) {
            self.processes.forget();
            self.places = Places::default();
            self.logins = Logins::default();
        }
    }

    /// Learns from an event. `losses` is what was lost until then. `cgroups` is the live system, at
    /// a time in milliseconds since 1970-01-01.
    pub(super) fn observe(
        &mut self,
        group: &AuditMessageGroup<'_>,
        facts: &Facts<'_>,
        event: Option<&AuditEvent<'_>>,
        losses: Losses,
        live: Option<Live>,
        cgroups: Option<(&dyn Cgroups, u64)>,
    ) -> Subject {
        self.changes += u32::from(facts.has_others && changes_rules(group));
        let Some(ids) = ids(facts) else {
            return Subject::default();
        };
        let sight = sight(group, facts, event, ids);
        let losses = Losses {
            certain: losses.certain.wrapping_add(self.changes),
            ..losses
        };
        let subject = self.processes.see(&sight, losses, live);
        let Some((life, _)) = self.processes.life(subject) else {
            return subject;
        };
        let visit = visit(life, &sight, facts);
        let parent = || self.processes.parent(life)?.0.standing.as_ref();
        let ask = || {
            let (cgroups, _) = cgroups.filter(|(_, now)| is_near(sight.time, *now))?;
            cgroup(life, sight.pid, cgroups, live)
        };
        let known = life.standing.as_ref();
        if let Some(standing) = self.places.see(&visit, known, parent, ask) {
            self.processes.stand(subject, standing);
        }
        subject
    }

    /// Takes in a process that was there at the start, after its parent.
    pub(super) fn found(&mut self, found: &Found) {
        self.processes.found(found);
        let standing = self.places.found(found.session, &found.cgroup);
        if let (Some(standing), Some(subject)) = (standing, self.processes.subject_of(found.pid)) {
            self.processes.stand(subject, standing);
        }
    }
}

/// The life in an event, for its place.
fn visit<'a>(life: &Life, sight: &Sight<'a>, facts: &Facts<'a>) -> Visit<'a> {
    let user = facts.user;
    let is_opening = user.is_some_and(|record| record.record_type == AUDIT_USER_START);
    Visit {
        pid: sight.pid,
        ppid: life.ppid,
        session: sight.session,
        step: match sight.act {
            Act::Executed { .. } => Step::Executed {
                exe: sight.exe,
                argv: facts.argv.map(|argv| argv.args).unwrap_or_default(),
                is_root: facts.call.is_some_and(|call| call.ids.euid == 0),
            },
            Act::Forked { child, .. } => Step::Forked { child },
            _ if is_opening => Step::Opened,
            _ => Step::Other,
        },
    }
}

/// The cgroup of a process, if the process with its pid is still the same.
fn cgroup(life: &Life, pid: u32, cgroups: &dyn Cgroups, live: Option<Live>) -> Option<Vec<u8>> {
    let text = cgroups.of(pid)?;
    let answer = live.map_or(Answer::Silence, |live| live.kernel.process(pid));
    let is_same = match (life.birth, answer) {
        (_, Answer::Gone) => false,
        (Birth::Kernel(known), Answer::Process(now)) => known == now,
        // The record is too new for another one.
        _ => true,
    };
    is_same.then_some(text)
}

/// Whether an event changes what is recorded, other than to record more.
fn changes_rules(group: &AuditMessageGroup<'_>) -> bool {
    // Nearly all events have no such record, and their texts are not looked at.
    if !group
        .record_types()
        .any(|record_type| record_type == AUDIT_CONFIG_CHANGE)
    {
        return false;
    }
    group.messages().any(|message| {
        let is_change = message.record_type == AUDIT_CONFIG_CHANGE;
        is_change && memchr::memmem::find(message.data, b"op=add_rule").is_none()
    })
}

/// The ids of the process of an event.
fn ids<'f>(facts: &'f Facts<'_>) -> Option<&'f Identity> {
    let call = facts.call.or(facts.uring).map(|call| &call.ids);
    call.or(facts.user.map(|user| &user.ids))
}

/// The pids of the process of an event and of its parent.
pub(super) fn pids(facts: &Facts<'_>) -> impl Iterator<Item = u32> {
    let ids = ids(facts).map(|ids| [ids.pid, ids.ppid]);
    ids.into_iter().flatten()
}

/// The process of an event, as its records show it.
#[inline]
fn sight<'a>(
    group: &AuditMessageGroup<'_>,
    facts: &Facts<'a>,
    event: Option<&AuditEvent<'a>>,
    ids: &Identity,
) -> Sight<'a> {
    let call = facts.call.or(facts.uring);
    Sight {
        pid: ids.pid,
        ppid: ids.ppid,
        session: ids.session,
        user: User::of(ids.auid, ids.uid),
        time: group.id.time.as_millis(),
        serial: group.id.serial,
        exe: call.and_then(|call| call.exe).unwrap_or_default(),
        act: call.map_or(Act::Other, |call| act(call, facts, event)),
    }
}

fn act<'a>(call: &CallRecord<'a>, facts: &Facts<'a>, event: Option<&AuditEvent<'a>>) -> Act<'a> {
    let Some(event) = event else {
        return act_of_call(call, facts);
    };
    let Detail::Process(detail) = &event.detail else {
        return Act::Other;
    };
    let has_succeeded = call.success == Some(b"yes");
    match detail.action {
        ProcessAction::Executed if has_succeeded => Act::Executed {
            commandline: detail.commandline.unwrap_or_default(),
            script: script::of(facts, call.exe, detail).unwrap_or_default(),
            is_plain: call.ids.uid == call.ids.euid,
        },
        ProcessAction::Forked if has_succeeded => forked(call, event.syscall, event.exit),
        // A single thread may also end, with exit.
        ProcessAction::Exited if event.syscall == "exit_group" => Act::Exited,
        ProcessAction::Executed
        | ProcessAction::Forked
        | ProcessAction::Thread
        | ProcessAction::Exited => Act::Other,
    }
}

/// As [`act`], of a call that was not classified, without the texts that take long to put together.
fn act_of_call<'a>(call: &CallRecord<'a>, facts: &Facts<'a>) -> Act<'a> {
    let has_succeeded = call.success == Some(b"yes");
    match process_call(call, facts) {
        Some(ProcessCall::Executes) if has_succeeded => Act::Executed {
            commandline: b"",
            script: b"",
            is_plain: call.ids.uid == call.ids.euid,
        },
        Some(ProcessCall::Forks(name)) if has_succeeded => {
            forked(call, name, call.exit.unwrap_or_default())
        }
        Some(ProcessCall::Ends) => Act::Exited,
        _ => Act::Other,
    }
}

fn forked<'a>(call: &CallRecord<'a>, syscall: &str, exit: i64) -> Act<'a> {
    let flags = CloneFlags::of(call, syscall);
    match u32::try_from(exit) {
        Ok(child @ 1..) if !flags.is_thread() => Act::Forked {
            child,
            is_sibling: flags.is_sibling(),
        },
        _ => Act::Other,
    }
}
