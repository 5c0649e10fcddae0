//! Rules over all fields, operators and lists, loaded by auditctl and by auditrd.

use std::{fs, process::Command};

use auditrd::{
    model::Arch,
    rules::{Field, Host, Rule},
};
use proptest::prelude::*;

use super::{Bare, assert_same};
use crate::live::audit::skip;

const OPERATORS: [&str; 8] = ["=", "!=", "<", ">", "<=", ">=", "&", "&="];
const LISTS: [&str; 5] = ["exit", "user", "task", "exclude", "filesystem"];

/// Values for each field: some that are valid, some of each kind that is not.
const VALUES: &[(&str, &[&str])] = &[
    ("pid", &["0", "5", "0x10", "010", "4294967295"]),
    ("ppid", &["1", "x"]),
    (
        "uid",
        &[
            "0",
            "root",
            "daemon",
            "4294967294",
            "-2",
            "no-such-user",
            "-1",
            "unset",
        ],
    ),
    ("euid", &["0", "bin"]),
    ("suid", &["7"]),
    ("fsuid", &["7"]),
    ("auid", &["unset", "-1", "4294967295", "1000", "root"]),
    ("loginuid", &["1001"]),
    ("obj_uid", &["8"]),
    ("gid", &["0", "root", "daemon", "no-such-group", "unset"]),
    ("egid", &["9"]),
    ("sgid", &["9"]),
    ("fsgid", &["9"]),
    ("obj_gid", &["9"]),
    ("sessionid", &["5", "unset", "-1"]),
    ("pers", &["8", "0x0004000"]),
    (
        "arch",
        &[
            "b64",
            "b32",
            "x86_64",
            "i386",
            "0xc000003e",
            "c000003e",
            "aarch64",
            "vax",
        ],
    ),
    (
        "msgtype",
        &["CWD", "1300", "USER_LOGIN", "1112", "NOSUCH", "2999"],
    ),
    ("subj_user", &["user_u"]),
    ("subj_role", &["user_r"]),
    ("subj_type", &["user_t"]),
    ("subj_sen", &["s0"]),
    ("subj_clr", &["s15:c0.c1023"]),
    ("obj_user", &["user_u"]),
    ("obj_role", &["user_r"]),
    ("obj_type", &["user_t"]),
    ("obj_lev_low", &["s0"]),
    ("obj_lev_high", &["s15"]),
    ("devmajor", &["8", "0x8"]),
    ("devminor", &["1"]),
    ("inode", &["12345", "4294967295"]),
    (
        "exit",
        &[
            "0", "-1", "EPERM", "-ENOENT", "-516", "-4095", "5", "-ENOSUCH",
        ],
    ),
    ("success", &["0", "1", "yes"]),
    (
        "path",
        &[
            "/etc/passwd",
            "/etc/no-such-file",
            "/etc/",
            "etc",
            "/no/such/file",
            "/",
        ],
    ),
    ("dir", &["/etc", "/usr/", "/no/such/directory", "/"]),
    ("perm", &["r", "wa", "rwxa", "AX", "q", "rwxar"]),
    (
        "filetype",
        &[
            "file",
            "dir",
            "socket",
            "link",
            "character",
            "block",
            "fifo",
            "door",
        ],
    ),
    ("saddr_fam", &["2", "10", "45", "46"]),
    (
        "exe",
        &[
            "/usr/bin/true",
            "/usr/bin/no-such-program",
            "/no/such/program",
            "true",
        ],
    ),
    ("fstype", &["tracefs", "debugfs", "0xef53", "nosuchfs"]),
    ("a0", &["0", "0x80000000", "-1", "4294967295", "x"]),
    ("a1", &["1"]),
    ("a2", &["2"]),
    ("a3", &["3"]),
    ("nosuch", &["1"]),
];

/// Whether both versions of auditctl and the kernel agree on a line as auditrd does.
fn is_comparable(list: &str, field: &str, operator: &str) -> bool {
    // auditctl 3.0 refuses what 3.1 takes here.
    let is_of_every_version = matches!(field, "pid" | "uid" | "gid" | "auid" | "msgtype" | "exe")
        || field.starts_with("subj_");
    // auditctl 3.0 lists this as =.
    let is_listed_wrong = (field, operator) == ("exe", "!=");
    (list != "exclude" || is_of_every_version) && !is_listed_wrong
}

