//! The fields of a record of any type, decoded.
//!
//! The formats are those of the kernel (kernel/audit*.c, security/, net/netlabel, and the other
//! callers of `audit_log_format`), of auditd (DAEMON_*), and of libaudit's callers. The type and
//! the key alone decide what a value is.
//!
//! This is for records that are shown as they are. What classification needs of SYSCALL, PATH,
//! EXECVE and user records is read by the faster parsers beside this module.

mod access;
mod keystrokes;
mod numbers;
mod untrusted;

use std::fmt::Display;

use bumpalo::{Bump, collections::Vec};

use crate::{
    bytes::{self, hex, integer},
    model::{
        Arch, RecordType,
        record_type::{
            AUDIT_AA, AUDIT_ANOM_ABEND, AUDIT_AVC, AUDIT_CONFIG_CHANGE, AUDIT_FANOTIFY,
            AUDIT_INTEGRITY_POLICY_RULE, AUDIT_LOGIN, AUDIT_MAC_CALIPSO_DEL, AUDIT_MAC_UNLBL_ALLOW,
            AUDIT_NETFILTER_CFG, AUDIT_SECCOMP, AUDIT_SOCKADDR, AUDIT_TTY, AUDIT_USER_AVC,
            AUDIT_USER_TTY,
        },
        syscall_name,
    },
    parse::{
        Sockaddr, Value,
        distinct::{Distinct, joined},
        enriched, offset, sockaddr, tokenize, user,
    },
};
pub(super) use access::AccessVector;
pub(super) use keystrokes::named_keys;

/// The fields of a record and their decoded values, in the order of the record.
///
/// Placeholders for missing values, such as `(null)` and `?`, are left out. A repeated name gets a
/// suffix, `_2` to `_9`. Words outside of any pair become the field `message`. Names that auditd
/// appended follow with the keys that auditd gave them, such as `UID`.
pub(crate) fn decode<'a>(
    record_type: RecordType,
    body: &'a [u8],
    arena: &'a Bump,
) -> &'a [(&'a [u8], &'a [u8])] {
    let mut decoder = Decoder::new(record_type, arena);
    let (raw, names) = enriched::split_any(record_type, body);
    if record_type.is_user_event() || record_type == AUDIT_LOGIN {
        decoder.user_record(raw);
    } else {
        decoder.kernel_record(raw);
    }
    decoder.appended(names);
    decoder.finish()
}

/// Whether no field of a record needs escaping in JSON, found without a look at each.
pub(crate) fn is_plain(record_type: RecordType, body: &[u8]) -> bool {
    untrusted::has_only_numbers(record_type) && bytes::is_plain(body)
}

/// A pair whose value may continue with the next word.
type Open<'a> = Option<(&'a [u8], Value<'a>)>;

struct Decoder<'a> {
    record_type: RecordType,
    /// Whether all values are numbers, which stay as they are.
    has_only_numbers: bool,
    /// Whether AppArmor wrote the record.
    is_apparmor: bool,
    /// `AUDIT_ARCH_*` and the operation, once the record has said them.
    arch: Option<u32>,
    op: &'a [u8],
    /// The words outside of any pair, joined with spaces.
    words: Vec<'a, u8>,
    fields: Distinct<'a>,
    arena: &'a Bump,
}

