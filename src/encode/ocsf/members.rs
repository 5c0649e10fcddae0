//! The members of a line that depend on its class.

use super::{
    Nested,
    class::{self, Class},
    objects,
};
use crate::{
    encode::values::{is_ip, set},
    model::{
        Action, AuditEvent, Detail, FileDetail, Identity, ProcessAction, ProcessDetail,
        SocketAction, SocketDetail, UserDetail,
    },
};

/// The members that only some classes have.
pub(super) fn write(event: &AuditEvent, class: Class, line: &mut Nested) {
    match (&event.detail, class) {
        (Detail::Process(detail), Class::Process) => process(event, detail, line),
        (Detail::User(detail), Class::Process) => command(event, detail, line),
        (Detail::File(detail), Class::FileSystem) => {
            actor(event, line);
            files(detail, line);
        }
        (Detail::User(detail), _) => user(event, detail, class, line),
        (Detail::Socket(detail), Class::Network) => {
            actor(event, line);
            network(detail, line);
        }
        (Detail::Audit(_), Class::KernelExtension) => {
            actor(event, line);
            driver(event, line);
        }
        // Base events.
        _ if event.actor.ids.pid != Identity::UNSET => actor(event, line),
        _ => {}
    }
}

/// The actor of a call: its process, and the user that the process runs for.
fn actor(event: &AuditEvent, line: &mut Nested) {
    line.object("actor", |actor| {
        actor.object("process", |process| caller(event, process));
        actor.object("user", |user| user_of(event, user));
        actor.object("session", |session| objects::session(event, session));
    });
}

fn user_of(event: &AuditEvent, object: &mut Nested) {
    objects::named(event.actor.ids.uid, "uid", &event.who, object);
}

/// The process that made a call, with its program.
fn caller(event: &AuditEvent, object: &mut Nested) {
    objects::process(event, object);
    if let Some(exe) = event.actor.exe {
        object.object("file", |file| objects::program(exe, file));
    }
}

/// The launch or the end of a process. That of a program is the work of the parent, which
/// requested it before it became the program.
fn process(event: &AuditEvent, detail: &ProcessDetail, line: &mut Nested) {
    let ids = &event.actor.ids;
    line.object("actor", |actor| {
        actor.object("process", |process| match detail.action {
            ProcessAction::Executed if ids.ppid != Identity::UNSET => {
                objects::parent(event, process);
            }
            _ => caller(event, process),
        });
        actor.object("user", |user| user_of(event, user));
        actor.object("session", |session| objects::session(event, session));
    });
    line.object("process", |process| match detail.action {
        ProcessAction::Forked => child(event, process),
        ProcessAction::Thread | ProcessAction::Exited => caller(event, process),
        ProcessAction::Executed => {
            caller(event, process);
            process.text("cmd_line", detail.argv.and(detail.commandline));
        }
    });
    if detail.action == ProcessAction::Exited {
        line.number("exit_code", Some(event.exit));
    }
}

/// The new process of a fork, or of one that failed, its parent.
fn child(event: &AuditEvent, object: &mut Nested) {
    let pid = u32::try_from(event.exit).ok().filter(|pid| *pid > 0);
    let Some(pid) = pid else {
        return caller(event, object);
    };
    object.number("pid", Some(pid));
    object.text("name", event.actor.comm);
    if let Some(exe) = event.actor.exe {
        object.object("file", |file| objects::program(exe, file));
    }
    object.object("parent_process", |parent| {
        parent.number("pid", set(event.actor.ids.pid));
    });
}

/// The command of USER_CMD, which sudo is about to run.
fn command(event: &AuditEvent, detail: &UserDetail, line: &mut Nested) {
    actor(event, line);
    line.object("process", |process| {
        process.number("pid", set(event.actor.ids.pid));
        process.text("cmd_line", detail.cmd);
        process.text("working_directory", event.cwd);
    });
}