/// Every operator with the first value of each field, and every value with the first operator; in
/// the lists other than `exit`, only the first of both. Deleting a rule takes the kernel a while.
fn fields() -> Vec<String> {
    let mut lines = Vec::new();
    for list in LISTS {
        for (field, values) in VALUES {
            let operators = OPERATORS.iter().map(|operator| (*operator, values[0]));
            let values = values.iter().skip(1).map(|value| (OPERATORS[0], *value));
            let all: Vec<_> = operators.chain(values).collect();
            let count = if list == "exit" { all.len() } else { 1 };
            for (operator, value) in &all[..count] {
                if is_comparable(list, field, operator) {
                    lines.push(format!("-a never,{list} -F {field}{operator}{value}"));
                }
            }
        }
    }
    lines
}

fn comparisons() -> Vec<String> {
    let fields = [
        "uid", "euid", "suid", "fsuid", "auid", "obj_uid", "gid", "egid", "sgid", "fsgid",
        "obj_gid",
    ];
    let mut lines = Vec::new();
    for left in fields {
        for right in fields {
            for operator in ["=", "!=", ">"] {
                lines.push(format!("-a never,exit -C {left}{operator}{right}"));
            }
        }
    }
    lines.push("-a never,user -C uid=euid".to_owned());
    lines
}

/// Keys, watches, orders of options, and mistakes.
const LINES: &[&str] = &[
    "-w /etc/shadow",
    "-w /etc/shadow -p wa",
    "-w /etc/shadow -p r -p w -k a",
    "-w /etc/ -p wa -k two -k keys",
    "-w /etc//passwd// -p x",
    "-w /usr -F uid=0 -k x",
    "-w /etc/group -S open",
    "-w /etc/with\\ a\\ space -p wa",
    "-w /etc/with\\\\a\\\\backslash -p wa",
    "-w etc",
    "-p wa -w /etc/order",
    "-k x -w /etc/order",
    "-w /etc/order -p q",
    "-a exit,never -S 59",
    "-A never,exit -S 60",
    "-A never,exit -S 61",
    "-a never,exit -S all -F uid=11",
    "-a never,exit -S open,close,all -F uid=12",
    "-a never,exit -F arch=b64 -S open,close -S read -F uid=13",
    "-a never,exit -F arch=b64 -S ,open,,close, -F uid=14",
    "-a never,exit -F arch=b64 -S OPEN -F uid=15",
    "-a never,exit -F arch=b64 -S nosuch -F uid=16",
    "-a never,exit -F arch=b64 -S 2048 -F uid=17",
    "-a never,exit -S open -F arch=b64",
    "-a never,exit -F arch=b32 -S socketcall,stime,ipc -F uid=18",
    "-a never,exit -F arch=b32 -F arch=b64 -S 3 -F uid=19",
    "-S open -a never,exit -F uid=20",
    "-a never,exit -F uid=21 -k key",
    "-a never,exit -F uid=22 -F key=key",
    "-a never,exit -S 5 -F uid=23 -F key=key -k other",
    "-a never,exit -F path=/etc/a -k key -F uid=24",
    "-a never,exit -F path=/etc/a -F path=/etc/b",
    "-a never,exit -F dir=/etc -F inode=5",
    "-a never,exit -F exe=/usr/bin/true -F exe=/usr/bin/false",
    "-a never,exit -F perm=wa -F uid=25",
    "-a never,exit -F path=/etc/c -p wa",
    "-a never,task -S open",
    "-a never,task -k key",
    "-a never,user -S open",
    "-a never,exclude -S open",
    "-a never,filesystem -F fstype=tracefs -k key",
    "-a never,filesystem -S open",
    "-a never",
    "-a never,never",
    "-a exit,exit",
    "-a never,exit,x",
    "-a possible,exit",
    "-a never,exit -F uid",
    "-a never,exit -F =0",
    "-a never,exit -F uid=",
    "-F uid=0",
    "-S open",
    "-a never,exit extra",
    "-a never,exit -a never,exit",
    "-anever,exit -S59 -Fuid=26 -kkey",
    "-a never,exit  -S   59  -F uid=27  ",
    "-d never,exit -S 59",
    "-a always,exclude -F msgtype=EOE",
    "-a never,user",
    "-a never,task",
    "\t-a never,exit -F uid=28",
    "# -a never,exit -F uid=30",
    "   # -a never,exit -F uid=31",
    "-a never,exit -F uid=32 # no comment",
    "-a never,exit -S \"open\" -F uid=33",
    "-a never,exit -S 5 -F uid=34 -k \"quoted\"",
    "--nosuch",
    "-z",
];

