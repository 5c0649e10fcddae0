//! Records that programs wrote, and LOGIN, which reads the same.
//!
//! The kernel puts its own account of the sender outside, `pid=1 uid=0 auid=… ses=…`, and what the
//! program says inside `msg='…'`. The two are kept apart: a program may claim any uid it likes.

use bumpalo::{Bump, collections::Vec};

use crate::{
    model::{Identity, RecordType, record_type::AUDIT_LOGIN},
    parse::{Value, tokenize, tokenize::split_enriched},
};

/// What a record from user space says.
#[derive(Debug)]
pub struct UserRecord<'a> {
    /// The type, such as `USER_LOGIN`.
    pub kind: RecordType,
    /// The sender, as the kernel knows it.
    pub ids: Identity,
    /// The text inside `msg='…'`, untouched.
    pub msg: Option<&'a [u8]>,
    /// What was done, `op=`.
    pub op: Option<&'a [u8]>,
    /// The account it was done to.
    pub acct: Option<&'a [u8]>,
    /// The command that was run (`USER_CMD`).
    pub cmd: Option<&'a [u8]>,
    /// The remote address.
    pub addr: Option<&'a [u8]>,
    /// The remote host name.
    pub hostname: Option<&'a [u8]>,
    /// The terminal.
    pub terminal: Option<&'a [u8]>,
    /// The outcome as the record spells it.
    pub res: Option<&'a [u8]>,
    /// The program.
    pub exe: Option<&'a [u8]>,
    /// The name of the task.
    pub comm: Option<&'a [u8]>,
    /// The working directory.
    pub cwd: Option<&'a [u8]>,
    /// The controlling terminal.
    pub tty: Option<&'a [u8]>,
    /// The keys of the rules that fired, joined with commas.
    pub key: Option<&'a [u8]>,
    /// The LSM label.
    pub subj: Option<&'a [u8]>,
    /// All other fields, decoded. A name that is taken gets `_2`, `_3` … behind it.
    pub fields: Vec<'a, (&'a [u8], &'a [u8])>,
}

impl<'a> UserRecord<'a> {
    pub(crate) fn parse(kind: RecordType, body: &'a [u8], arena: &'a Bump) -> UserRecord<'a> {
        let mut record = UserRecord {
            kind,
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
            key: None,
            subj: None,
            fields: Vec::new_in(arena),
        };
        let (raw, names) = split_enriched(kind, body);
        record.outer(raw, arena);
        if let Some(msg) = record.msg {
            pairs(msg, |key, value| record.put(key, value, arena));
        }
        for token in tokenize(names).filter(|token| !token.key.is_empty()) {
            record.field(token.key, token.value.bytes, arena);
        }
        record
    }

    /// Reads what the kernel wrote around the message. LOGIN of old kernels says `old auid=` and
    /// `new auid=` where newer ones say `old-auid=` and `auid=`.
    fn outer(&mut self, raw: &'a [u8], arena: &'a Bump) {
        let mut word: &[u8] = b"";
        for token in tokenize(raw) {
            if token.key.is_empty() {
                word = token.value.bytes;
                continue;
            }
            let old = word == b"old" && self.kind == AUDIT_LOGIN;
            word = b"";
            if token.key == b"msg" {
                self.msg = Some(token.value.bytes);
            } else if old {
                let key = arena.alloc_slice_fill_copy(4 + token.key.len(), b'-');
                key[..3].copy_from_slice(b"old");
                key[4..].copy_from_slice(token.key);
                self.put(key, token.value, arena);
            } else if !self.ids.set(token.key, token.value.id()) {
                self.put(token.key, token.value, arena);
            }
        }
    }

    /// Files a pair under its own key here, or with the other fields where it has none or that is
    /// taken. What only says that there is nothing to say is left out.
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
            b"key" => {
                let keys = super::keys(text, arena);
                match self.key {
                    Some(before) => self.key = Some(arena_join(before, keys, arena)),
                    None => self.key = Some(keys),
                }
                return;
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

    fn field(&mut self, key: &'a [u8], text: &'a [u8], arena: &'a Bump) {
        let taken = |fields: &[(&[u8], _)], key: &[u8]| fields.iter().any(|(k, _)| *k == key);
        if !taken(&self.fields, key) {
            self.fields.push((key, text));
            return;
        }
        // The same key over and over is an attack or a loop: a few are kept, since each costs a
        // search, and the whole text is in `msg` anyway.
        for number in 2..=9u8 {
            let mut numbered = Vec::from_iter_in(key.iter().copied(), arena);
            numbered.extend_from_slice_copy(&[b'_', b'0' + number]);
            if !taken(&self.fields, &numbered) {
                self.fields.push((numbered.into_bump_slice(), text));
                return;
            }
        }
    }
}

/// `one,two`.
fn arena_join<'a>(one: &[u8], two: &[u8], arena: &'a Bump) -> &'a [u8] {
    let mut joined = Vec::from_iter_in(one.iter().copied(), arena);
    joined.push(b',');
    joined.extend_from_slice_copy(two);
    joined.into_bump_slice()
}

/// Calls `put` for each pair inside a message.
///
/// A bare value goes on until the next pair, `op=adding group to /etc/group id=1000`. Old programs put
/// punctuation around pairs, `acct=root : (hostname=?, addr=?, terminal=cron res=success)`, which is
/// no part of the value.
fn pairs<'a>(msg: &'a [u8], mut put: impl FnMut(&'a [u8], Value<'a>)) {
    let mut tokens = tokenize(msg);
    let mut last: Option<(&[u8], Value)> = None;
    while let Some(token) = tokens.next() {
        let end = msg.len() - tokens.rest().len();
        let key = token.key.strip_prefix(b"(").unwrap_or(token.key);
        let is_key = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if !key.is_empty() && key.iter().all(is_key) {
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

/// Where a part of a text begins in it.
fn offset(part: &[u8], text: &[u8]) -> usize {
    part.as_ptr().addr().saturating_sub(text.as_ptr().addr())
}

/// A bare value without the punctuation behind it: words that have no letter or digit, a comma, and a
/// parenthesis that was opened before the pair.
fn trimmed(value: Value<'_>) -> Value<'_> {
    let mut bytes = value.bytes;
    if value.quoted {
        return value;
    }
    while let Some(space) = memchr::memrchr(b' ', bytes)
        && !bytes.iter().skip(space).any(u8::is_ascii_alphanumeric)
        && !bytes.iter().skip(space).any(|byte| *byte >= 0x80)
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

/// The fields that libaudit and its users write as untrusted text, hex where need be
/// (libaudit, `audit_encode_nv_string` and its callers).
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
