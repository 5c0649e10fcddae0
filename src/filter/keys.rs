//! The keys of expressions, and their values in an event.

use crate::model::{AuditEvent, Detail, Identity, Login};

/// A value of an event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Value<'a> {
    Text(&'a [u8]),
    Number(i64),
    /// A flag that is set. One that is not set has no value.
    Flag,
}

/// How the values of a key are written in an expression.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Class {
    /// A text, in which `*` stands for any text.
    Text,
    /// A path, in which `*` does not stand for a `/`.
    Path,
    /// An address, or a network.
    Address,
    /// A number, or a range.
    Number,
    /// The number or the name of a user.
    User,
    /// The number or the name of a group.
    Group,
    /// `true`.
    Flag,
}

/// Declares the keys, each once.
macro_rules! keys {
    ($($key:ident $name:literal $class:ident;)+) => {
        /// A key of an expression.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub(super) enum Key {
            $($key,)+
        }

        impl Key {
            pub(super) const ALL: &[Key] = &[$(Key::$key,)+];

            pub(super) fn name(self) -> &'static str {
                match self {
                    $(Key::$key => $name,)+
                }
            }

            pub(super) fn class(self) -> Class {
                match self {
                    $(Key::$key => Class::$class,)+
                }
            }
        }
    };
}

keys! {
    Rule "key" Text;
    Exe "exe" Path;
    Comm "comm" Text;
    Path "path" Path;
    DestPath "dest_path" Path;
    RealPath "real_path" Path;
    Cwd "cwd" Path;
    Script "script" Path;
    ParentExe "parent.exe" Path;
    Commandline "commandline" Text;
    Cmd "cmd" Text;
    Name "name" Text;
    Syscall "syscall" Text;
    Action "action" Text;
    Type "type" Text;
    Success "success" Text;
    Error "error" Text;
    Container "container" Text;
    Unit "unit" Text;
    Addr "addr" Address;
    Port "port" Number;
    Family "family" Text;
    Acct "acct" Text;
    Op "op" Text;
    Terminal "terminal" Text;
    Hostname "hostname" Text;
    Tty "tty" Text;
    Subj "subj" Text;
    Node "node" Text;
    Arch "arch" Text;
    Auid "auid" User;
    Uid "uid" User;
    Euid "euid" User;
    Fsuid "fsuid" User;
    Suid "suid" User;
    Gid "gid" Group;
    Egid "egid" Group;
    Fsgid "fsgid" Group;
    Sgid "sgid" Group;
    Pid "pid" Number;
    Ppid "ppid" Number;
    Session "session" Number;
    Exit "exit" Number;
    Incomplete "incomplete" Flag;
    Truncated "truncated" Flag;
    Relayed "relayed" Flag;
    PathUnresolved "path_unresolved" Flag;
}

impl Key {
    pub(super) fn from_name(name: &str) -> Option<Key> {
        Key::ALL.iter().copied().find(|key| key.name() == name)
    }

