//! The values of fields.

use crate::{
    model::{RecordType, errno_name},
    rules::{
        Field, Host, List, Operator, Value,
        calls::parse_arch,
        text::{FILE_SYSTEMS, LAST_ERROR, PERMISSIONS},
    },
};

/// The types of files by name, and their bits of `st_mode` (inode(7)).
const FILE_TYPES: [(&str, u32); 7] = [
    ("fifo", libc::S_IFIFO),
    ("character", libc::S_IFCHR),
    ("dir", libc::S_IFDIR),
    ("block", libc::S_IFBLK),
    ("file", libc::S_IFREG),
    ("link", libc::S_IFLNK),
    ("socket", libc::S_IFSOCK),
];

/// The longest path (`PATH_MAX`) and key (`AUDIT_MAX_KEY_LEN`) in bytes.
const MAX_PATH: usize = 4096;
pub(crate) const MAX_KEY: usize = 256;

/// Reads the value of a field of a rule.
pub(crate) fn value(field: Field, text: &[u8], host: &Host) -> Result<Value, String> {
    if field.is_text() {
        return text_value(field, text);
    }
    let text = str::from_utf8(text).map_err(|_| "the value is not UTF-8".to_owned())?;
    let number = match field {
        Field::ARCH => parse_arch(text, host.arch)?,
        Field::PERM => permissions(text)?,
        Field::FILETYPE => named(&FILE_TYPES, text)
            .or_else(|| integer(text).ok())
            .ok_or_else(|| {
                format!(
                    "there is no file type {text}; it is one of fifo, character, dir, block, file, \
                     link and socket"
                )
            })?,
        Field::FSTYPE => named(&FILE_SYSTEMS, text)
            .or_else(|| integer(text).ok())
            .ok_or_else(|| {
                format!("no number is known for the file system {text}; see statfs(2) for numbers")
            })?,
        Field::MSGTYPE => message_type(text)?,
        Field::EXIT => match error_number(text) {
            Some(number) => number,
            None => integer(text).map_err(|error| match text.contains(char::is_alphabetic) {
                true => format!("there is no error {text}"),
                false => error,
            })?,
        },
        Field::SESSIONID if text == "unset" => u32::MAX,
        _ if field.is_user() => user(text, host)?,
        _ if field.is_group() => group(text, host)?,
        _ => integer(text)?,
    };
    Ok(Value::Number(number))
}

fn text_value(field: Field, text: &[u8]) -> Result<Value, String> {
    let limit = match field {
        Field::FILTERKEY => MAX_KEY,
        _ => MAX_PATH,
    };
    if text.len() > limit {
        return Err(format!("the value is longer than {limit} bytes"));
    }
    Ok(Value::Text(text.to_owned()))
}

fn named(names: &[(&str, u32)], text: &str) -> Option<u32> {
    let row = names
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text));
    row.map(|(_, number)| *number)
}

/// A number as strtoul(3) reads it with base 0: in decimal, or with `0x` in hexadecimal and with
/// `0` in octal. Text that is not a number, or does not fit, is an error; auditctl(8) ignores
/// it.
pub(crate) fn integer(text: &str) -> Result<u32, String> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (digits, base) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&digits[2..], 16),
        [b'0', _, ..] => (&digits[1..], 8),
        _ => (digits, 10),
    };
    if digits.is_empty() || digits.starts_with('+') {
        return Err(format!("{text} is not a number"));
    }
    let number = u64::from_str_radix(digits, base).map_err(|error| match error.kind() {
        std::num::IntErrorKind::PosOverflow => format!("{text} does not fit into 32 bits"),
        _ if base == 8 => format!("{text} is not a number: the 0 at its start makes it octal"),
        _ => format!("{text} is not a number"),
    })?;
    let number = match is_negative {
        true => i64::try_from(number).ok().map(|number| -number),
        false => i64::try_from(number).ok(),
    };
    let fits = |number: &i64| (i64::from(i32::MIN)..=i64::from(u32::MAX)).contains(number);
    let number = number
        .filter(fits)
        .ok_or_else(|| format!("{text} does not fit into 32 bits"))?;
    // Negative numbers are two's complement.
    Ok(number as u32)
}

