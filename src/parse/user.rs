//! Records from user space, and LOGIN, which has the same form.
//!
//! The kernel writes the ids of the sender outside, `pid=1 uid=0 auid=… ses=…`, and the program's
//! message inside `msg='…'`. The two are kept apart: a program may claim any uid in its message.

use bumpalo::{Bump, collections::Vec};

use crate::{
    model::{
        Identity, RecordType,
        record_type::{AUDIT_LOGIN, AUDIT_USER_AVC, AUDIT_USER_TTY},
    },
    parse::{
        Tokens, Value,
        distinct::{Distinct, joined},
        enriched,
        exact::Exact,
        fields::{AccessVector, named_keys},
        layout::{Fields, Key, take},
        offset, tokenize,
    },
};

/// The fields of a record from user space.
#[derive(Debug)]
pub struct UserRecord<'a> {
    /// The type, such as `USER_LOGIN`.
    pub record_type: RecordType,
    /// The ids of the sender, from the kernel.
    pub ids: Identity,
    /// The text inside `msg='…'`, unchanged.
    pub msg: Option<&'a [u8]>,
    /// The operation, `op=`.
    pub op: Option<&'a [u8]>,
    /// The affected account.
    pub acct: Option<&'a [u8]>,
    /// The command that was run (`USER_CMD`).
    pub cmd: Option<&'a [u8]>,
    /// The remote address.
    pub addr: Option<&'a [u8]>,
    /// The remote host name.
    pub hostname: Option<&'a [u8]>,
    /// The terminal.
    pub terminal: Option<&'a [u8]>,
    /// The outcome, as written in the record.
    pub res: Option<&'a [u8]>,
    /// The path of the executable.
    pub exe: Option<&'a [u8]>,
    /// The command name of the task.
    pub comm: Option<&'a [u8]>,
    /// The working directory.
    pub cwd: Option<&'a [u8]>,
    /// The controlling terminal.
    pub tty: Option<&'a [u8]>,
    /// The keys of the rules that matched.
    keys: Vec<'a, &'a [u8]>,
    /// The LSM label.
    pub subj: Option<&'a [u8]>,
    /// All other fields, decoded.
    fields: Distinct<'a>,
}

/// The largest number of keys of one record.
const MAX_KEYS: usize = 256;

impl<'a> UserRecord<'a> {
    /// The keys of the rules that matched (auditctl(8), `-k`).
    pub fn keys(&self) -> &[&'a [u8]] {
        &self.keys
    }

    /// All other fields and their decoded values, in the order of the record. The second field of a
    /// name gets the suffix `_2`, the third `_3`, and so on.
    pub fn fields(&self) -> &[(&'a [u8], &'a [u8])] {
        self.fields.as_slice()
    }

    /// Whether fields were left out because there were too many. The text in `msg` is whole.
    pub fn is_truncated(&self) -> bool {
        self.fields.truncated
    }