    /// Calls `visit` with each value that an event has for this key.
    pub(super) fn values<'e>(self, event: &'e AuditEvent<'_>, visit: &mut impl FnMut(Value<'e>)) {
        let mut text = |text: Option<&'e [u8]>| {
            if let Some(text) = text {
                visit(Value::Text(text));
            }
        };
        let (actor, who) = (&event.actor, &event.who);
        match self {
            Key::Rule => {
                let keys = event.key.unwrap_or_default().split(|byte| *byte == b',');
                keys.filter(|key| !key.is_empty())
                    .for_each(|key| text(Some(key)));
            }
            Key::Exe => text(actor.exe),
            Key::Comm => text(actor.comm),
            Key::Cwd => text(event.cwd),
            Key::Script => text(who.script),
            Key::ParentExe => text(who.parent.as_ref().map(|parent| parent.exe)),
            Key::Name => text(Some(event.kind().name().as_bytes())),
            Key::Syscall => {
                let name = event.syscall.as_bytes();
                text((!name.is_empty()).then_some(name));
            }
            Key::Type => match event.record_type.name() {
                Some(name) => text(Some(name.as_bytes())),
                None => visit(Value::Number(event.record_type.0.into())),
            },
            Key::Success => text(event.success.map(outcome)),
            Key::Error => text(event.error.map(str::as_bytes)),
            Key::Container => text(who.container.as_ref().map(|container| container.id)),
            Key::Unit => text(who.unit),
            Key::Tty => text(actor.tty),
            Key::Subj => text(actor.subj),
            Key::Node => text(event.node),
            Key::Arch => text(event.arch),
            Key::Addr => addresses(event, &mut text),
            Key::Path
            | Key::DestPath
            | Key::RealPath
            | Key::Commandline
            | Key::Cmd
            | Key::Action
            | Key::Family
            | Key::Acct
            | Key::Op
            | Key::Terminal
            | Key::Hostname => detail_texts(self, &event.detail, &mut text),
            Key::Port
            | Key::Pid
            | Key::Ppid
            | Key::Session
            | Key::Exit
            | Key::Auid
            | Key::Uid
            | Key::Euid
            | Key::Fsuid
            | Key::Suid
            | Key::Gid
            | Key::Egid
            | Key::Fsgid
            | Key::Sgid => self.numbers(event, &mut |number| visit(Value::Number(number))),
            Key::Incomplete | Key::Truncated | Key::Relayed | Key::PathUnresolved => {
                if self.is_set(event) {
                    visit(Value::Flag);
                }
            }
        }
    }

    fn numbers(self, event: &AuditEvent<'_>, visit: &mut impl FnMut(i64)) {
        let ids = &event.actor.ids;
        let id = match self {
            Key::Exit if event.syscall.is_empty() => return,
            Key::Exit => return visit(event.exit),
            Key::Port => {
                if let Detail::Socket(socket) = &event.detail {
                    let ports = [socket.local_port, socket.remote_port];
                    ports
                        .into_iter()
                        .flatten()
                        .for_each(|port| visit(port.into()));
                }
                return;
            }
            // An unset login uid or session says that the process is a daemon's.
            Key::Auid => return visit(ids.auid.into()),
            Key::Session => return visit(ids.session.into()),
            Key::Pid => ids.pid,
            Key::Ppid => ids.ppid,
            Key::Uid => ids.uid,
            Key::Euid => ids.euid,
            Key::Fsuid => ids.fsuid,
            Key::Suid => ids.suid,
            Key::Gid => ids.gid,
            Key::Egid => ids.egid,
            Key::Fsgid => ids.fsgid,
            Key::Sgid => ids.sgid,
            _ => return,
        };
        // An id that no record has.
        if id != Identity::UNSET {
            visit(id.into());
        }
    }

    fn is_set(self, event: &AuditEvent<'_>) -> bool {
        match self {
            Key::Incomplete => event.incomplete,
            Key::Truncated => event.truncated,
            Key::Relayed => event.relayed,
            _ => match &event.detail {
                Detail::Process(detail) => detail.path_unresolved,
                Detail::File(detail) => detail.path_unresolved,
                Detail::Socket(detail) => detail.path_unresolved,
                Detail::Audit(detail) => detail.path_unresolved,
                Detail::User(_) => false,
            },
        }
    }
}

/// The outcome in one word, whether of a call or of a program.
fn outcome(success: &[u8]) -> &[u8] {
    match success {
        b"success" => b"yes",
        b"failed" => b"no",
        other => other,
    }
}

/// The addresses of an event: of a message, of a socket, and of the login.
fn addresses<'e>(event: &'e AuditEvent<'_>, text: &mut impl FnMut(Option<&'e [u8]>)) {
    match &event.detail {
        Detail::User(detail) => text(detail.addr),
        Detail::Socket(detail) => {
            text(detail.local_address);
            text(detail.remote_address);
        }
        Detail::Process(_) | Detail::File(_) | Detail::Audit(_) => {}
    }
    if let Some(Login { addr, .. }) = &event.who.login {
        text(*addr);
    }
}

fn detail_texts<'e>(key: Key, detail: &'e Detail<'_>, text: &mut impl FnMut(Option<&'e [u8]>)) {
    match (key, detail) {
        (Key::Path, Detail::Process(detail)) => text(detail.path),
        (Key::Path, Detail::File(detail)) => text(detail.path),
        (Key::Path, Detail::Socket(detail)) => text(detail.path),
        (Key::Path, Detail::Audit(detail)) => text(detail.path),
        (Key::RealPath, Detail::Process(detail)) => text(detail.real_path),
        (Key::RealPath, Detail::File(detail)) => text(detail.real_path),
        (Key::RealPath, Detail::Socket(detail)) => text(detail.real_path),
        (Key::RealPath, Detail::Audit(detail)) => text(detail.real_path),
        (Key::DestPath, Detail::File(detail)) => text(detail.dest_path),
        (Key::Commandline, Detail::Process(detail)) => text(detail.commandline),
        (Key::Commandline, Detail::File(detail)) => text(detail.commandline),
        (Key::Commandline, Detail::Socket(detail)) => text(detail.commandline),
        (Key::Commandline, Detail::Audit(detail)) => text(detail.commandline),
        (Key::Action, Detail::Process(detail)) => text(Some(detail.action.name().as_bytes())),
        (Key::Action, Detail::File(detail)) => text(Some(detail.action.name().as_bytes())),
        (Key::Action, Detail::Socket(detail)) => text(Some(detail.action.name().as_bytes())),
        (Key::Action, Detail::Audit(detail)) => text(detail.action),
        (Key::Family, Detail::Socket(detail)) => text(detail.family),
        (Key::Cmd, Detail::User(detail)) => text(detail.cmd),
        (Key::Acct, Detail::User(detail)) => text(detail.acct),
        (Key::Op, Detail::User(detail)) => text(detail.op),
        (Key::Terminal, Detail::User(detail)) => text(detail.terminal),
        (Key::Hostname, Detail::User(detail)) => text(detail.hostname),
        _ => {}
    }
}
