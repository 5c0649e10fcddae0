//! Which class of the Open Cybersecurity Schema Framework an event has, and which activity of it.

use crate::{
    encode::values::last_part,
    model::{
        Action, AuditEvent, Detail, Identity, ProcessAction, RecordType, SocketAction,
        SocketDetail, SocketStatus, UserDetail, record_type::*,
    },
};

/// A class of the schema and one of its activities.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Activity {
    pub(super) class: Class,
    /// The number of the activity in its class, `activity_id`.
    pub(super) id: u32,
}

/// The classes that events have, with their numbers in OCSF 1.8 (`class_uid`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Class {
    Base = 0,
    FileSystem = 1001,
    KernelExtension = 1002,
    Process = 1007,
    AccountChange = 3001,
    Authentication = 3002,
    GroupManagement = 3006,
    Network = 4001,
    ApplicationLifecycle = 6002,
}

/// The activity that a class has no number for.
pub(super) const OTHER: u32 = 99;

impl Class {
    /// `class_uid`.
    pub(super) fn uid(self) -> u32 {
        self as u32
    }

    /// `category_uid`, the thousands of the class.
    pub(super) fn category(self) -> u32 {
        self.uid() / 1000
    }

    /// Whether events of the class have the address that a user came from, `src_endpoint`.
    pub(super) fn has_source(self) -> bool {
        matches!(
            self,
            Class::Authentication | Class::AccountChange | Class::GroupManagement
        )
    }

    /// Whether the schema requires the actor in events of the class.
    fn needs_actor(self) -> bool {
        matches!(
            self,
            Class::FileSystem | Class::KernelExtension | Class::Process | Class::Network
        )
    }
}

/// The class and the activity of an event. An event that lacks a member that its class requires is
/// a base event.
pub(super) fn activity(event: &AuditEvent) -> Activity {
    let activity = match &event.detail {
        Detail::Process(detail) => Class::Process.with(process(detail.action)),
        Detail::File(detail) => Class::FileSystem.with(file(detail.action)),
        Detail::User(detail) => user(event.record_type, detail),
        Detail::Socket(detail) => Class::Network.with(network(detail)),
        Detail::Audit(_) => audit(event.syscall),
    };
    let lacks_actor = event.actor.ids.pid == Identity::UNSET;
    let lacks_member = match activity.class {
        class if class.needs_actor() && lacks_actor => true,
        Class::Network => !has_endpoint(event),
        Class::KernelExtension => module(event).is_none(),
        Class::Authentication => subject(event).is_none() || service(event).is_none(),
        Class::AccountChange => subject(event).is_none(),
        Class::GroupManagement => group(event).is_none(),
        Class::ApplicationLifecycle => application(event).is_none(),
        _ => false,
    };
    match lacks_member {
        true => Class::Base.with(OTHER),
        false => activity,
    }
}

impl Class {
    fn with(self, id: u32) -> Activity {
        Activity { class: self, id }
    }
}

fn process(action: ProcessAction) -> u32 {
    match action {
        ProcessAction::Executed | ProcessAction::Forked => 1,
        ProcessAction::Exited => 2,
        ProcessAction::Thread => OTHER,
    }
}

fn file(action: Action) -> u32 {
    match action {
        Action::Created | Action::Linked | Action::Symlinked => 1,
        Action::Read => 2,
        Action::Modified => 3,
        Action::Deleted => 4,
        Action::Renamed => 5,
        Action::Attributes => 6,
        Action::Mounted => 12,
        Action::Unmounted => 13,
        Action::Opened => 14,
        Action::Mapped | Action::Closed | Action::Duplicated => OTHER,
    }
}

fn network(detail: &SocketDetail) -> u32 {
    match (detail.action, detail.status) {
        (SocketAction::Connect | SocketAction::Accept, Some(SocketStatus::Failed)) => 4,
        (SocketAction::Connect | SocketAction::Accept, _) => 1,
        (SocketAction::Send | SocketAction::Receive, _) => 6,
        (SocketAction::Listen, _) => 7,
        (SocketAction::Bind, _) => OTHER,
    }
}

fn audit(syscall: &str) -> Activity {
    match syscall {
        "init_module" | "finit_module" | "create_module" => Class::KernelExtension.with(1),
        "delete_module" => Class::KernelExtension.with(2),
        _ => Class::Base.with(OTHER),
    }
}