    /// The keys of the rules that matched, joined with commas.
    pub(crate) fn key(&self, arena: &'a Bump) -> Option<&'a [u8]> {
        let (first, more) = self.keys.split_first()?;
        let mut line = Vec::from_iter_in(first.iter().copied(), arena);
        for key in more {
            line.push(b',');
            line.extend_from_slice_copy(key);
        }
        Some(line.into_bump_slice())
    }

    /// Parses a record. The result is built in the arena, because copying it is expensive.
    #[inline(never)]
    pub(crate) fn parse(
        record_type: RecordType,
        body: &'a [u8],
        arena: &'a Bump,
    ) -> &'a UserRecord<'a> {
        let record = arena.alloc_with(|| UserRecord::new(record_type, arena));
        let (raw, names) = enriched::split(record_type, body);
        record.outer(raw, arena);
        if let Some(msg) = record.msg {
            let pairs_of = record.access_vector(msg, arena);
            pairs(pairs_of, |key, value| record.put(key, value, arena));
        }
        for token in tokenize(names).filter(|token| !token.key.is_empty()) {
            record.fields.push(token.key, token.value.bytes, arena);
        }
        record
    }

    /// An empty record.
    #[inline]
    fn new(record_type: RecordType, arena: &'a Bump) -> UserRecord<'a> {
        UserRecord {
            record_type,
            ids: Identity::default(),
            msg: None,
            op: None,
            acct: None,
            cmd: None,
            addr: None,
            hostname: None,
            terminal: None,
            res: None,
            exe: None,
            comm: None,
            cwd: None,
            tty: None,
            keys: Vec::new_in(arena),
            subj: None,
            fields: Distinct::new(arena),
        }
    }

    /// Parses the kernel's fields around the message.
    #[inline]
    fn outer(&mut self, raw: &'a [u8], arena: &'a Bump) {
        match usual_outer(raw) {
            Some((ids, msg)) => (self.ids, self.msg) = (ids, Some(msg)),
            None => self.any_outer(raw, arena),
        }
    }

    /// As [`outer`](Self::outer), in any record. In LOGIN, old kernels write `old auid=` and `new
    /// auid=` for `old-auid=` and `auid=`.
    #[inline(never)]
    fn any_outer(&mut self, raw: &'a [u8], arena: &'a Bump) {
        let mut word: &[u8] = b"";
        let mut fields = Fields::new(raw);
        let set = |id: Option<u32>| id.unwrap_or(Identity::UNSET);
        loop {
            if word.is_empty() {
                // In the order of kernel/audit.c, `audit_log_common_recv_msg`.
                take!(fields, "pid", id(id) => self.ids.pid = set(id));
                take!(fields, "uid", id(id) => self.ids.uid = set(id));
                take!(fields, "auid", id(id) => self.ids.auid = set(id));
                take!(fields, "ses", id(id) => self.ids.session = set(id));
                take!(fields, "msg", value => self.message(value, raw, arena));
            }
            let mut tokens = fields.tokens();
            let Some(token) = tokens.next() else { return };
            fields.skip_to(&tokens);
            if token.key.is_empty() {
                word = token.value.bytes;
                self.extend_label(word, raw);
                continue;
            }
            let old = word == b"old" && self.record_type == AUDIT_LOGIN;
            word = b"";
            if token.key == b"msg" {
                self.message(token.value, raw, arena);
            } else if old {
                self.put(joined(&[b"old-", token.key], arena), token.value, arena);
            } else if !self.ids.set(token.key, token.value.id()) {
                self.put(token.key, token.value, arena);
            }
        }
    }

    /// Takes the message. Linux before 3.10 writes the keystrokes of USER_TTY there.
    fn message(&mut self, value: Value<'a>, raw: &'a [u8], arena: &'a Bump) {
        if self.record_type == AUDIT_USER_TTY && !is_single_quoted(value, raw) {
            return self.put(b"data", value, arena);
        }
        self.msg = Some(value.bytes);
    }

    /// Takes the decision at the start of the message of a program that enforces SELinux's policy.
    /// Returns the rest.
    fn access_vector(&mut self, msg: &'a [u8], arena: &'a Bump) -> &'a [u8] {
        if self.record_type != AUDIT_USER_AVC {
            return msg;
        }
        let Some((vector, rest)) = AccessVector::read(msg) else {
            return msg;
        };
        self.fields.push(b"decision", vector.decision, arena);
        if let Some(permissions) = vector.permissions {
            self.fields.push(b"permissions", permissions, arena);
        }
        rest
    }

    /// Adds the mode of an AppArmor label to it: `subj=/usr/sbin/cupsd (enforce)`.
    fn extend_label(&mut self, word: &'a [u8], raw: &'a [u8]) {
        if let Some(label) = self.subj
            && word.starts_with(b"(")
            && word.ends_with(b")")
        {
            let (start, end) = (offset(label, raw), offset(word, raw) + word.len());
            if start + label.len() + 1 + word.len() == end {
                self.subj = raw.get(start..end);
            }
        }
    }

    /// Stores a pair in the struct field of its key, or in `fields` if there is none or it is set
    /// already. Skips placeholders.
    fn put(&mut self, key: &'a [u8], value: Value<'a>, arena: &'a Bump) {
        if !value.quoted && matches!(value.bytes, b"?" | b"(null)" | b"(none)") {
            return;
        }
        let text = if is_encoded(key) {
            value.text(arena)
        } else {
            value.bytes
        };
        let place = match key {
            b"op" => &mut self.op,
            b"acct" => &mut self.acct,
            b"cmd" => &mut self.cmd,
            b"addr" => &mut self.addr,
            b"hostname" => &mut self.hostname,
            b"terminal" => &mut self.terminal,
            b"res" => &mut self.res,
            b"exe" => &mut self.exe,
            b"comm" => &mut self.comm,
            b"cwd" => &mut self.cwd,
            b"tty" => &mut self.tty,
            b"subj" => &mut self.subj,
            b"result" => {
                self.res = self.res.or(outcome(text));
                return self.fields.push(key, text, arena);
            }
            b"key" if self.keys.len() < MAX_KEYS => {
                return self.keys.push(super::keys(text, arena));
            }
            b"data" if self.record_type == AUDIT_USER_TTY => {
                self.fields.push(key, text, arena);
                if let Some(typed) = named_keys(text, arena) {
                    self.fields.push(b"typed", typed, arena);
                }
                return;
            }
            _ => return self.fields.push(key, text, arena),
        };
        if text == b"?" || text.is_empty() {
            return;
        }
        match place {
            None => *place = Some(text),
            Some(_) => self.fields.push(key, text, arena),
        }
    }
}

/// The ids and the message of a record that has nothing else, as most have whose label the kernel
/// does not write.
#[inline]
fn usual_outer(raw: &[u8]) -> Option<(Identity, &[u8])> {
    let mut text = Exact::new(raw);
    text.skip(b"pid=")?;
    let pid = text.id()?;
    text.skip(b" uid=")?;
    let uid = text.id()?;
    text.skip(b" auid=")?;
    let auid = text.id()?;
    text.skip(b" ses=")?;
    let session = text.id()?;
    text.skip(b" msg='")?;
    let msg = text.rest().strip_suffix(b"'")?;
    let ids = Identity {
        pid,
        uid,
        auid,
        session,
        ..Identity::default()
    };
    Some((ids, msg))
}

/// A key and its value.
type Pair<'a> = (&'a [u8], Value<'a>);

/// Whether a value of `raw` is in single quotes, as the message of a program is.
pub(super) fn is_single_quoted(value: Value<'_>, raw: &[u8]) -> bool {
    let before = offset(value.bytes, raw).checked_sub(1);
    value.quoted && before.and_then(|at| raw.get(at)) == Some(&b'\'')
}

/// Calls `put` for each pair inside a message.
///
/// A bare value extends to the next pair: `op=adding group to /etc/group id=1000`. Old programs
/// write punctuation around pairs, which is not part of the value: `acct=root : (hostname=?,
/// addr=?, terminal=cron res=success)`.
pub(super) fn pairs<'a>(msg: &'a [u8], mut put: impl FnMut(&'a [u8], Value<'a>)) {
    let start = usual_pairs(msg, &mut put);
    other_pairs(msg, start, put);
}

