//! The language of audit rules, compared with auditctl on the running kernel; `auditrd rules`; and
//! sessions with `--rules`.

mod generated;
mod session;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use auditrd::{
    RecordType,
    model::{Arch, syscall_number},
    rules::{Host, Ruleset},
};

use crate::{
    common::{Value, auditrd},
    live::audit::{Audit, count_rules, settings, skip},
};

/// The rules that come with auditctl on Debian and Fedora.
const EXAMPLES: [&str; 2] = [
    "/usr/share/doc/auditd/examples/rules",
    "/usr/share/audit-rules",
];

/// The audit subsystem without rules, which is left so.
struct Bare(Audit);

impl Bare {
    fn borrow() -> Option<Bare> {
        let audit = Audit::borrow()?;
        if count_rules() > 0 {
            skip("needs a system without audit rules");
            return None;
        }
        // A record for each rule would fill the log of the kernel.
        audit.turn("0");
        Some(Bare(audit))
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.0.flush();
    }
}

fn run(program: &str, args: &[&str]) -> Output {
    let output = Command::new(program).args(args).output();
    output.expect("the program runs")
}

/// The output of `auditctl -l`.
fn listed() -> Vec<String> {
    let output = run("auditctl", &["-l"]);
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn rules(args: &[&str], files: &[&Path]) -> Output {
    let mut command = auditrd();
    let command = command.arg("rules").args(args).args(files);
    command.output().expect("the binary runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Whether two lines are the same, except that auditctl may have a number where its tables are
/// older than ours.
fn is_same(theirs: &str, ours: &str) -> bool {
    let separators = [' ', ',', '='];
    let arch = if ours.contains("arch=b32") {
        Arch::I386
    } else {
        Arch::X86_64
    };
    let is_number = |theirs: &str, ours: &str| {
        let number: Option<u32> = theirs.parse().ok();
        let record_type = RecordType::parse(ours.as_bytes()).map(|own| own.0.into());
        number.is_some() && (number == syscall_number(arch, ours) || number == record_type)
    };
    let (theirs, ours): (Vec<_>, Vec<_>) = (
        theirs.split(separators).collect(),
        ours.split(separators).collect(),
    );
    let mut words = theirs.iter().zip(&ours);
    theirs.len() == ours.len()
        && words.all(|(theirs, ours)| theirs == ours || is_number(theirs, ours))
}

/// Loads a file with auditctl and with auditrd. The kernel must have the same rules, and both must
/// list them in the same way. Returns the lines.
#[track_caller]
fn assert_same(bare: &mut Bare, file: &Path) -> Vec<String> {
    let name = file.display().to_string();
    run("auditctl", &["-R", &name]);
    let theirs = listed();
    bare.0.flush();
    let loaded = rules(&["load"], &[file]);
    let (ours, own_list) = (listed(), stdout(&rules(&["list"], &[])));
    bare.0.flush();
    let own_list: Vec<String> = own_list.lines().map(str::to_owned).collect();
    let differing: Vec<_> = theirs.iter().filter(|line| !ours.contains(line)).collect();
    let more: Vec<_> = ours.iter().filter(|line| !theirs.contains(line)).collect();
    assert!(
        theirs == ours,
        "{name}: only auditctl: {differing:#?}, only auditrd: {more:#?}\n{}",
        stderr(&loaded)
    );
    assert_eq!(theirs.len(), own_list.len(), "{name}");
    for (theirs, ours) in theirs.iter().zip(&own_list) {
        assert!(is_same(theirs, ours), "{name}:\n{theirs}\n{ours}");
    }
    theirs
}

/// A copy of a file of rules that ignores errors and changes no settings.
fn without_settings(file: &Path, directory: &Path) -> PathBuf {
    let text = fs::read_to_string(file).unwrap();
    let is_setting = |line: &&str| {
        ["-D", "-e", "-f", "-b", "-r", "--"]
            .iter()
            .any(|option| line.trim_start().starts_with(option))
    };
    let lines: Vec<&str> = text.lines().filter(|line| !is_setting(line)).collect();
    let copy = directory.join(file.file_name().unwrap());
    fs::write(&copy, format!("-i\n{}\n", lines.join("\n"))).unwrap();
    copy
}

#[test]
fn every_example_of_auditctl_is_loaded_and_listed_as_auditctl_does() {
    let Some(examples) = EXAMPLES.iter().find(|path| Path::new(path).is_dir()) else {
        return skip("needs the examples of auditctl");
    };
    let Some(mut bare) = Bare::borrow() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let (mut files, mut lines) = (0, 0);
    for entry in fs::read_dir(examples).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "rules")
        {
            let copy = without_settings(&path, directory.path());
            let loaded = assert_same(&mut bare, &copy);
            lines += loaded.iter().filter(|line| line.starts_with('-')).count();
            files += 1;
        }
    }
    assert!(files >= 30 && lines >= 200, "{files} files, {lines} rules");
}

#[test]
fn the_examples_have_no_errors() {
    let Some(examples) = EXAMPLES.iter().find(|path| Path::new(path).is_dir()) else {
        return skip("needs the examples of auditctl");
    };
    let mut rules = Ruleset::default();
    rules.read(Path::new(examples), &Host::current()).unwrap();
    assert!(!rules.has_errors(), "{:#?}", rules.problems);
}

#[test]
fn a_file_of_which_a_rule_is_refused_leaves_nothing() {
    let Some(bare) = Bare::borrow() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("my.rules");
    let other = directory.path().join("other.rules");
    fs::write(&other, "-a never,exit -S 400 -F pid=1 -k other\n").unwrap();
    assert!(rules(&["load"], &[&other]).status.success());
    let (before, settings_before) = (listed(), settings());
    let text = "# A comment.\n-D\n-b 9999\n-a never,exit -S 401 -F pid=1\n\
                -a always,exit -F dir=/no/such/directory -F perm=w\n";
    fs::write(&file, text).unwrap();
    let output = rules(&["load"], &[&file]);
    assert_eq!(output.status.code(), Some(1));
    let expected = format!("auditrd: cannot load {}:5: ", file.display());
    let error = stderr(&output);
    assert!(error.starts_with(&expected), "{error}");
    assert!(error.contains("no such file or directory"), "{error}");
    assert_eq!((listed(), settings()), (before, settings_before));
    drop(bare);
}

#[test]
fn the_configuration_is_locked_only_if_that_is_allowed() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("my.rules");
    for line in ["-e 2", "--loginuid-immutable"] {
        fs::write(&file, format!("-D\n{line}\n")).unwrap();
        let output = rules(&["load"], &[&file]);
        assert_eq!(output.status.code(), Some(1));
        let error = stderr(&output);
        assert!(error.contains("--immutable"), "{error}");
    }
}