fn user(text: &str, host: &Host) -> Result<u32, String> {
    if text == "unset" {
        return Ok(u32::MAX);
    }
    if text.starts_with(|first: char| first.is_ascii_digit() || first == '-') {
        return integer(text);
    }
    (host.user)(text).ok_or_else(|| format!("there is no user {text}"))
}

fn group(text: &str, host: &Host) -> Result<u32, String> {
    if text.starts_with(|first: char| first.is_ascii_digit() || first == '-') {
        return integer(text);
    }
    (host.group)(text).ok_or_else(|| format!("there is no group {text}"))
}

/// The letters of `perm` and `-p`.
pub(crate) fn permissions(text: &str) -> Result<u32, String> {
    if text.len() > PERMISSIONS.len() {
        return Err(format!("{text} has more than four letters"));
    }
    let bit = |letter: u8| {
        let letter = letter.to_ascii_lowercase();
        let row = PERMISSIONS.iter().find(|(own, _)| *own == letter);
        row.map(|(_, bit)| *bit)
    };
    let mut bits = text.bytes().map(bit);
    bits.try_fold(0, |all, bit| Some(all | bit?))
        .ok_or_else(|| format!("{text} has letters other than r, w, x and a"))
}

fn message_type(text: &str) -> Result<u32, String> {
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        return integer(text);
    }
    RecordType::parse(text.as_bytes())
        .map(|record_type| record_type.0.into())
        .ok_or_else(|| format!("there is no record type {text}"))
}

/// The number of an error such as `-EPERM` or, for what is no failure, `EPERM`.
fn error_number(text: &str) -> Option<u32> {
    let (sign, name) = match text.strip_prefix('-') {
        Some(name) => (-1, name),
        None => (1, text),
    };
    let number = (1..=LAST_ERROR).find(|number| errno_name(-number) == Some(name))?;
    Some((sign * number) as u32)
}

/// Why the kernel, or auditctl(8), refuses a field in a list. From kernel/auditfilter.c,
/// `audit_field_valid`, and lib/libaudit.c, `audit_rule_fieldpair_data`, of which the latter
/// refuses more: fields that are known only at the end of a syscall.
pub(crate) fn refuses_field(list: List, field: Field) -> Option<String> {
    let name = field.name().unwrap_or("this field");
    let is_at_exit = matches!(
        field,
        Field::PPID
            | Field::DEVMAJOR
            | Field::DEVMINOR
            | Field::INODE
            | Field::EXIT
            | Field::SUCCESS
            | Field::PATH
            | Field::DIR
            | Field::PERM
            | Field::FILETYPE
            | Field::FIELD_COMPARE
    ) || (Field::OBJ_USER..=Field::OBJ_LEV_HIGH).contains(&field);
    let only = |lists: &str| Some(format!("{name} can only be used in the list {lists}"));
    match field {
        Field::MSGTYPE if list != List::EXCLUDE && list != List::USER => only("exclude or user"),
        Field::FSTYPE if list != List::FILESYSTEM => only("filesystem"),
        Field::FSTYPE | Field::FILTERKEY => None,
        _ if list == List::FILESYSTEM => {
            Some("rules in the list filesystem have no fields but fstype and key".to_owned())
        }
        Field::PERM if list != List::EXIT => only("exit"),
        _ if is_at_exit && !list.has_syscalls() => only("exit or io_uring"),
        Field::SESSIONID if list == List::TASK => only("exit, io_uring, exclude or user"),
        _ => None,
    }
}

