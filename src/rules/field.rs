//! The fields of a rule, and the operators that compare them with a value: the numbers of
//! `linux/include/uapi/linux/audit.h` under the names of auditctl(8).

/// A field that a rule tests, by its kernel number (`AUDIT_PID` and so on).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Field(pub u32);

#[allow(missing_docs, reason = "the constants have the kernel's names")]
impl Field {
    pub const PID: Field = Field(0);
    pub const UID: Field = Field(1);
    pub const EUID: Field = Field(2);
    pub const SUID: Field = Field(3);
    pub const FSUID: Field = Field(4);
    pub const GID: Field = Field(5);
    pub const EGID: Field = Field(6);
    pub const SGID: Field = Field(7);
    pub const FSGID: Field = Field(8);
    pub const LOGINUID: Field = Field(9);
    pub const PERS: Field = Field(10);
    pub const ARCH: Field = Field(11);
    pub const MSGTYPE: Field = Field(12);
    pub const SUBJ_USER: Field = Field(13);
    pub const SUBJ_ROLE: Field = Field(14);
    pub const SUBJ_TYPE: Field = Field(15);
    pub const SUBJ_SEN: Field = Field(16);
    pub const SUBJ_CLR: Field = Field(17);
    pub const PPID: Field = Field(18);
    pub const OBJ_USER: Field = Field(19);
    pub const OBJ_ROLE: Field = Field(20);
    pub const OBJ_TYPE: Field = Field(21);
    pub const OBJ_LEV_LOW: Field = Field(22);
    pub const OBJ_LEV_HIGH: Field = Field(23);
    pub const LOGINUID_SET: Field = Field(24);
    pub const SESSIONID: Field = Field(25);
    pub const FSTYPE: Field = Field(26);
    pub const DEVMAJOR: Field = Field(100);
    pub const DEVMINOR: Field = Field(101);
    pub const INODE: Field = Field(102);
    pub const EXIT: Field = Field(103);
    pub const SUCCESS: Field = Field(104);
    pub const PATH: Field = Field(105);
    pub const PERM: Field = Field(106);
    pub const DIR: Field = Field(107);
    pub const FILETYPE: Field = Field(108);
    pub const OBJ_UID: Field = Field(109);
    pub const OBJ_GID: Field = Field(110);
    pub const FIELD_COMPARE: Field = Field(111);
    pub const EXE: Field = Field(112);
    pub const SADDR_FAM: Field = Field(113);
    pub const ARG0: Field = Field(200);
    pub const ARG1: Field = Field(201);
    pub const ARG2: Field = Field(202);
    pub const ARG3: Field = Field(203);
    pub const FILTERKEY: Field = Field(210);
}

/// The names of auditctl(8). `AUDIT_WATCH` is `path`, and `AUDIT_FILTERKEY` is `key`.
const NAMES: &[(Field, &str)] = &[
    (Field::PID, "pid"),
    (Field::UID, "uid"),
    (Field::EUID, "euid"),
    (Field::SUID, "suid"),
    (Field::FSUID, "fsuid"),
    (Field::GID, "gid"),
    (Field::EGID, "egid"),
    (Field::SGID, "sgid"),
    (Field::FSGID, "fsgid"),
    (Field::LOGINUID, "auid"),
    (Field::PERS, "pers"),
    (Field::ARCH, "arch"),
    (Field::MSGTYPE, "msgtype"),
    (Field::SUBJ_USER, "subj_user"),
    (Field::SUBJ_ROLE, "subj_role"),
    (Field::SUBJ_TYPE, "subj_type"),
    (Field::SUBJ_SEN, "subj_sen"),
    (Field::SUBJ_CLR, "subj_clr"),
    (Field::PPID, "ppid"),
    (Field::OBJ_USER, "obj_user"),
    (Field::OBJ_ROLE, "obj_role"),
    (Field::OBJ_TYPE, "obj_type"),
    (Field::OBJ_LEV_LOW, "obj_lev_low"),
    (Field::OBJ_LEV_HIGH, "obj_lev_high"),
    (Field::SESSIONID, "sessionid"),
    (Field::FSTYPE, "fstype"),
    (Field::DEVMAJOR, "devmajor"),
    (Field::DEVMINOR, "devminor"),
    (Field::INODE, "inode"),
    (Field::EXIT, "exit"),
    (Field::SUCCESS, "success"),
    (Field::PATH, "path"),
    (Field::PERM, "perm"),
    (Field::DIR, "dir"),
    (Field::FILETYPE, "filetype"),
    (Field::OBJ_UID, "obj_uid"),
    (Field::OBJ_GID, "obj_gid"),
    (Field::FIELD_COMPARE, "field_compare"),
    (Field::EXE, "exe"),
    (Field::SADDR_FAM, "saddr_fam"),
    (Field::ARG0, "a0"),
    (Field::ARG1, "a1"),
    (Field::ARG2, "a2"),
    (Field::ARG3, "a3"),
    (Field::FILTERKEY, "key"),
];

