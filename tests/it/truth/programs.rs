//! Programs that are started, by a name or by a descriptor.

use std::path::Path;

use libc::{AT_EMPTY_PATH, AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_RDONLY};

use super::{
    FILES, hold,
    workload::{Workload, call, quiet},
};

/// Starts a program in a child process, and says what it was asked for.
fn start(w: &mut Workload, fd: i64, name: &str, flags: i32, path: &str) {
    let path = path.to_owned();
    w.child(|w| {
        // It is said before it is done, since the new program says nothing. Under a descriptor only
        // the live system can confirm the program, and it may be asked too late.
        let said = w.say("execveat", 0).process().path(path);
        drop(match fd == i64::from(AT_FDCWD) {
            true => said,
            false => said.or_unresolved(),
        });
        let argv = vec![c"true".as_ptr() as u64, 0];
        let mut args = [fd.into(), name.into(), argv.into(), 0.into(), flags.into()];
        w.quiet("execveat", &mut args);
    });
}

#[test]
fn a_program_is_the_file_that_was_asked_for() {
    let calls = [FILES, "execve execveat clone clone3 fork vfork"];
    let copy = |root: &Path| {
        std::fs::create_dir(root.join("bin")).expect("a directory");
        std::fs::copy("/bin/true", root.join("bin/true")).expect("a program");
    };
    hold(&calls, copy, |w| {
        let program = format!("{}/bin/true", w.root);
        let cwd = i64::from(AT_FDCWD);
        start(w, cwd, &program, 0, &program);
        start(w, cwd, "bin/../bin//true", 0, &program);
        let bin = call!(w, openat(AT_FDCWD, "bin", O_RDONLY | O_DIRECTORY))
            .at("bin")
            .fd();
        start(w, bin, "true", 0, &program);
        start(w, bin, "./true", 0, &program);
        let file = call!(w, openat(AT_FDCWD, "bin/true", O_RDONLY | O_CLOEXEC))
            .at("bin/true")
            .fd();
        start(w, file, "", AT_EMPTY_PATH, &program);
        quiet!(w, chdir("bin"));
        start(w, cwd, "true", 0, &program);
        call!(w, renameat(AT_FDCWD, "../bin", AT_FDCWD, "../sbin"))
            .at("bin")
            .to("sbin");
        start(
            w,
            bin,
            "true",
            0,
            &program.replace("/bin/true", "/sbin/true"),
        );
    });
}