fn files(detail: &FileDetail, line: &mut Nested) {
    match detail.dest_path {
        // The inode belongs to the second name.
        Some(dest_path) if detail.action == Action::Renamed => {
            line.object("file", |file| objects::file(detail.path, None, file));
            line.object("file_result", |file| {
                objects::file(Some(dest_path), Some(&detail.attributes), file);
            });
        }
        dest_path => line.object("file", |file| {
            objects::file(dest_path.or(detail.path), Some(&detail.attributes), file);
        }),
    }
}

/// The members of a program's message.
fn user(event: &AuditEvent, detail: &UserDetail, class: Class, line: &mut Nested) {
    if event.actor.ids.pid != Identity::UNSET {
        actor(event, line);
    }
    if class.has_source() {
        line.object("src_endpoint", |object| source(detail, object));
    }
    match class {
        Class::Authentication => {
            line.object("user", |user| account(event, user));
            let service = class::service(event);
            line.object("service", |object| object.text("name", service));
            line.flag("is_remote", detail.addr.is_some_and(is_ip));
            line.object("session", |object| {
                object.id("uid", set(event.actor.ids.session));
                object.text("terminal", detail.terminal);
            });
        }
        Class::AccountChange => line.object("user", |user| account(event, user)),
        Class::GroupManagement => line.object("group", |group| {
            group.text("name", class::group(event));
        }),
        Class::ApplicationLifecycle => line.object("app", |app| {
            app.text("name", class::application(event));
        }),
        _ => line.text("message", detail.msg),
    }
}

/// The account that a message is about. Without a name, its id.
fn account(event: &AuditEvent, object: &mut Nested) {
    let subject = class::subject(event);
    let is_id = |text: &&[u8]| text.iter().all(u8::is_ascii_digit);
    object.text("uid", subject.filter(is_id));
    object.text("name", subject.filter(|text| !is_id(text)));
}

fn source(detail: &UserDetail, object: &mut Nested) {
    object.text("ip", detail.addr.filter(|text| is_ip(text)));
    object.text("hostname", detail.hostname.filter(|text| !is_ip(text)));
}

/// The two ends of a connection, and its direction. The end of this host is the source if it
/// connects or sends.
fn network(detail: &SocketDetail, line: &mut Nested) {
    const INBOUND: u32 = 1;
    const OUTBOUND: u32 = 2;
    let local = End {
        address: detail.local_address,
        port: detail.local_port,
        name: None,
    };
    let remote = End {
        address: detail.remote_address,
        port: detail.remote_port,
        name: detail.socket,
    };
    let (source, destination, direction) = match detail.action {
        SocketAction::Connect | SocketAction::Send => (local, remote, OUTBOUND),
        SocketAction::Accept | SocketAction::Receive => (remote, local, INBOUND),
        SocketAction::Bind | SocketAction::Listen => {
            let name = detail.socket;
            (End::default(), End { name, ..local }, INBOUND)
        }
    };
    line.object("src_endpoint", |end| endpoint(&source, end));
    line.object("dst_endpoint", |end| endpoint(&destination, end));
    line.object("connection_info", |info| {
        info.number("direction_id", Some(direction));
        info.number(
            "protocol_ver_id",
            match detail.family {
                Some(b"inet") => Some(4_u32),
                Some(b"inet6") => Some(6),
                _ => None,
            },
        );
    });
}

/// One end of a connection.
#[derive(Default)]
struct End<'a> {
    address: Option<&'a [u8]>,
    port: Option<u32>,
    /// The name of a Unix socket.
    name: Option<&'a [u8]>,
}

fn endpoint(end: &End, object: &mut Nested) {
    let is_ip = |text: &&[u8]| is_ip(text);
    object.text("ip", end.address.filter(is_ip));
    let name = end.address.filter(|text| !is_ip(text)).or(end.name);
    object.text("name", name);
    let port = end.port.filter(|port| objects::is_port(*port));
    object.number("port", port);
}

/// The module that a call loaded into the kernel or removed from it.
fn driver(event: &AuditEvent, line: &mut Nested) {
    line.object("driver", |driver| {
        driver.object("file", |file| {
            file.text("name", class::module(event));
            file.number("type_id", Some(0_u32));
        });
    });
}