/// Every number of a syscall, of both architectures, and every error and record type, many in one
/// rule.
fn numbers() -> Vec<String> {
    let list = |numbers: Vec<String>| numbers.join(",");
    let calls = ["b64", "b32"].map(|arch| {
        let numbers = (0..480).map(|number| number.to_string()).collect();
        format!("-a never,exit -F arch={arch} -S {}", list(numbers))
    });
    let conditions = |start: &str, field: &str, numbers: std::ops::Range<u32>| {
        let all: Vec<String> = numbers
            .map(|number| format!("-F {field}{number}"))
            .collect();
        let rules = all
            .chunks(60)
            .map(|chunk| format!("{start} {}", chunk.join(" ")));
        rules.collect::<Vec<String>>()
    };
    let errors = conditions("-a never,exit -F arch=b64 -S 1", "exit!=-", 1..600);
    let types = conditions("-a never,exclude", "msgtype!=", 1100..1900);
    calls.into_iter().chain(errors).chain(types).collect()
}

#[test]
fn rules_over_all_fields_operators_and_lists_are_loaded_and_listed_as_auditctl_does() {
    if Arch::host() != Some(Arch::X86_64) {
        return skip("needs x86_64");
    }
    if Command::new("auditctl").arg("-v").output().is_err() {
        return skip("needs auditctl");
    }
    let Some(mut bare) = Bare::borrow() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let mut count = 0;
    let mut compare = |name: &str, lines: &[String]| {
        let file = directory.path().join(name);
        fs::write(&file, format!("-i\n{}\n", lines.join("\n"))).unwrap();
        let listed = assert_same(&mut bare, &file);
        assert!(listed.len() >= 24, "{name}: {listed:?}");
        count += listed.len();
        listed
    };
    compare("fields", &fields());
    compare("comparisons", &comparisons());
    let lines: Vec<String> = LINES.iter().map(|line| (*line).to_owned()).collect();
    compare("lines", &lines);
    let listed = compare("numbers", &numbers());
    // The same by the names that auditctl lists.
    compare("names", &listed);
    assert!(count >= 350, "{count} rules were compared");
}

/// A condition as text: one of the valid ones above.
fn condition() -> impl Strategy<Value = String> {
    let field = prop::sample::select(VALUES).prop_flat_map(|(field, values)| {
        let value = prop::sample::select(values);
        (Just(field), prop::sample::select(&OPERATORS[..]), value)
    });
    let number = (
        0u32..,
        prop::sample::select(vec!["a0", "pid", "uid", "exit", "devmajor"]),
    );
    prop_oneof![
        4 => field.prop_map(|(field, operator, value)| format!("-F {field}{operator}{value}")),
        1 => number.prop_map(|(number, field)| format!("-F {field}>={number}")),
        1 => "[a-z /\\\\\"=]{1,20}".prop_map(|key| {
            format!("-F key={}", key.replace('\\', "\\\\").replace(' ', "\\ "))
        }),
        1 => Just("-C uid!=euid".to_owned()),
    ]
}

proptest! {
    #[test]
    fn a_rule_is_the_same_after_the_kernels_form_and_after_its_line(
        list in prop::sample::select(&["exit", "user", "task", "exclude", "filesystem", "io_uring"][..]),
        action in prop::sample::select(&["always", "never"][..]),
        calls in prop::collection::vec(0u32..2032, 0..4),
        conditions in prop::collection::vec(condition(), 0..4),
    ) {
        let calls: String = calls.iter().map(|number| format!(" -S {number}")).collect();
        let (before, after): (Vec<String>, Vec<String>) =
            conditions.into_iter().partition(|one| one.contains("arch"));
        let line = format!("-a {action},{list} {}{calls} {}", before.join(" "), after.join(" "));
        let host = Host::current();
        if let Ok(rule) = Rule::parse(line.as_bytes(), &host) {
            prop_assert_eq!(Rule::read(&rule.to_bytes()), Some(rule.clone()));
            let again = rule.to_line();
            let read = Rule::parse(&again, &host);
            prop_assert_eq!(read, Ok(rule.clone()), "{}", String::from_utf8_lossy(&again));
            // What auditctl lists is a rule too, unless a value has spaces or the arch is foreign.
            let listing = rule.to_string();
            let has_escapes = line.contains('\\');
            let has_arch = rule.conditions_on(Field::ARCH).next().is_some();
            if listing.starts_with("-a") && !has_escapes && !has_arch {
                let read = Rule::parse(listing.as_bytes(), &host);
                prop_assert_eq!(read, Ok(rule), "{}", listing);
            }
        }
    }
}