impl Field {
    /// The name in the language of auditctl(8), if it has one.
    ///
    /// ```
    /// use auditrd::rules::Field;
    ///
    /// assert_eq!(Field::LOGINUID.name(), Some("auid"));
    /// assert_eq!(Field::parse("loginuid"), Some(Field::LOGINUID));
    /// ```
    pub fn name(self) -> Option<&'static str> {
        let named = NAMES.iter().find(|(field, _)| *field == self);
        named.map(|(_, name)| *name)
    }

    /// The field of a name. Upper and lower case are the same to auditctl(8).
    pub fn parse(name: &str) -> Option<Field> {
        let name = if name.eq_ignore_ascii_case("loginuid") {
            "auid"
        } else {
            name
        };
        let named = NAMES.iter().find(|(_, own)| own.eq_ignore_ascii_case(name));
        named.map(|(field, _)| *field)
    }

    /// Whether the value is a text, whose length is in `audit_rule_data.values` (kernel/
    /// auditfilter.c, `audit_krule_to_data`).
    pub fn is_text(self) -> bool {
        let is_label = (13..=23).contains(&self.0) && self != Field::PPID;
        is_label
            || matches!(
                self,
                Field::PATH | Field::DIR | Field::EXE | Field::FILTERKEY
            )
    }

    /// Whether the value is a user id.
    pub(crate) fn is_user(self) -> bool {
        matches!(
            self,
            Field::UID
                | Field::EUID
                | Field::SUID
                | Field::FSUID
                | Field::LOGINUID
                | Field::OBJ_UID
        )
    }

    /// Whether the value is a group id.
    pub(crate) fn is_group(self) -> bool {
        matches!(
            self,
            Field::GID | Field::EGID | Field::SGID | Field::FSGID | Field::OBJ_GID
        )
    }

    /// Whether the value is an argument of the syscall.
    pub(crate) fn is_argument(self) -> bool {
        (Field::ARG0..=Field::ARG3).contains(&self)
    }
}

/// How a field is compared with a value.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `>`
    Greater,
    /// `<=`
    LessOrEqual,
    /// `>=`
    GreaterOrEqual,
    /// `&`: at least one of the bits is set.
    BitMask,
    /// `&=`: all of the bits are set.
    BitTest,
}

/// The operators in the order in which auditctl(8) looks for them in a text: the longer ones first.
const OPERATORS: &[(Operator, &str, u32)] = &[
    (Operator::NotEqual, "!=", 0x3000_0000),
    (Operator::GreaterOrEqual, ">=", 0x6000_0000),
    (Operator::LessOrEqual, "<=", 0x5000_0000),
    (Operator::BitTest, "&=", 0x4800_0000),
    (Operator::Equal, "=", 0x4000_0000),
    (Operator::Greater, ">", 0x2000_0000),
    (Operator::Less, "<", 0x1000_0000),
    (Operator::BitMask, "&", 0x0800_0000),
];

impl Operator {
    /// The operator as text.
    pub fn symbol(self) -> &'static str {
        self.row().1
    }

    /// The kernel's number (`AUDIT_EQUAL` and so on).
    pub(crate) fn number(self) -> u32 {
        self.row().2
    }

    /// The operator of a kernel's number.
    pub(crate) fn of(number: u32) -> Option<Operator> {
        let row = OPERATORS.iter().find(|(_, _, own)| *own == number);
        row.map(|(operator, ..)| *operator)
    }

    fn row(self) -> &'static (Operator, &'static str, u32) {
        let row = OPERATORS.iter().find(|(operator, ..)| *operator == self);
        row.unwrap_or(&OPERATORS[4])
    }

    /// Splits `name<operator>value` as auditctl(8) does: at the first place of the operator that
    /// comes first in its order, wherever others are.
    pub(crate) fn split(text: &[u8]) -> Option<(&[u8], Operator, &[u8])> {
        OPERATORS.iter().find_map(|(operator, symbol, _)| {
            let at = memchr::memmem::find(text, symbol.as_bytes())?;
            Some((&text[..at], *operator, &text[at + symbol.len()..]))
        })
    }
}