/// Why the kernel refuses an operator for a field (`audit_field_valid` and the functions that it
/// calls).
pub(crate) fn refuses_operator(field: Field, operator: Operator, value: &Value) -> Option<String> {
    let name = field.name().unwrap_or("this field");
    let is_equality = matches!(operator, Operator::Equal | Operator::NotEqual);
    let is_bits = matches!(operator, Operator::BitMask | Operator::BitTest);
    let takes = |operators: &str| Some(format!("{name} only takes {operators}"));
    match field {
        Field::PATH | Field::DIR | Field::PERM if operator != Operator::Equal => takes("="),
        Field::ARCH
        | Field::FSTYPE
        | Field::FILETYPE
        | Field::FIELD_COMPARE
        | Field::EXE
        | Field::INODE
        | Field::FILTERKEY
        | Field::SUBJ_USER
        | Field::SUBJ_ROLE
        | Field::SUBJ_TYPE
        | Field::OBJ_USER
        | Field::OBJ_ROLE
        | Field::OBJ_TYPE
            if !is_equality =>
        {
            takes("= and !=")
        }
        Field::LOGINUID if *value == Value::Number(u32::MAX) && !is_equality => {
            Some("an auid that is unset only takes = and !=".to_owned())
        }
        Field::PERS | Field::DEVMINOR => None,
        _ if field.is_argument() => None,
        _ if is_bits => takes("=, !=, <, >, <= and >="),
        _ => None,
    }
}

/// Why the kernel refuses a value (`audit_data_to_entry` and the functions that it calls).
pub(crate) fn refuses_value(field: Field, value: &Value) -> Option<String> {
    let text = match value {
        Value::Number(u32::MAX) if field.is_group() || field.is_user() => {
            // An auid that is unset has a meaning.
            let is_refused = field != Field::LOGINUID;
            return is_refused.then(|| "the kernel takes no id that is unset but auid".to_owned());
        }
        Value::Number(number) => {
            let name = field.name().unwrap_or_default();
            let is_valid = match field {
                Field::FILETYPE => number & !libc::S_IFMT == 0,
                Field::SADDR_FAM => *number < 46,
                _ => true,
            };
            return (!is_valid).then(|| format!("{number} is too large for {name}"));
        }
        Value::Text(text) => text,
    };
    let is_path = matches!(field, Field::PATH | Field::DIR | Field::EXE);
    if is_path && !text.starts_with(b"/") {
        Some("the path must start with /".to_owned())
    } else if is_path && field != Field::DIR && text.ends_with(b"/") {
        Some("the path of a file cannot end with /; use dir for a directory".to_owned())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimal_hexadecimal_or_octal_and_fit() {
        assert_eq!(integer("10"), Ok(10));
        assert_eq!(integer("0x1F"), Ok(31));
        assert_eq!(integer("010"), Ok(8));
        assert_eq!(integer("0"), Ok(0));
        assert_eq!(integer("-1"), Ok(u32::MAX));
        assert_eq!(integer("-0x5"), Ok(-5i32 as u32));
        assert_eq!(integer("4294967295"), Ok(u32::MAX));
        assert_eq!(integer("-2147483648"), Ok(1 << 31));
        for wrong in [
            "",
            "-",
            "0x",
            "5junk",
            "08",
            "+5",
            "0x+5",
            "4294967296",
            "-2147483649",
        ] {
            assert!(integer(wrong).is_err(), "{wrong}");
        }
        assert!(integer("08").unwrap_err().contains("octal"));
        assert!(
            integer("99999999999999999999")
                .unwrap_err()
                .contains("32 bits")
        );
    }

    #[test]
    fn errors_have_names_and_a_sign() {
        assert_eq!(error_number("-EPERM"), Some(-1i32 as u32));
        assert_eq!(error_number("ENOENT"), Some(2));
        assert_eq!(error_number("-ERESTARTSYS"), None);
        assert_eq!(error_number("EAGAIN"), Some(11));
    }

    #[test]
    fn permissions_are_letters_in_any_order_and_case() {
        assert_eq!(permissions("wa"), Ok(10));
        assert_eq!(permissions("AXWR"), Ok(15));
        assert!(permissions("q").is_err() && permissions("rwxar").is_err());
    }
}