/// As [`pairs`], from the pair before the rest of the message on.
#[inline]
fn other_pairs<'a>(
    msg: &'a [u8],
    (mut last, mut tokens): (Option<Pair<'a>>, Tokens<'a>),
    mut put: impl FnMut(&'a [u8], Value<'a>),
) {
    while let Some(token) = tokens.next() {
        let end = msg.len() - tokens.rest().len();
        let key = token.key.strip_prefix(b"(").unwrap_or(token.key);
        if !key.is_empty() && key.iter().all(|byte| IN_KEY[usize::from(*byte)]) {
            if let Some((key, value)) = last.replace((key, token.value)) {
                put(key, trimmed(value));
            }
        } else if let Some((_, value)) = &mut last
            && !value.quoted
            && !value.bytes.is_empty()
        {
            let start = offset(value.bytes, msg);
            value.bytes = msg.get(start..end).unwrap_or_default();
        }
    }
    if let Some((key, value)) = last {
        put(key, trimmed(value));
    }
}

/// As [`pairs`], as long as the message has the keys that libaudit writes (lib/audit_logging.c),
/// and PAM, in their order. Returns the last pair, whose value may go on, and the rest.
#[inline]
fn usual_pairs<'a>(
    msg: &'a [u8],
    mut put: impl FnMut(&'a [u8], Value<'a>),
) -> (Option<Pair<'a>>, Tokens<'a>) {
    const NAMES: [&str; 11] = [
        "op", "grantors", "cwd", "cmd", "acct", "comm", "exe", "hostname", "addr", "terminal",
        "res",
    ];
    const KEYS: [Key; NAMES.len()] = {
        let mut keys = [Key::new(""); NAMES.len()];
        let mut at = 0;
        while at < NAMES.len() {
            keys[at] = Key::new(NAMES[at]);
            at += 1;
        }
        keys
    };
    let mut fields = Fields::new(msg);
    let mut last = None;
    for (name, key) in NAMES.iter().zip(&KEYS) {
        if let Some(value) = fields.take_any(*key)
            && let Some((key, value)) = last.replace((name.as_bytes(), value))
        {
            put(key, trimmed(value));
        }
    }
    (last, fields.tokens())
}