/// Whether an address or a name of either end of a connection is known.
fn has_endpoint(event: &AuditEvent) -> bool {
    match &event.detail {
        Detail::Socket(detail) => {
            let addresses = [detail.local_address, detail.remote_address];
            addresses
                .into_iter()
                .flatten()
                .next()
                .or(detail.socket)
                .is_some()
        }
        _ => false,
    }
}

/// The kernel module that a call loaded or removed (KERN_MODULE).
pub(super) fn module<'a>(event: &AuditEvent<'a>) -> Option<&'a [u8]> {
    let mut records = event.records.iter();
    let record = records.find(|record| record.record_type == AUDIT_KERN_MODULE)?;
    let name = record.fields().find(|(key, _)| *key == b"name")?;
    Some(name.1)
}

fn user(record_type: RecordType, detail: &UserDetail) -> Activity {
    match record_type {
        AUDIT_USER_LOGIN | AUDIT_CRYPTO_LOGIN => Class::Authentication.with(1),
        AUDIT_USER_LOGOUT | AUDIT_CRYPTO_LOGOUT => Class::Authentication.with(2),
        AUDIT_LOGIN | AUDIT_USER_AUTH | AUDIT_USER_ACCT | AUDIT_USER_ERR | AUDIT_USER_START
        | AUDIT_USER_END | AUDIT_GRP_AUTH | AUDIT_CRED_ACQ | AUDIT_CRED_DISP | AUDIT_CRED_REFR => {
            Class::Authentication.with(OTHER)
        }
        AUDIT_ADD_USER => Class::AccountChange.with(1),
        AUDIT_DEL_USER => Class::AccountChange.with(6),
        AUDIT_USER_CHAUTHTOK => Class::AccountChange.with(3),
        AUDIT_ACCT_LOCK => Class::AccountChange.with(9),
        AUDIT_ACCT_UNLOCK => Class::AccountChange.with(12),
        AUDIT_USER_MGMT
        | AUDIT_CHUSER_ID
        | AUDIT_USER_ROLE_CHANGE
        | AUDIT_ROLE_ASSIGN
        | AUDIT_ROLE_REMOVE => Class::AccountChange.with(OTHER),
        AUDIT_ADD_GROUP => Class::GroupManagement.with(6),
        AUDIT_DEL_GROUP => Class::GroupManagement.with(5),
        AUDIT_GRP_MGMT | AUDIT_GRP_CHAUTHTOK | AUDIT_CHGRP_ID => Class::GroupManagement.with(OTHER),
        AUDIT_USER_CMD => Class::Process.with(1),
        AUDIT_SERVICE_START => Class::ApplicationLifecycle.with(3),
        AUDIT_SERVICE_STOP => Class::ApplicationLifecycle.with(4),
        AUDIT_SOFTWARE_UPDATE => Class::ApplicationLifecycle.with(software(detail)),
        _ => Class::Base.with(OTHER),
    }
}

/// The activity of a package manager, by its `op` (rpm's audit plugin, `rpm-plugin-audit`).
fn software(detail: &UserDetail) -> u32 {
    match detail.op {
        Some(b"install") => 1,
        Some(b"remove") => 2,
        Some(b"update") => 8,
        _ => OTHER,
    }
}

/// The account that a program's message is about: its name, or its id.
pub(super) fn subject<'a>(event: &AuditEvent<'a>) -> Option<&'a [u8]> {
    let Detail::User(detail) = &event.detail else {
        return None;
    };
    detail.acct.or_else(|| field(detail, b"id"))
}

/// The program that authenticates.
pub(super) fn service<'a>(event: &AuditEvent<'a>) -> Option<&'a [u8]> {
    let actor = &event.actor;
    let exe = actor.exe.map(last_part);
    exe.filter(|name| !name.is_empty()).or(actor.comm)
}

/// The group that a program's message is about.
pub(super) fn group<'a>(event: &AuditEvent<'a>) -> Option<&'a [u8]> {
    let Detail::User(detail) = &event.detail else {
        return None;
    };
    field(detail, b"grp").or(detail.acct)
}

/// The unit or package that was started, stopped, installed or removed.
pub(super) fn application<'a>(event: &AuditEvent<'a>) -> Option<&'a [u8]> {
    let Detail::User(detail) = &event.detail else {
        return None;
    };
    field(detail, b"unit").or_else(|| field(detail, b"sw"))
}

fn field<'a>(detail: &UserDetail<'a>, key: &[u8]) -> Option<&'a [u8]> {
    let pair = detail.fields.iter().find(|(name, _)| *name == key);
    pair.map(|(_, text)| *text)
}
