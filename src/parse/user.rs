//! Records from user space, and LOGIN, which has the same form.
//!
//! The kernel writes the ids of the sender outside, `pid=1 uid=0 auid=… ses=…`, and the program's
//! message inside `msg='…'`. The two are kept apart: a program may claim any uid in its message.

use bumpalo::{Bump, collections::Vec};

use crate::{
    model::{Identity, RecordType, record_type::AUDIT_LOGIN},
    parse::{
        Value,
        layout::{Fields, take},
        offset, tokenize,
        tokenize::split_enriched,
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
    /// All other fields, decoded. A repeated name gets a suffix: `_2`, `_3` …
    fields: Vec<'a, (&'a [u8], &'a [u8])>,
    /// Whether fields were left out because there were too many.
    pub truncated: bool,
}

impl<'a> UserRecord<'a> {
    /// The keys of the rules that matched (auditctl(8), `-k`).
    pub fn keys(&self) -> &[&'a [u8]] {
        &self.keys
    }

    /// All other fields and their decoded values, in the order of the record. The second field of a
    /// name gets the suffix `_2`, the third `_3`, and so on.
    pub fn fields(&self) -> &[(&'a [u8], &'a [u8])] {
        &self.fields
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
    pub(crate) fn parse(
        record_type: RecordType,
        body: &'a [u8],
        arena: &'a Bump,
    ) -> &'a UserRecord<'a> {
        let record = arena.alloc_with(|| UserRecord {
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
            fields: Vec::new_in(arena),
            truncated: false,
        });
        let (raw, names) = split_enriched(record_type, body);
        record.outer(raw, arena);
        if let Some(msg) = record.msg {
            pairs(msg, |key, value| record.put(key, value, arena));
        }
        for token in tokenize(names).filter(|token| !token.key.is_empty()) {
            record.field(token.key, token.value.bytes, arena);
        }
        record
    }

    /// Parses the kernel's fields around the message. In LOGIN, old kernels write `old auid=` and
    /// `new auid=` for `old-auid=` and `auid=`.
    fn outer(&mut self, raw: &'a [u8], arena: &'a Bump) {
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
                take!(fields, "msg", value => self.msg = Some(value.bytes));
            }
            let mut tokens = fields.tokens();
            let Some(token) = tokens.next() else { return };
            fields.skip_to(&tokens);
            if token.key.is_empty() {
                word = token.value.bytes;
                continue;
            }
            let old = word == b"old" && self.record_type == AUDIT_LOGIN;
            word = b"";
            if token.key == b"msg" {
                self.msg = Some(token.value.bytes);
            } else if old {
                self.put(joined(&[b"old-", token.key], arena), token.value, arena);
            } else if !self.ids.set(token.key, token.value.id()) {
                self.put(token.key, token.value, arena);
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
            b"key" if self.keys.len() < MAX_FIELDS => {
                return self.keys.push(super::keys(text, arena));
            }
            _ => return self.field(key, text, arena),
        };
        if text == b"?" || text.is_empty() {
            return;
        }
        match place {
            None => *place = Some(text),
            Some(_) => self.field(key, text, arena),
        }
    }

    /// Adds a field, with a numeric suffix if its name is taken. Each takes a linear search, so
    /// there is a bound on their number; `msg` has the whole text anyway.
    fn field(&mut self, key: &'a [u8], text: &'a [u8], arena: &'a Bump) {
        let key = readable(key, arena);
        for number in 1..=9u8 {
            if self.fields.len() >= MAX_FIELDS {
                break;
            }
            let name = match number {
                1 => key,
                number => joined(&[key, &[b'_', b'0' + number]], arena),
            };
            if !self.is_taken(name, text) {
                return self.fields.push((name, text));
            }
        }
        self.truncated = true;
    }

    /// Whether a name is taken. A value that is not UTF-8 also takes the name with the suffix
    /// `_hex`, for its exact bytes.
    fn is_taken(&self, name: &[u8], text: &[u8]) -> bool {
        let is_text = |text| str::from_utf8(text).is_ok();
        let is_hex_of = |hex: &[u8], name| hex.strip_suffix(b"_hex") == Some(name);
        self.fields.iter().any(|(known, value)| {
            *known == name
                || is_hex_of(name, known) && !is_text(value)
                || is_hex_of(known, name) && !is_text(text)
        })
    }
}

/// The largest number of fields of one record.
const MAX_FIELDS: usize = 256;

/// The key, escaped if it is not UTF-8, as only a forged one is.
fn readable<'a>(key: &'a [u8], arena: &'a Bump) -> &'a [u8] {
    match str::from_utf8(key) {
        Ok(_) => key,
        Err(_) => Vec::from_iter_in(key.escape_ascii(), arena).into_bump_slice(),
    }
}

fn joined<'a>(parts: &[&[u8]], arena: &'a Bump) -> &'a [u8] {
    let bytes = parts.iter().flat_map(|part| part.iter().copied());
    Vec::from_iter_in(bytes, arena).into_bump_slice()
}

/// Calls `put` for each pair inside a message.
///
/// A bare value extends to the next pair: `op=adding group to /etc/group id=1000`. Old programs
/// write punctuation around pairs, which is not part of the value: `acct=root : (hostname=?,
/// addr=?, terminal=cron res=success)`.
fn pairs<'a>(msg: &'a [u8], mut put: impl FnMut(&'a [u8], Value<'a>)) {
    let mut tokens = tokenize(msg);
    let mut last: Option<(&[u8], Value)> = None;
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

/// A bare value without trailing punctuation: words without a letter or digit, a comma, and a
/// closing parenthesis that was opened before the pair.
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
    Value {
        bytes: bytes.strip_suffix(b",").unwrap_or(bytes),
        ..value
    }
}

/// Whether libaudit or its callers write this field as an untrusted string, possibly in hex
/// (libaudit, `audit_encode_nv_string`).
fn is_encoded(key: &[u8]) -> bool {
    matches!(
        key,
        b"acct"
            | b"cmd"
            | b"exe"
            | b"comm"
            | b"cwd"
            | b"data"
            | b"key"
            | b"path"
            | b"file"
            | b"name"
            | b"dir"
            | b"grp"
            | b"vm"
            | b"sw"
            | b"root_dir"
            | b"device"
            | b"cgroup"
            | b"old-disk"
            | b"new-disk"
            | b"old-fs"
            | b"new-fs"
            | b"old-chardev"
            | b"new-chardev"
            | b"new_group"
            | b"new_name"
            | b"new_home"
            | b"new_shell"
            | b"new-group"
            | b"new-name"
            | b"new-home"
            | b"new-shell"
            | b"invalid_context"
    )
}