/// The bytes that may occur in a key.
static IN_KEY: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = matches!(byte as u8, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'-');
        byte += 1;
    }
    table
};

/// A bare value without trailing punctuation: words without a letter or digit, a comma, a colon,
/// and a closing parenthesis that was opened before the pair.
#[inline]
fn trimmed(value: Value<'_>) -> Value<'_> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte >= 0x80;
    match value.bytes.last() {
        Some(last) if !value.quoted && !is_word(last) => without_punctuation(value, is_word),
        _ => value,
    }
}

#[cold]
fn without_punctuation(value: Value<'_>, is_word: impl Fn(&u8) -> bool) -> Value<'_> {
    let mut bytes = value.bytes;
    while let Some(space) = memchr::memrchr(b' ', bytes)
        && !bytes.iter().skip(space).any(&is_word)
    {
        bytes = bytes.get(..space).unwrap_or_default();
    }
    if !bytes.contains(&b'(') {
        bytes = bytes.strip_suffix(b")").unwrap_or(bytes);
    }
    bytes = bytes.strip_suffix(b",").unwrap_or(bytes);
    // One colon; an IPv6 address may end with two.
    if !bytes.ends_with(b"::") {
        bytes = bytes.strip_suffix(b":").unwrap_or(bytes);
    }
    Value { bytes, ..value }
}

/// The outcome in the words of PAM (pam_strerror(3)), which programs wrote before `res=`.
fn outcome(result: &[u8]) -> Option<&'static [u8]> {
    match result {
        b"Success" | b"success" => Some(b"success"),
        [b'A'..=b'Z', ..] | b"failed" => Some(b"failed"),
        _ => None,
    }
}

