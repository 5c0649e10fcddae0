//! The origin of each session: the account, the address and the terminal of its login.
//!
//! A login is told by several records. The program that lets the user in, such as sshd, first sends
//! USER_AUTH, USER_ACCT and CRED_ACQ through PAM, with the account, the address and the terminal.
//! Then it sets its login uid, for which the kernel numbers a session and writes LOGIN, with the
//! uid but without a name. USER_START, and USER_LOGIN with the terminal that was allocated, come
//! after that, in the session. All of them have the pid of the same process: it *opened* the
//! session (pam_loginuid(8), pam_open_session(3), and `monitor.c` and `audit-linux.c` of OpenSSH).
//!
//! su and sudo authenticate and open PAM sessions in the same words, but inside the session that
//! they are called in. They did not open it, so they do not change whose it is.
//!
//! The kernel never gives a number twice before the next boot (kernel/audit.c,
//! `audit_set_loginuid`).

use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::{
    enrich::OpenSession,
    model::{
        AuditMessageGroup, Identity, Login, RecordType, Timestamp,
        record_type::{
            AUDIT_CRED_ACQ, AUDIT_CRED_DISP, AUDIT_CRED_REFR, AUDIT_LOGIN, AUDIT_USER_ACCT,
            AUDIT_USER_AUTH, AUDIT_USER_END, AUDIT_USER_LOGIN, AUDIT_USER_START,
        },
    },
    parse::{Facts, UserRecord},
    resolve::is_later,
};

/// The types of records that logins are learned from.
pub const LOGIN_RECORDS: &[RecordType] = &[
    AUDIT_LOGIN,
    AUDIT_USER_AUTH,
    AUDIT_USER_ACCT,
    AUDIT_CRED_ACQ,
    AUDIT_CRED_REFR,
    AUDIT_CRED_DISP,
    AUDIT_USER_START,
    AUDIT_USER_LOGIN,
    AUDIT_USER_END,
];

/// Sessions that are remembered of one host.
const MAX_SESSIONS: usize = 2048;
/// Logins that have begun but have no session yet.
const MAX_BEGUN: usize = 512;
/// A longer text is no account, address or terminal.
const MAX_TEXT_BYTES: usize = 256;
/// A login that has not led to a session by then never will: its pid may be that of another
/// process.
const MAX_BEGUN_MILLIS: u64 = 10 * 60 * 1000;

/// The sessions of one host.
#[derive(Debug, Default)]
pub(crate) struct Logins {
    sessions: HashMap<u32, Session>,
    /// By the pid of the process that lets the user in.
    begun: HashMap<u32, Begun>,
    /// The session that the last event closed. That event still belongs to it.
    closed: Option<u32>,
    /// Grows with each use of a session.
    uses: u64,
}

/// A text, which may be missing. Most are short and need no memory of their own, so that a login
/// allocates nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Kept(SmallVec<[u8; 24]>);

/// The texts of a login.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Texts {
    acct: Kept,
    addr: Kept,
    terminal: Kept,
}

#[derive(Debug)]
struct Session {
    texts: Texts,
    /// The terminal that the process had when it set its login uid (LOGIN `tty`), if it is in no
    /// other record.
    tty: Kept,
    since: Timestamp,
    /// The process that opened it.
    opener: u32,
    /// Its executable.
    exe: Kept,
    /// When it was used last.
    used: u64,
}

/// A login without a session yet.
#[derive(Debug)]
struct Begun {
    texts: Texts,
    exe: Kept,
    /// The session that the process was in.
    session: u32,
    time: Timestamp,
}

impl Logins {
    /// Learns from an event.
    pub(crate) fn observe(&mut self, group: &AuditMessageGroup<'_>, facts: &Facts<'_>) {
        self.forget_closed();
        if let Some(record) = facts.user {
            self.learn(group.id.time, record);
        }
    }

    fn forget_closed(&mut self) {
        if let Some(session) = self.closed.take() {
            self.sessions.remove(&session);
        }
    }

    /// Learns from a record.
    fn learn(&mut self, time: Timestamp, record: &UserRecord<'_>) {
        let has_failed = matches!(record.res, Some(b"0" | b"no" | b"failed" | b"failure"));
        match record.record_type {
            AUDIT_USER_END => self.ended(record),
            AUDIT_CRED_DISP => drop(self.begun.remove(&record.ids.pid)),
            _ if has_failed => {}
            AUDIT_LOGIN => self.numbered(time, record),
            AUDIT_USER_START => self.opened(time, record),
            AUDIT_USER_LOGIN => self.logged_in(time, record),
            AUDIT_USER_AUTH | AUDIT_USER_ACCT | AUDIT_CRED_ACQ | AUDIT_CRED_REFR => {
                self.begin(time, record);
            }
            _ => {}
        }
    }