impl<'a> Decoder<'a> {
    fn new(record_type: RecordType, arena: &'a Bump) -> Decoder<'a> {
        Decoder {
            record_type,
            has_only_numbers: untrusted::has_only_numbers(record_type),
            is_apparmor: (AUDIT_AA.0..=1599).contains(&record_type.0),
            arch: None,
            op: b"",
            words: Vec::new_in(arena),
            fields: Distinct::new(arena),
            arena,
        }
    }

    fn kernel_record(&mut self, raw: &'a [u8]) {
        let raw = self.access_vector(raw);
        self.is_apparmor |= self.record_type == AUDIT_AVC && raw.starts_with(b"apparmor=");
        let mut tokens = tokenize(raw);
        let mut open: Open = None;
        while let Some(token) = tokens.next() {
            if token.key.is_empty() {
                let end = raw.len() - tokens.rest().len();
                self.word(&mut open, token.value.bytes, raw, end);
            } else if let Some((key, value)) = open.replace((token.key, token.value)) {
                self.put(key, value);
            }
        }
        if let Some((key, value)) = open {
            self.put(key, value);
        }
    }

    /// Takes a word that is no pair: the rest of the value before it, or of a message. `end` is
    /// where it ends in `raw`.
    fn word(&mut self, open: &mut Open<'a>, word: &'a [u8], raw: &'a [u8], end: usize) {
        if self.record_type == AUDIT_INTEGRITY_POLICY_RULE
            && let Some(at) = word.iter().position(|byte| matches!(byte, b'<' | b'>'))
        {
            // `uid>1000` (security/integrity/ima/ima_policy.c, `ima_log_string_op`).
            if let Some((key, value)) = open.take() {
                self.put(key, value);
            }
            let (key, limit) = word.split_at(at);
            return self.fields.push(key, limit, self.arena);
        }
        match open {
            Some((key, value)) if has_words(key) && !value.quoted && !value.bytes.is_empty() => {
                let start = offset(value.bytes, raw);
                value.bytes = raw.get(start..end).unwrap_or_default();
            }
            _ if is_form(self.record_type, word) => {}
            _ => self.say(word),
        }
    }

    fn say(&mut self, word: &[u8]) {
        if !self.words.is_empty() {
            self.words.push(b' ');
        }
        self.words.extend_from_slice_copy(word);
    }

    /// A record from user space: the kernel's fields, then those of the program's message.
    fn user_record(&mut self, raw: &'a [u8]) {
        let mut word: &[u8] = b"";
        for token in tokenize(raw) {
            let key = token.key;
            match key {
                b"" => word = token.value.bytes,
                b"msg" if user::is_single_quoted(token.value, raw) => {
                    self.fields.push(key, token.value.bytes, self.arena);
                    let msg = self.access_vector(token.value.bytes);
                    user::pairs(msg, |key, value| self.put(key, value));
                }
                // Linux before 3.10 writes the keystrokes of USER_TTY there.
                b"msg" if self.record_type == AUDIT_USER_TTY => {
                    self.put(b"data", token.value);
                }
                // In LOGIN, old kernels write `old auid=`.
                _ if word == b"old" => self.put(joined(&[b"old-", key], self.arena), token.value),
                _ => self.put(key, token.value),
            }
            if !key.is_empty() {
                word = b"";
            }
        }
    }

    /// Takes SELinux's decision at the start of a text. Returns the rest.
    fn access_vector(&mut self, text: &'a [u8]) -> &'a [u8] {
        if !matches!(self.record_type, AUDIT_AVC | AUDIT_USER_AVC) {
            return text;
        }
        let Some((vector, rest)) = AccessVector::read(text) else {
            return text;
        };
        self.fields.push(b"decision", vector.decision, self.arena);
        if let Some(permissions) = vector.permissions {
            self.fields.push(b"permissions", permissions, self.arena);
        }
        rest
    }

    fn put(&mut self, key: &'a [u8], value: Value<'a>) {
        if value.is_placeholder() {
            return;
        }
        if self.has_only_numbers {
            return self.fields.push(key, value.bytes, self.arena);
        }
        let value = self.without_comma(value);
        match (self.record_type, key) {
            (AUDIT_SOCKADDR, b"saddr") => self.socket_address(value.bytes),
            (AUDIT_TTY | AUDIT_USER_TTY, b"data") => self.keystrokes(value),
            (AUDIT_SECCOMP | AUDIT_ANOM_ABEND, _) => self.number_and_name(key, value),
            (AUDIT_FANOTIFY, b"resp") => self.put_both(key, value, b"decision", numbers::response),
            // AppArmor writes the name itself.
            (AUDIT_AVC, b"capability") if !self.is_apparmor => {
                self.put_both(key, value, b"capname", numbers::capability);
            }
            (AUDIT_NETFILTER_CFG, b"family") => {
                self.put_both(key, value, b"family_name", numbers::netfilter_family);
            }
            _ => {
                let text = self.text(key, value);
                if key == b"op" {
                    self.op = text;
                }
                self.fields.push(key, text, self.arena);
            }
        }
    }

    /// A value of the daemon without the comma that old releases write after some.
    fn without_comma(&self, value: Value<'a>) -> Value<'a> {
        match value.bytes.strip_suffix(b",") {
            Some(bytes) if !value.quoted && self.record_type.is_of_daemon() => {
                Value { bytes, ..value }
            }
            _ => value,
        }
    }

    /// The text of a value: decoded if the record's format has an untrusted string there.
    fn text(&self, key: &[u8], value: Value<'a>) -> &'a [u8] {
        let is_untrusted = match key {
            b"old" | b"new" => self.record_type == AUDIT_CONFIG_CHANGE && self.op == b"make_equiv",
            _ => untrusted::is_untrusted(self.record_type, self.is_apparmor, key),
        };
        if !is_untrusted {
            return value.bytes;
        }
        let text = value.text(self.arena);
        match key {
            b"key" => super::keys(text, self.arena),
            // The abstract name of a unix socket (security/lsm_audit.c, `audit_log_lsm_data`).
            b"path" if text.starts_with(b"\0") => {
                sockaddr::unix_name(text, self.arena).unwrap_or(b"@")
            }
            b"proctitle" => spaced(text, self.arena),
            _ => text,
        }
    }

    /// The parts of a socket address.
    fn socket_address(&mut self, hex: &'a [u8]) {
        let arena = self.arena;
        let Some(address) = Sockaddr::parse_on(None, hex, arena) else {
            return self.fields.push(b"saddr", hex, arena);
        };
        let family = match address.family_name() {
            Some(name) => name.as_bytes(),
            None => shown(address.family, arena),
        };
        let port = address.port.map(|port| shown(port, arena));
        let scope = address.scope.map(|scope| shown(scope, arena));
        // What is not decoded stays as it is.
        let raw = address.data.map(|_| enriched::bare(hex));
        for (key, text) in [
            (&b"family"[..], Some(family)),
            (b"address", address.address),
            (b"port", port),
            (b"scope", scope),
            (b"socket", address.socket),
            (b"saddr", raw),
            (b"truncated", address.truncated.then_some(b"yes")),
        ] {
            if let Some(text) = text {
                self.fields.push(key, text, arena);
            }
        }
        for (key, text) in address.others {
            self.fields.push(key, text, arena);
        }
    }

    /// The bytes that were typed and, if there are keys without a character among them, the same
    /// with the names of the keys.
    fn keystrokes(&mut self, value: Value<'a>) {
        let data = value.text(self.arena);
        self.fields.push(b"data", data, self.arena);
        if let Some(typed) = named_keys(data, self.arena) {
            self.fields.push(b"typed", typed, self.arena);
        }
    }

    /// A number of SECCOMP or ANOM_ABEND, and what it means.
    fn number_and_name(&mut self, key: &'a [u8], value: Value<'a>) {
        let arch = self.arch;
        match key {
            b"arch" => {
                self.arch = value.hex().and_then(|arch| u32::try_from(arch).ok());
                self.put_both(key, value, b"arch_name", |text| {
                    let arch = u32::try_from(hex(text)?).ok()?;
                    Arch::name_of(arch, 0)
                });
            }
            b"syscall" => self.put_both(key, value, b"syscall_name", |text| {
                let number = u32::try_from(integer(text)?).ok()?;
                syscall_name(Arch::of(arch?, number)?, number)
            }),
            // seccomp sends no other signal of this number.
            b"sig" if self.record_type == AUDIT_SECCOMP && value.bytes == b"31" => {
                self.put_both(key, value, b"signal", |_| Some("SIGSYS"));
            }
            b"sig" => self.put_both(key, value, b"signal", numbers::signal),
            b"code" => self.put_both(key, value, b"action", numbers::seccomp_action),
            _ => {
                let text = self.text(key, value);
                self.fields.push(key, text, self.arena);
            }
        }
    }

    /// A number as it is and, under another key, its name if it has one.
    fn put_both(
        &mut self,
        key: &'a [u8],
        value: Value<'a>,
        name_key: &'static [u8],
        name: impl Fn(&[u8]) -> Option<&'static str>,
    ) {
        self.fields.push(key, value.bytes, self.arena);
        if let Some(name) = name(value.bytes) {
            self.fields.push(name_key, name.as_bytes(), self.arena);
        }
    }

    /// The names that auditd appended. Those of a socket address only repeat it.
    fn appended(&mut self, names: &'a [u8]) {
        if self.record_type == AUDIT_SOCKADDR {
            return;
        }
        for token in tokenize(names).filter(|token| !token.key.is_empty()) {
            self.fields.push(token.key, token.value.bytes, self.arena);
        }
    }

    fn finish(mut self) -> &'a [(&'a [u8], &'a [u8])] {
        let words = self.words.into_bump_slice();
        if !words.is_empty() {
            let message = words.strip_suffix(b",").unwrap_or(words);
            self.fields.push(b"message", message, self.arena);
        }
        self.fields.finish()
    }
}

/// Whether the bare value of a key may contain spaces: an operation or a reason in words, or an LSM
/// label, whose mode follows a space in AppArmor's form.
fn has_words(key: &[u8]) -> bool {
    matches!(
        key,
        b"op" | b"cause" | b"reason" | b"subj" | b"obj" | b"label"
    ) || key.starts_with(b"subj_")
        || key.starts_with(b"obj_")
}

/// Whether a word stands in every record of its type, and says no more than the type does
/// (drivers/tty/tty_audit.c; net/netlabel/netlabel_user.c, `netlbl_audit_start_common`).
fn is_form(record_type: RecordType, word: &[u8]) -> bool {
    match word {
        b"tty" => record_type == AUDIT_TTY,
        b"netlabel:" => (AUDIT_MAC_UNLBL_ALLOW..=AUDIT_MAC_CALIPSO_DEL).contains(&record_type),
        _ => false,
    }
}

/// A process title on one line.
fn spaced<'a>(title: &'a [u8], arena: &'a Bump) -> &'a [u8] {
    let title = title.strip_suffix(b"\0").unwrap_or(title);
    let space = |byte: &u8| if *byte == 0 { b' ' } else { *byte };
    Vec::from_iter_in(title.iter().map(space), arena).into_bump_slice()
}

fn shown(number: impl Display, arena: &Bump) -> &[u8] {
    bumpalo::format!(in arena, "{}", number)
        .into_bump_str()
        .as_bytes()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::model::record_type::{AUDIT_EXECVE, AUDIT_KERN_MODULE, AUDIT_SYSCALL};

    #[track_caller]
    fn check(record_type: RecordType, body: &str, expected: &[(&str, &str)]) {
        let arena = Bump::new();
        let got = decode(record_type, body.as_bytes(), &arena);
        let text = |bytes| str::from_utf8(bytes).unwrap();
        let got: std::vec::Vec<_> = got.iter().map(|(k, v)| (text(k), text(v))).collect();
        assert_eq!(got, expected, "{body}");
    }

    #[test]
    fn the_type_and_the_key_decide_whether_bare_hex_is_text() {
        check(
            AUDIT_EXECVE,
            "a0=4142 a1_len=4142",
            &[("a0", "AB"), ("a1_len", "4142")],
        );
        check(
            AUDIT_SYSCALL,
            "a0=4142 comm=4142",
            &[("a0", "4142"), ("comm", "AB")],
        );
        check(AUDIT_KERN_MODULE, "name=4142", &[("name", "AB")]);
        check(
            RecordType(1399),
            "name=4142 comm=4142",
            &[("name", "4142"), ("comm", "4142")],
        );
        check(
            AUDIT_CONFIG_CHANGE,
            "op=set x=1 old=4142",
            &[("op", "set"), ("x", "1"), ("old", "4142")],
        );
        check(
            AUDIT_CONFIG_CHANGE,
            "op=make_equiv old=4142",
            &[("op", "make_equiv"), ("old", "AB")],
        );
        check(
            AUDIT_AVC,
            "avc:  denied  null profile=4142",
            &[("decision", "denied"), ("profile", "4142")],
        );
        check(
            AUDIT_AVC,
            "apparmor=\"DENIED\" profile=4142",
            &[("apparmor", "DENIED"), ("profile", "AB")],
        );
    }

    #[test]
    fn a_record_with_too_many_fields_says_so() {
        let arena = Bump::new();
        let body: String = (0..400).map(|number| format!("k{number}=1 ")).collect();
        let fields = decode(AUDIT_AVC, body.as_bytes(), &arena);
        assert_eq!(fields.len(), 257);
        assert_eq!(fields.last(), Some(&(&b"truncated"[..], &b"yes"[..])));
    }

    /// Pieces that records are made of, and any bytes.
    fn piece() -> impl Strategy<Value = std::vec::Vec<u8>> {
        let known = prop::sample::select(std::vec![
            "avc:  denied ",
            "{ read } for ",
            "msg='",
            "'",
            "\"",
            "=",
            " ",
            "\x1d",
            "#035",
            "UID=",
            "SADDR={",
            "saddr=0200",
            "data=1B5B",
            "path=00",
            "old",
            "name=",
            "4142",
            "key=610162",
            "a0=",
            "a0[1]=",
            "uid>",
            "(null)",
            "?",
            ",",
            "_2",
            "apparmor=",
            "op=make_equiv",
        ]);
        prop_oneof![
            4 => known.prop_map(|text| text.as_bytes().to_vec()),
            1 => prop::collection::vec(any::<u8>(), 0..8),
        ]
    }

    proptest! {
        #[test]
        fn a_record_that_is_plain_has_only_plain_fields(
            number in prop::sample::select(std::vec![1321u16, 1322, 1323, 1337]),
            pieces in prop::collection::vec(piece(), 0..20),
        ) {
            let arena = Bump::new();
            let body = pieces.concat();
            if is_plain(RecordType(number), &body) {
                for (name, text) in decode(RecordType(number), &body, &arena) {
                    prop_assert!(bytes::is_plain(name) && bytes::is_plain(text));
                }
            }
        }

        #[test]
        fn any_record_has_fields_with_distinct_names(
            number in 1000u16..3000,
            pieces in prop::collection::vec(piece(), 0..60),
        ) {
            let arena = Bump::new();
            let body = pieces.concat();
            let fields = decode(RecordType(number), &body, &arena);
            let names: HashSet<&[u8]> = fields.iter().map(|(name, _)| *name).collect();
            prop_assert_eq!(names.len(), fields.len());
            prop_assert!(fields.iter().all(|(name, _)| str::from_utf8(name).is_ok()));
        }
    }
}