/// Whether libaudit or its callers write this field as an untrusted string, possibly in hex.
///
/// The fields that auparse decodes (auparse/typetab.h), and those for which programs call
/// `audit_encode_nv_string`: shadow-utils, USBGuard (`rule`, `device_rule`), libvirt, SELinux's
/// semanage (`sglob`, `tglob`), OpenSSH's certificates (`key_id`).
pub(crate) fn is_encoded(key: &[u8]) -> bool {
    matches!(
        key,
        b"acct"
            | b"cgroup"
            | b"cmd"
            | b"comm"
            | b"cwd"
            | b"data"
            | b"device"
            | b"device_rule"
            | b"dir"
            | b"exe"
            | b"file"
            | b"grp"
            | b"invalid_context"
            | b"key"
            | b"key_id"
            | b"name"
            | b"new-chardev"
            | b"new-disk"
            | b"new-fs"
            | b"new-group"
            | b"new-home"
            | b"new-name"
            | b"new-net"
            | b"new-rng"
            | b"new-shell"
            | b"new_group"
            | b"new_home"
            | b"new_name"
            | b"new_shell"
            | b"ocomm"
            | b"old-chardev"
            | b"old-disk"
            | b"old-fs"
            | b"old-net"
            | b"old-rng"
            | b"old_group"
            | b"old_home"
            | b"old_name"
            | b"old_shell"
            | b"path"
            | b"proctitle"
            | b"root_dir"
            | b"rule"
            | b"sglob"
            | b"sw"
            | b"tglob"
            | b"vm"
            | b"watch"
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::record_type::{AUDIT_USER_AUTH, AUDIT_USER_DEVICE, AUDIT_USER_LOGIN};

    fn parse<'a>(record_type: RecordType, body: &'a str, arena: &'a Bump) -> &'a UserRecord<'a> {
        UserRecord::parse(record_type, body.as_bytes(), arena)
    }

    fn field<'a>(record: &UserRecord<'a>, name: &str) -> Option<&'a [u8]> {
        let mut fields = record.fields().iter();
        Some(fields.find(|(known, _)| *known == name.as_bytes())?.1)
    }

    #[test]
    fn a_colon_after_a_value_is_punctuation() {
        let arena = Bump::new();
        let body =
            "user pid=1 msg='acct=2872656D6F746529: exe=\"/x\" (addr=2001:db8::, res=failed)'";
        let record = parse(AUDIT_USER_LOGIN, body, &arena);
        assert_eq!(record.acct, Some(&b"(remote)"[..]));
        assert_eq!(record.addr, Some(&b"2001:db8::"[..]));
        let record = parse(AUDIT_USER_LOGIN, "pid=1 msg='id=501: res=success'", &arena);
        assert_eq!(field(record, "id"), Some(&b"501"[..]));
    }

    #[test]
    fn an_outcome_in_the_words_of_pam_is_a_result() {
        let arena = Bump::new();
        for (text, res) in [("Success", "success"), ("Permission denied", "failed")] {
            let body = format!("pid=1 msg='PAM: x acct=y (terminal=t result={text})'");
            let record = parse(AUDIT_USER_AUTH, arena.alloc_str(&body), &arena);
            assert_eq!(record.res, Some(res.as_bytes()));
            assert_eq!(field(record, "result"), Some(text.as_bytes()));
        }
    }

    #[test]
    fn the_mode_of_an_apparmor_label_belongs_to_it() {
        let arena = Bump::new();
        let body = "pid=1 uid=0 subj=/usr/sbin/ntpd (complain) msg='op=x res=success'";
        let record = parse(AUDIT_USER_AUTH, body, &arena);
        assert_eq!(record.subj, Some(&b"/usr/sbin/ntpd (complain)"[..]));
        let record = parse(AUDIT_USER_AUTH, "pid=1 subj=a ses=2 (x) msg='op=y'", &arena);
        assert_eq!(record.subj, Some(&b"a"[..]));
    }

    #[test]
    fn fields_that_programs_encode_are_decoded() {
        let arena = Bump::new();
        let body = "pid=1 msg='rule=616C6C6F77 old-net=3F3F new-rng=2F6120 rule_id=10'";
        let record = parse(AUDIT_USER_DEVICE, body, &arena);
        let expected = [
            ("rule", "allow"),
            ("old-net", "??"),
            ("new-rng", "/a "),
            ("rule_id", "10"),
        ];
        for (name, text) in expected {
            assert_eq!(field(record, name), Some(text.as_bytes()), "{name}");
        }
    }

    #[test]
    fn the_decision_of_a_program_that_enforces_selinux_is_a_field() {
        let arena = Bump::new();
        let body = "pid=1 uid=81 msg='avc:  denied  { send_msg acquire_svc } for msgtype=signal \
                    scontext=a:b:c:s0 tclass=dbus : exe=\"/bin/dbus-daemon\" (sauid=81, addr=?)'";
        let record = parse(AUDIT_USER_AVC, body, &arena);
        for (name, text) in [
            ("decision", "denied"),
            ("permissions", "send_msg acquire_svc"),
            ("msgtype", "signal"),
            ("tclass", "dbus"),
            ("sauid", "81"),
        ] {
            assert_eq!(field(record, name), Some(text.as_bytes()), "{name}");
        }
        // In any other record it is a text.
        let record = parse(AUDIT_USER_AUTH, body, &arena);
        assert_eq!(field(record, "decision"), None);
    }

    #[test]
    fn keystrokes_are_read_from_the_message_of_old_kernels() {
        let arena = Bump::new();
        for (value, data, typed) in [
            ("data=6C730D", "ls\r", Some("ls<ret>")),
            ("data=\"id\"", "id", None),
            ("msg=6C730D", "ls\r", Some("ls<ret>")),
            ("msg=\"id\"", "id", None),
        ] {
            let body = format!("user pid=1 uid=0 auid=1000 ses=1 {value}");
            let record = parse(AUDIT_USER_TTY, arena.alloc_str(&body), &arena);
            assert_eq!(field(record, "data"), Some(data.as_bytes()));
            assert_eq!(field(record, "typed"), typed.map(str::as_bytes));
            assert_eq!(record.msg, None);
        }
        let record = parse(AUDIT_USER_TTY, "pid=1 msg='op=x'", &arena);
        assert_eq!(record.msg, Some(&b"op=x"[..]));
    }

    #[test]
    fn the_tenth_field_of_a_name_is_left_out_and_the_rest_of_the_record_is_read() {
        let arena = Bump::new();
        let body = format!("pid=1 msg='{}b=2'", "a=1 ".repeat(12));
        let record = parse(AUDIT_USER_AUTH, arena.alloc_str(&body), &arena);
        assert_eq!(record.fields().len(), 10);
        assert_eq!(field(record, "a_9"), Some(&b"1"[..]));
        assert_eq!(field(record, "b"), Some(&b"2"[..]));
        assert!(record.is_truncated());
    }

    /// Parts of messages.
    fn part() -> impl Strategy<Value = &'static str> {
        prop::sample::select(std::vec![
            "op=PAM:accounting ",
            "op=adding user ",
            "grantors=pam_unix,pam_env ",
            "cwd=\"/\" ",
            "cmd=6C73202D6C ",
            "acct=\"root\" ",
            "acct=root : ",
            "acct=root",
            "comm=\"a\"exe=\"/a\" ",
            "exe=\"/usr/bin/a name of more than 33 bytes\" ",
            "exe=\"cut",
            "hostname=? ",
            "(hostname=host, ",
            "addr=2001:db8::1 ",
            "addr= ",
            "terminal=ssh ",
            "terminal='a b' ",
            "res=success",
            "res=success ",
            "res=success)",
            "id=7 ",
            "word ",
            "=",
            " ",
        ])
    }

    /// Parts of a record around its message.
    fn outer_part() -> impl Strategy<Value = &'static str> {
        prop::sample::select(std::vec![
            "pid=7 uid=0 auid=4294967295 ses=4294967295 ",
            "pid=24032 uid=1000 auid=1000 ses=12 ",
            "pid=7 uid=-1 auid=1000 ses=12 ",
            "pid=7 uid=\"1\" auid=1000 ses=12 ",
            "ses=2 ",
            "subj=unconfined ",
            "old ",
            "msg='op=x res=success'",
            "msg='op=it's res=success' ",
            "msg='",
            "msg=\"op=x\"",
            "'",
            "data=6C73",
            " ",
        ])
    }

    proptest! {
        #[test]
        fn the_usual_ids_and_messages_are_read_as_any_others(
            parts in prop::collection::vec(outer_part(), 0..5),
            record_type in prop::sample::select(std::vec![
                AUDIT_LOGIN,
                AUDIT_USER_TTY,
                RecordType(1105),
            ]),
        ) {
            let raw = parts.concat();
            let arena = Bump::new();
            let mut usual = UserRecord::new(record_type, &arena);
            let mut any = UserRecord::new(record_type, &arena);
            usual.outer(raw.as_bytes(), &arena);
            any.any_outer(raw.as_bytes(), &arena);
            prop_assert_eq!(format!("{usual:?}"), format!("{any:?}"));
        }

        #[test]
        fn the_usual_pairs_are_read_as_any_others(parts in prop::collection::vec(part(), 0..14)) {
            let msg = parts.concat();
            let (mut all, mut others) = (std::vec![], std::vec![]);
            pairs(msg.as_bytes(), |key, value| all.push((key, value)));
            let start = (None, tokenize(msg.as_bytes()));
            other_pairs(msg.as_bytes(), start, |key, value| others.push((key, value)));
            prop_assert_eq!(all, others);
        }
    }
}