    /// Takes in a session that was open before the first record.
    pub(crate) fn prime(&mut self, open: OpenSession) {
        let begun = Begun {
            texts: Texts {
                acct: Kept::new(open.acct.as_deref()),
                addr: Kept::new(open.addr.as_deref()),
                terminal: Kept::new(open.terminal.as_deref()),
            },
            exe: Kept::default(),
            session: open.session,
            time: open.since,
        };
        self.insert(open.session, open.since, open.leader, Some(begun));
    }

    /// Marks a session as used, so that it is not forgotten first.
    #[inline]
    pub(crate) fn touch(&mut self, session: u32) {
        if session != Identity::UNSET
            && let Some(known) = self.sessions.get_mut(&session)
        {
            self.uses += 1;
            known.used = self.uses;
        }
    }

    /// The login of an event that was in this session at this time.
    #[inline]
    pub(crate) fn of(&self, session: u32, time: Timestamp) -> Option<Login<'_>> {
        if session == Identity::UNSET {
            return None;
        }
        let known = self.sessions.get(&session)?;
        // Logs need not be in order.
        if is_later(known.since, time) {
            return None;
        }
        Some(Login {
            acct: known.texts.acct.get(),
            addr: known.texts.addr.get(),
            terminal: known.texts.terminal.get().or(known.tty.get()),
            since: Some(known.since),
        })
    }

    /// How much memory it takes, in bytes, about.
    pub(crate) fn size(&self) -> usize {
        self.sessions.capacity() * size_of::<(u32, Session)>()
            + self.begun.capacity() * size_of::<(u32, Begun)>()
    }

    /// A process authenticates a user. If it is in a session that it opened, that is a part of the
    /// login too.
    fn begin(&mut self, time: Timestamp, record: &UserRecord<'_>) {
        let pid = record.ids.pid;
        if self.fill(record) {
            return;
        }
        let texts = Texts::of(record);
        if let Some(known) = self.begun.get_mut(&pid)
            && known.session == record.ids.session
            && (known.texts.acct == texts.acct || texts.acct.get().is_none())
        {
            known.texts.fill(texts);
            known.time = time;
            return;
        }
        if self.begun.len() >= MAX_BEGUN {
            let oldest = self.begun.iter().min_by_key(|(_, begun)| begun.time);
            if let Some(pid) = oldest.map(|(pid, _)| *pid) {
                self.begun.remove(&pid);
            }
        }
        let begun = Begun {
            texts,
            exe: Kept::new(record.exe),
            session: record.ids.session,
            time,
        };
        self.begun.insert(pid, begun);
    }

    /// The kernel has numbered a session (LOGIN).
    fn numbered(&mut self, time: Timestamp, record: &UserRecord<'_>) {
        let (session, pid) = (record.ids.session, record.ids.pid);
        if session == Identity::UNSET {
            return;
        }
        // The record is not always the first of its session: it may have to wait for the rest of
        // its event.
        let is_known = |known: &&mut Session| known.opener == pid && !is_later(time, known.since);
        if let Some(known) = self.sessions.get_mut(&session).filter(is_known) {
            known.since = known.since.min(time);
            known.tty = Kept::new(record.tty);
            return;
        }
        let begun = self.begun.remove(&pid);
        let is_fresh = |begun: &Begun| age(begun.time, time) <= MAX_BEGUN_MILLIS;
        self.insert(session, time, pid, begun.filter(is_fresh));
        if let Some(known) = self.sessions.get_mut(&session) {
            known.tty = Kept::new(record.tty);
        }
    }

    /// A PAM session was opened (USER_START). Its process opened the audit session too if it had
    /// begun the login outside it.
    fn opened(&mut self, time: Timestamp, record: &UserRecord<'_>) {
        let (session, pid) = (record.ids.session, record.ids.pid);
        if session == Identity::UNSET || self.fill(record) || self.sessions.contains_key(&session) {
            return;
        }
        let was_outside = |begun: &&Begun| begun.session != session;
        if self.begun.get(&pid).filter(was_outside).is_some() {
            let begun = self.begun.remove(&pid);
            self.insert(session, time, pid, begun);
            self.fill(record);
        }
    }

    /// A user has logged in (USER_LOGIN).
    fn logged_in(&mut self, time: Timestamp, record: &UserRecord<'_>) {
        let session = record.ids.session;
        if session == Identity::UNSET {
            return;
        }
        if !self.sessions.contains_key(&session) {
            let begun = self.begun.remove(&record.ids.pid);
            self.insert(session, time, record.ids.pid, begun);
        }
        let Some(known) = self.sessions.get_mut(&session) else {
            return;
        };
        let is_of_opener =
            known.opener == record.ids.pid || record.exe.is_some() && known.exe.get() == record.exe;
        if is_of_opener {
            // sshd calls its terminal `ssh` until there is one. A connection may have several.
            let is_device = |text: &[u8]| text.contains(&b'/');
            if record.terminal.is_some_and(is_device)
                && !known.texts.terminal.get().is_some_and(is_device)
            {
                known.texts.terminal = Kept::new(record.terminal);
            }
            known.texts.fill(Texts::of(record));
        }
    }

    /// A PAM session was closed (USER_END), by the process that opened the session, or by a child
    /// that systemd leaves behind for that. sshd sends one more for a terminal (`op=login`).
    fn ended(&mut self, record: &UserRecord<'_>) {
        let session = record.ids.session;
        let Some(known) = self.sessions.get(&session) else {
            return;
        };
        let is_same_program = known.exe.get().is_some()
            && known.exe.get() == record.exe
            && known.texts.acct.get() == record.acct;
        let is_of_opener = known.opener == record.ids.pid || is_same_program;
        if is_of_opener && record.op != Some(b"login") {
            self.closed = Some(session);
        }
    }

    /// Fills in the texts of a session that the process of the record opened. Returns whether it
    /// did open it.
    fn fill(&mut self, record: &UserRecord<'_>) -> bool {
        match self.sessions.get_mut(&record.ids.session) {
            Some(known) if known.opener == record.ids.pid => {
                known.texts.fill(Texts::of(record));
                known.exe.fill(Kept::new(record.exe));
                true
            }
            _ => false,
        }
    }

    fn insert(&mut self, session: u32, since: Timestamp, opener: u32, begun: Option<Begun>) {
        if self.sessions.len() >= MAX_SESSIONS {
            let oldest = self.sessions.iter().min_by_key(|(_, known)| known.used);
            if let Some(session) = oldest.map(|(session, _)| *session) {
                self.sessions.remove(&session);
            }
        }
        let (texts, exe) = begun
            .map(|begun| (begun.texts, begun.exe))
            .unwrap_or_default();
        self.uses += 1;
        let known = Session {
            texts,
            tty: Kept::default(),
            since,
            opener,
            exe,
            used: self.uses,
        };
        self.sessions.insert(session, known);
    }
}