/// The pairs of fields that `-C` compares, by the kernel's number (`AUDIT_COMPARE_*`), in the order
/// in which auditctl(8) lists them.
const COMPARISONS: &[(u32, Field, Field)] = &[
    (1, Field::UID, Field::OBJ_UID),
    (2, Field::GID, Field::OBJ_GID),
    (3, Field::EUID, Field::OBJ_UID),
    (4, Field::EGID, Field::OBJ_GID),
    (5, Field::LOGINUID, Field::OBJ_UID),
    (6, Field::SUID, Field::OBJ_UID),
    (7, Field::SGID, Field::OBJ_GID),
    (8, Field::FSUID, Field::OBJ_UID),
    (9, Field::FSGID, Field::OBJ_GID),
    (10, Field::UID, Field::LOGINUID),
    (11, Field::UID, Field::EUID),
    (12, Field::UID, Field::FSUID),
    (13, Field::UID, Field::SUID),
    (14, Field::LOGINUID, Field::FSUID),
    (15, Field::LOGINUID, Field::SUID),
    (16, Field::LOGINUID, Field::EUID),
    (17, Field::EUID, Field::SUID),
    (18, Field::EUID, Field::FSUID),
    (19, Field::SUID, Field::FSUID),
    (20, Field::GID, Field::EGID),
    (21, Field::GID, Field::FSGID),
    (22, Field::GID, Field::SGID),
    (23, Field::EGID, Field::FSGID),
    (24, Field::EGID, Field::SGID),
    (25, Field::SGID, Field::FSGID),
];

/// The kernel's number for comparing two fields with each other, in either order.
pub(crate) fn comparison(one: Field, other: Field) -> Option<u32> {
    let row = COMPARISONS.iter().find(|(_, left, right)| {
        (*left, *right) == (one, other) || (*left, *right) == (other, one)
    });
    row.map(|(number, ..)| *number)
}

/// The two fields of a comparison.
pub(crate) fn compared(number: u32) -> Option<(Field, Field)> {
    let row = COMPARISONS.iter().find(|(own, ..)| *own == number);
    row.map(|(_, left, right)| (*left, *right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_operator_wins_wherever_it_stands() {
        let split = |text: &'static str| {
            let (field, operator, value) = Operator::split(text.as_bytes()).unwrap();
            (
                std::str::from_utf8(field).unwrap(),
                operator,
                std::str::from_utf8(value).unwrap(),
            )
        };
        assert_eq!(split("a0&=3"), ("a0", Operator::BitTest, "3"));
        assert_eq!(split("a0&3"), ("a0", Operator::BitMask, "3"));
        assert_eq!(split("uid>=3"), ("uid", Operator::GreaterOrEqual, "3"));
        assert_eq!(split("path=/a<b"), ("path", Operator::Equal, "/a<b"));
        assert_eq!(split("path=/a!=b"), ("path=/a", Operator::NotEqual, "b"));
        assert_eq!(Operator::split(b"uid"), None);
    }

    #[test]
    fn operators_and_names_map_back() {
        for (operator, ..) in OPERATORS {
            assert_eq!(Operator::of(operator.number()), Some(*operator));
        }
        for (field, name) in NAMES {
            assert_eq!(Field::parse(name), Some(*field));
            assert_eq!(field.name(), Some(*name));
        }
        assert_eq!(Operator::of(0), None);
        assert_eq!(Field(24).name(), None);
    }

    #[test]
    fn fields_are_compared_in_either_order_within_their_kind() {
        assert_eq!(comparison(Field::EUID, Field::UID), Some(11));
        assert_eq!(comparison(Field::UID, Field::GID), None);
        assert_eq!(comparison(Field::UID, Field::UID), None);
        for (number, left, right) in COMPARISONS {
            assert_eq!(comparison(*right, *left), Some(*number));
            assert_eq!(compared(*number), Some((*left, *right)));
        }
    }
}