#[test]
fn differences_between_files_and_the_kernel_are_found() {
    let Some(mut bare) = Bare::borrow() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("my.rules");
    fs::write(
        &file,
        "-a never,exit -S 400 -F pid=1 -k one\n-a never,exit -F arch=b64 -S 401 -F pid=1\n",
    )
    .unwrap();
    let diff = || rules(&["diff"], &[directory.path()]);
    assert!(rules(&["load"], &[&file]).status.success());
    let same = diff();
    assert_eq!((stdout(&same).as_str(), same.status.code()), ("", Some(0)));
    run(
        "auditctl",
        &["-d", "never,exit", "-S", "400", "-F", "pid=1", "-k", "one"],
    );
    bare.0.rule(&["never,exit", "-S", "402", "-F", "pid=1"]);
    let output = diff();
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].starts_with(&format!("{}:1: not loaded: ", file.display())),
        "{text}"
    );
    assert!(lines[1].starts_with("loaded, but in no file: "), "{text}");
    assert_eq!(lines.len(), 2, "{text}");
}

#[test]
fn mistakes_are_reported_with_their_places_and_without_rights() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("my.rules");
    fs::write(
        &file,
        "-w /etc/shadow -p wq\n-a never,exit -F uid=0\n-a always,exit -F uid=0 -S 2\n",
    )
    .unwrap();
    let output = rules(&["check"], &[&file]);
    assert_eq!(output.status.code(), Some(1));
    let (name, text) = (file.display(), stdout(&output));
    let expected = format!("{name}:1:19: error: wq has letters other than r, w, x and a\n");
    assert!(text.starts_with(&expected), "{text}");
    let shadowed = format!("{name}:3:1: warning: never matches: the rule in {name}:2 ");
    assert!(text.contains(&shadowed), "{text}");
    let json = stdout(&rules(&["check", "--json"], &[&file]));
    let first: Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!((&first["line"], &first["column"]), (&1.into(), &19.into()));
    assert_eq!(first["severity"], "error");
}

#[test]
fn the_rules_that_come_with_auditrd_have_no_problems() {
    let packaged = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/rules");
    let mut rules = Ruleset::default();
    // The second file is for another architecture.
    for file in ["30-auditrd.rules", "31-auditrd-io_uring.rules"] {
        let host = Host {
            arch: Some(Arch::X86_64),
            kind: |_| auditrd::rules::PathKind::Directory,
            kernel: Some((6, 12)),
            ..Host::current()
        };
        rules.read(&packaged.join(file), &host).unwrap();
        let problems = rules.check(&host);
        assert!(problems.is_empty(), "{problems:#?}");
    }
    let host = Host {
        arch: Some(Arch::Aarch64),
        kind: |_| auditrd::rules::PathKind::Directory,
        ..Host::current()
    };
    let mut rules = Ruleset::default();
    let file = packaged.join("30-auditrd-aarch64.rules");
    rules.read(&file, &host).unwrap();
    let problems = rules.check(&host);
    assert!(problems.is_empty(), "{problems:#?}");
}