impl Texts {
    fn of(record: &UserRecord<'_>) -> Texts {
        Texts {
            acct: Kept::new(record.acct),
            addr: Kept::new(record.addr),
            terminal: Kept::new(record.terminal),
        }
    }

    /// Takes each text that is not known yet.
    fn fill(&mut self, other: Texts) {
        self.acct.fill(other.acct);
        self.addr.fill(other.addr);
        self.terminal.fill(other.terminal);
    }
}

impl Kept {
    fn new(text: Option<&[u8]>) -> Kept {
        let is_kept = |text: &&[u8]| text.len() <= MAX_TEXT_BYTES;
        let text = text.filter(is_kept).unwrap_or_default();
        Kept(SmallVec::from_slice(text))
    }

    fn get(&self) -> Option<&[u8]> {
        Some(&self.0[..]).filter(|text| !text.is_empty())
    }

    /// Takes another text if there is none.
    fn fill(&mut self, other: Kept) {
        if self.0.is_empty() {
            *self = other;
        }
    }
}

fn age(time: Timestamp, now: Timestamp) -> u64 {
    now.as_millis().saturating_sub(time.as_millis())
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::*;

    const NONE: u32 = Identity::UNSET;

    /// Feeds records, one a line: `SECOND TYPE PID SESSION MESSAGE`, where `-` is no session.
    fn feed(logins: &mut Logins, text: &str) {
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut words = line.splitn(5, ' ');
            let mut word = || words.next().unwrap_or_default();
            let time = at(word().parse().unwrap());
            let record_type = RecordType::parse(word().as_bytes()).unwrap();
            let (pid, session) = (word(), word().replace('-', "4294967295"));
            let msg = word();
            let ids = format!("pid={pid} uid=0 auid=1000 ses={session}");
            let body = match record_type {
                AUDIT_LOGIN => format!("pid={pid} uid=0 old-auid=4294967295 auid=1000 {msg}"),
                _ => format!("{ids} msg='{msg}'"),
            };
            let arena = Bump::new();
            let body = arena.alloc_str(&body);
            logins.forget_closed();
            logins.learn(
                time,
                UserRecord::parse(record_type, body.as_bytes(), &arena),
            );
        }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp { seconds, millis: 0 }
    }

    /// `ACCT ADDR TERMINAL SINCE` of a session, each `-` if it is not known.
    fn origin(logins: &Logins, session: u32) -> String {
        let Some(login) = logins.of(session, at(1_000_000)) else {
            return "none".to_owned();
        };
        let text = |text: Option<&[u8]>| match text {
            Some(text) => String::from_utf8(text.to_vec()).unwrap(),
            None => "-".to_owned(),
        };
        let texts = [login.acct, login.addr, login.terminal].map(text);
        format!("{} {}", texts.join(" "), login.since.unwrap().seconds)
    }

    /// sshd with a password and a terminal.
    const SSH: &str = r#"
        10 USER_AUTH 50 - op=PAM:authentication acct="alice" exe="/usr/sbin/sshd" hostname=c addr=10.0.0.9 terminal=ssh res=success
        10 USER_ACCT 50 - op=PAM:accounting acct="alice" exe="/usr/sbin/sshd" hostname=c addr=10.0.0.9 terminal=ssh res=success
        10 CRED_ACQ 50 - op=PAM:setcred acct="alice" exe="/usr/sbin/sshd" hostname=c addr=10.0.0.9 terminal=ssh res=success
        11 LOGIN 50 - tty=(none) old-ses=4294967295 ses=3 res=1
        11 USER_START 50 3 op=PAM:session_open acct="alice" exe="/usr/sbin/sshd" hostname=c addr=10.0.0.9 terminal=ssh res=success
        11 CRED_ACQ 52 3 op=PAM:setcred acct="alice" exe="/usr/sbin/sshd" hostname=c addr=10.0.0.9 terminal=ssh res=success
        12 USER_LOGIN 50 3 op=login id=1000 exe="/usr/sbin/sshd" hostname=c addr=10.0.0.9 terminal=/dev/pts/0 res=success
        12 USER_START 50 3 op=login id=1000 exe="/usr/sbin/sshd" hostname=c addr=10.0.0.9 terminal=/dev/pts/0 res=success
    "#;

    #[test]
    fn a_session_has_the_account_address_and_terminal_of_its_login() {
        let mut logins = Logins::default();
        feed(&mut logins, SSH);
        assert_eq!(origin(&logins, 3), "alice 10.0.0.9 /dev/pts/0 11");
        assert_eq!(origin(&logins, 4), "none");
        assert_eq!(origin(&logins, NONE), "none");
        assert!(logins.of(3, at(0)).is_none(), "an event before the login");
    }

    #[test]
    fn each_record_is_enough_where_others_are_missing() {
        let lines: Vec<&str> = SSH.lines().filter(|line| line.contains("3 ")).collect();
        let login = lines
            .iter()
            .find(|line| line.contains("LOGIN 50 -"))
            .unwrap();
        let start = lines
            .iter()
            .find(|line| line.contains("USER_START 50 3 op=PAM"))
            .unwrap();
        for before in ["USER_AUTH", "USER_ACCT", "CRED_ACQ 50"] {
            let begin = SSH.lines().find(|line| line.contains(before)).unwrap();
            for second in [login, start] {
                let mut logins = Logins::default();
                feed(&mut logins, &[begin, *second].join("\n"));
                assert_eq!(origin(&logins, 3), "alice 10.0.0.9 ssh 11", "{before}");
            }
        }
        let mut logins = Logins::default();
        feed(&mut logins, &[*login, *start].join("\n"));
        assert_eq!(origin(&logins, 3), "alice 10.0.0.9 ssh 11");
        let mut logins = Logins::default();
        feed(&mut logins, login);
        assert_eq!(origin(&logins, 3), "- - - 11");
    }

    #[test]
    fn a_login_record_that_comes_after_its_session_changes_nothing() {
        let mut lines: Vec<&str> = SSH.lines().collect();
        let login = lines
            .iter()
            .position(|line| line.contains("LOGIN 50 -"))
            .unwrap();
        let login = lines.remove(login);
        lines.push(login);
        let mut logins = Logins::default();
        feed(&mut logins, &lines.join("\n"));
        assert_eq!(origin(&logins, 3), "alice 10.0.0.9 /dev/pts/0 11");
    }

    #[test]
    fn su_and_sudo_leave_the_origin_of_their_session() {
        let inside = r#"
            20 USER_AUTH 60 3 op=PAM:authentication acct="alice" exe="/usr/bin/sudo" hostname=? addr=? terminal=/dev/pts/0 res=success
            20 USER_CMD 60 3 cwd="/" cmd=6964 terminal=pts/0 res=success
            20 CRED_REFR 60 3 op=PAM:setcred acct="root" exe="/usr/bin/sudo" hostname=? addr=? terminal=/dev/pts/0 res=success
            20 USER_START 60 3 op=PAM:session_open acct="root" exe="/usr/bin/sudo" hostname=? addr=? terminal=/dev/pts/0 res=success
            21 USER_END 60 3 op=PAM:session_close acct="root" exe="/usr/bin/sudo" hostname=? addr=? terminal=/dev/pts/0 res=success
            21 CRED_DISP 60 3 op=PAM:setcred acct="root" exe="/usr/bin/sudo" hostname=? addr=? terminal=/dev/pts/0 res=success
            22 USER_AUTH 61 3 op=PAM:authentication acct="bob" exe="/usr/bin/su" hostname=? addr=? terminal=/dev/pts/0 res=success
            22 USER_START 61 3 op=PAM:session_open acct="bob" exe="/usr/bin/su" hostname=? addr=? terminal=/dev/pts/0 res=success
            23 USER_END 61 3 op=PAM:session_close acct="bob" exe="/usr/bin/su" hostname=? addr=? terminal=/dev/pts/0 res=success
        "#;
        let mut logins = Logins::default();
        feed(&mut logins, SSH);
        feed(&mut logins, inside);
        assert_eq!(origin(&logins, 3), "alice 10.0.0.9 /dev/pts/0 11");
        // Of a session whose login was not seen, they tell nothing.
        let mut logins = Logins::default();
        feed(&mut logins, inside);
        assert_eq!(origin(&logins, 3), "none");
    }

    #[test]
    fn cron_login_and_systemd_open_sessions() {
        let mut logins = Logins::default();
        feed(
            &mut logins,
            r#"
            10 USER_ACCT 70 - op=PAM:accounting acct="root" exe="/usr/sbin/cron" hostname=? addr=? terminal=cron res=success
            10 CRED_ACQ 70 - op=PAM:setcred acct="root" exe="/usr/sbin/cron" hostname=? addr=? terminal=cron res=success
            10 LOGIN 70 - tty=(none) old-ses=4294967295 ses=4 res=1
            10 USER_START 70 4 op=PAM:session_open acct="root" exe="/usr/sbin/cron" hostname=? addr=? terminal=cron res=success
            11 USER_AUTH 71 - op=PAM:authentication acct="alice" exe="/usr/bin/login" hostname=h addr=? terminal=/dev/tty1 res=success
            11 LOGIN 71 - tty=tty1 old-ses=4294967295 ses=5 res=1
            11 USER_START 71 5 op=PAM:session_open acct="alice" exe="/usr/bin/login" hostname=h addr=? terminal=/dev/tty1 res=success
            12 USER_ACCT 72 - op=PAM:accounting acct="alice" exe="/usr/lib/systemd/systemd" hostname=? addr=? terminal=? res=success
            12 LOGIN 72 - tty=(none) old-ses=4294967295 ses=6 res=1
            12 USER_START 72 6 op=PAM:session_open acct="alice" exe="/usr/lib/systemd/systemd" hostname=? addr=? terminal=? res=success
            13 LOGIN 73 - tty=tty2 old-ses=4294967295 ses=7 res=1
            "#,
        );
        assert_eq!(origin(&logins, 4), "root - cron 10");
        assert_eq!(origin(&logins, 5), "alice - /dev/tty1 11");
        assert_eq!(origin(&logins, 6), "alice - - 12");
        assert_eq!(origin(&logins, 7), "- - tty2 13");
        // A child of systemd closes the PAM session.
        feed(
            &mut logins,
            r#"
            20 USER_END 75 6 op=PAM:session_close acct="alice" exe="/usr/lib/systemd/systemd" hostname=? addr=? terminal=? res=success
            20 USER_END 70 4 op=PAM:session_close acct="root" exe="/usr/sbin/cron" hostname=? addr=? terminal=cron res=success
            "#,
        );
        logins.forget_closed();
        assert_eq!(
            (origin(&logins, 6), origin(&logins, 4)),
            ("none".into(), "none".into())
        );
    }

    #[test]
    fn a_session_ends_when_it_is_closed_and_not_with_one_of_its_terminals() {
        let mut logins = Logins::default();
        feed(&mut logins, SSH);
        let end =
            |op| format!("30 USER_END 50 3 op={op} id=1000 exe=\"/usr/sbin/sshd\" res=success");
        feed(&mut logins, &end("login"));
        assert_eq!(origin(&logins, 3), "alice 10.0.0.9 /dev/pts/0 11");
        feed(&mut logins, &end("PAM:session_close"));
        assert_ne!(origin(&logins, 3), "none", "of the record that closes it");
        logins.forget_closed();
        assert_eq!(origin(&logins, 3), "none");
    }

    #[test]
    fn failed_and_old_attempts_are_no_login() {
        let mut logins = Logins::default();
        feed(
            &mut logins,
            r#"
            10 USER_AUTH 50 - op=PAM:authentication acct="eve" exe="/usr/sbin/sshd" addr=10.0.0.6 terminal=ssh res=failed
            10 USER_AUTH 50 - op=PAM:authentication acct="alice" exe="/usr/sbin/sshd" addr=10.0.0.9 terminal=ssh res=success
            11 LOGIN 50 - tty=(none) old-ses=4294967295 ses=3 res=1
            20 USER_AUTH 51 - op=PAM:authentication acct="bob" exe="/usr/sbin/sshd" addr=10.0.0.6 terminal=ssh res=success
            3000 LOGIN 51 - tty=(none) old-ses=4294967295 ses=4 res=1
            3001 LOGIN 52 - tty=(none) old-ses=4294967295 ses=5 res=0
            3001 USER_LOGIN 53 - op=login acct="(unknown)" exe="/usr/sbin/sshd" addr=10.0.0.6 terminal=ssh res=failed
            "#,
        );
        assert_eq!(origin(&logins, 3), "alice 10.0.0.9 ssh 11");
        assert_eq!(origin(&logins, 4), "- - - 3000");
        assert_eq!(origin(&logins, 5), "none");
    }

    #[test]
    fn a_number_that_another_process_got_is_that_of_a_new_session() {
        let mut logins = Logins::default();
        feed(&mut logins, SSH);
        feed(
            &mut logins,
            "950 LOGIN 80 - tty=(none) old-ses=4294967295 ses=3 res=1",
        );
        assert_eq!(origin(&logins, 3), "- - - 950");
    }

    #[test]
    fn a_session_that_was_open_before_is_known_until_its_leader_closes_it() {
        let mut logins = Logins::default();
        logins.prime(OpenSession {
            session: 3,
            leader: 50,
            acct: Some(b"alice".to_vec()),
            addr: Some(b"10.0.0.9".to_vec()),
            terminal: Some(b"/dev/pts/0".to_vec()),
            since: at(5),
        });
        feed(
            &mut logins,
            "20 USER_END 60 3 op=PAM:session_close acct=\"root\" exe=\"/usr/bin/sudo\" res=success",
        );
        assert_eq!(origin(&logins, 3), "alice 10.0.0.9 /dev/pts/0 5");
        feed(
            &mut logins,
            "20 USER_END 50 3 op=PAM:session_close acct=\"alice\" exe=\"/usr/sbin/sshd\" res=success",
        );
        logins.forget_closed();
        assert_eq!(origin(&logins, 3), "none");
    }

    #[test]
    fn sessions_and_logins_are_bounded_and_the_used_ones_stay() {
        let mut logins = Logins::default();
        feed(&mut logins, SSH);
        for number in 100..100 + 3 * MAX_SESSIONS as u32 {
            logins.touch(3);
            feed(
                &mut logins,
                &format!(
                    "20 USER_AUTH {number} - op=x acct=\"{}\" res=success\n\
                     20 LOGIN {} - tty=(none) ses={number} res=1",
                    "a".repeat(300),
                    number + 1_000_000
                ),
            );
        }
        assert_eq!(logins.sessions.len(), MAX_SESSIONS);
        assert_eq!(logins.begun.len(), MAX_BEGUN);
        assert!(
            logins
                .begun
                .values()
                .all(|begun| begun.texts.acct.get().is_none())
        );
        assert_eq!(origin(&logins, 3), "alice 10.0.0.9 /dev/pts/0 11");
        assert!(logins.size() < 4 << 20, "{}", logins.size());
    }
}
