//! A confined process attempts forbidden and needed operations.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    os::unix::{
        net::{UnixDatagram, UnixListener, UnixStream},
        process::ExitStatusExt,
    },
    path::Path,
    process::ExitStatus,
    thread,
};

use auditrd::{
    confine::{Confinement, Duty},
    model::{Arch, syscall_number},
};
use rustix::fs::{Mode, OFlags};
use tempfile::tempdir;

use crate::live::{
    audit::{skip, wait_until},
    os,
};

const DUTIES: [Duty; 6] = [
    Duty::Replay,
    Duty::Listen,
    Duty::Inspect,
    Duty::List,
    Duty::Scan,
    Duty::Restore,
];

/// The exit status of a confined process that exits with the errno of `act`, or with 0.
fn attempt(confinement: &Confinement, act: impl FnOnce() -> io::Result<()>) -> ExitStatus {
    os::status(os::fork_with_code(|| {
        confinement.enter().expect("rights can be given up");
        let number = |error: io::Error| error.raw_os_error().expect("an error of the kernel's");
        act().map_or_else(number, |()| 0)
    }))
}

#[track_caller]
fn fails(confinement: &Confinement, error: i32, act: impl FnOnce() -> io::Result<()>) {
    let status = attempt(confinement, act);
    assert_eq!(status.code(), Some(error), "{confinement:?}: {status}");
}

#[track_caller]
fn works(confinement: &Confinement, act: impl FnOnce() -> io::Result<()>) {
    fails(confinement, 0, act);
}

fn call(name: &str) -> io::Result<()> {
    let number = syscall_number(Arch::host().expect("known"), name).expect("it has a number");
    match os::bare_syscall(i64::from(number)) {
        0.. => Ok(()),
        error => Err(io::Error::from_raw_os_error(
            -i32::try_from(error).expect("short"),
        )),
    }
}

fn has_filters() -> bool {
    let known = [Arch::X86_64, Arch::Aarch64, Arch::Riscv64];
    let has = Arch::host().is_some_and(|arch| known.contains(&arch))
        && Path::new("/proc/sys/kernel/seccomp").exists();
    if !has {
        skip("needs a kernel with seccomp filters");
    }
    has
}

fn has_landlock() -> bool {
    let answer = call("landlock_create_ruleset").map_err(|error| error.raw_os_error());
    let has = !matches!(answer, Err(Some(libc::ENOSYS | libc::EOPNOTSUPP)));
    if !has {
        skip("needs a kernel with Landlock");
    }
    has
}

#[test]
fn hostile_system_calls_kill_the_process() {
    if !has_filters() {
        return;
    }
    for duty in DUTIES {
        for name in [
            "execve",
            "execveat",
            "ptrace",
            "process_vm_readv",
            "process_vm_writev",
            "mount",
            "umount2",
            "bpf",
            "init_module",
            "finit_module",
            "kexec_load",
            "setns",
            "unshare",
            "chroot",
            "keyctl",
            "perf_event_open",
            "open_by_handle_at",
        ] {
            let status = attempt(&Confinement::new(duty), || call(name));
            assert_eq!(status.signal(), Some(libc::SIGSYS), "{name}: {status}");
        }
    }
}

#[test]
fn unneeded_system_calls_fail_with_enosys() {
    if !has_filters() {
        return;
    }
    for duty in DUTIES {
        let confinement = Confinement::new(duty);
        for name in [
            "clone",
            "clone3",
            "kill",
            "setuid",
            "setgid",
            "io_uring_setup",
            "memfd_create",
            "mkdirat",
            "mknodat",
            "symlinkat",
            "fchmodat",
            "fchownat",
            "bind",
            "listen",
        ] {
            fails(&confinement, libc::ENOSYS, || call(name));
        }
        fails(&confinement, libc::ENOSYS, os::map_to_run);
        fails(&confinement, libc::ENOSYS, || {
            UdpSocket::bind("127.0.0.1:0").map(drop)
        });
        fails(&confinement, libc::ENOSYS, || UnixStream::pair().map(drop));
    }
    // A listener asks which process has a pid. It may not signal it.
    let listener = Confinement::new(Duty::Listen);
    fails(&listener, libc::ENOSYS, || call("pidfd_send_signal"));
    let replay = Confinement::new(Duty::Replay);
    fails(&replay, libc::ENOSYS, || call("pidfd_open"));
    let inspector = Confinement::new(Duty::Inspect);
    fails(&inspector, libc::ENOSYS, || File::open("/").map(drop));
    fails(&inspector, libc::ENOSYS, || {
        UnixDatagram::unbound().map(drop)
    });
    let scanner = Confinement::new(Duty::Scan);
    fails(&scanner, libc::ENOSYS, || {
        OpenOptions::new().write(true).open("/dev/null").map(drop)
    });
    fails(&scanner, libc::ENOSYS, || UnixDatagram::unbound().map(drop));
    let lister = Confinement::new(Duty::List);
    fails(&lister, libc::ENOSYS, || {
        File::open("/etc/passwd").map(drop)
    });
    fails(&lister, libc::ENOSYS, || UnixDatagram::unbound().map(drop));
    fails(&replay, libc::ENOSYS, || os::listening_socket().map(drop));
}

#[test]
fn no_network_connection_is_possible() {
    if !has_filters() {
        return;
    }
    let directory = tempdir().unwrap();
    let path = directory.path().join("socket");
    let _here = UnixListener::bind(&path).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    for duty in DUTIES {
        let confinement = Confinement::new(duty);
        fails(&confinement, libc::ENOSYS, || {
            TcpStream::connect(address).map(drop)
        });
        fails(&confinement, libc::ENOSYS, || {
            UnixStream::connect(&path).map(drop)
        });
    }
}

#[test]
fn only_the_directory_of_the_output_is_writable() {
    if !has_landlock() {
        return;
    }
    let (ours, others) = (tempdir().unwrap(), tempdir().unwrap());
    let output = ours.path().join("logs/events");
    fs::create_dir(ours.path().join("logs")).unwrap();
    fs::write(others.path().join("there"), "x").unwrap();
    let there = others.path().join("there");
    for duty in [Duty::Replay, Duty::Listen] {
        let mut confinement = Confinement::new(duty);
        confinement.writable.push(output.clone());
        works(&confinement, || {
            let mut file = OpenOptions::new().append(true).create(true).open(&output)?;
            file.write_all(b"line\nto")?;
            assert_eq!(fs::read(&output)?, b"line\nto");
            file.set_len(5)?;
            file.sync_all()?;
            let old = output.with_extension("1");
            fs::rename(&output, &old)?;
            assert_eq!(fs::read_dir(ours.path().join("logs"))?.count(), 1);
            fs::remove_file(old)
        });
        fails(&confinement, libc::EACCES, || {
            File::create(others.path().join("new")).map(drop)
        });
        fails(&confinement, libc::EACCES, || {
            OpenOptions::new().append(true).open(&there).map(drop)
        });
        fails(&confinement, libc::EACCES, || File::open(&there).map(drop));
        fails(&confinement, libc::EACCES, || fs::remove_file(&there));
        fails(&confinement, libc::EACCES, || {
            File::open("/etc/passwd").map(drop)
        });
    }
    assert_eq!(fs::read(&there).unwrap(), b"x");
}

#[test]
fn a_process_that_reads_directories_can_open_nothing_else() {
    if !has_landlock() {
        return;
    }
    let open = |flags: i32, path: &'static str| {
        move || {
            // Not by std, which calls open(2) with some C libraries.
            let flags = OFlags::from_bits_retain((flags | libc::O_NOFOLLOW).cast_unsigned());
            let opened = rustix::fs::openat(rustix::fs::CWD, path, flags, Mode::empty());
            Ok(opened.map(drop)?)
        }
    };
    let lister = Confinement::new(Duty::List);
    works(&lister, open(libc::O_DIRECTORY, "/etc"));
    fails(
        &lister,
        libc::ENOTDIR,
        open(libc::O_DIRECTORY, "/etc/passwd"),
    );
}

#[test]
fn a_shared_directory_is_granted_without_its_parent() {
    if !has_landlock() {
        return;
    }
    let above = tempdir().unwrap();
    let shared = above.path().join("log");
    fs::create_dir(&shared).unwrap();
    fs::write(shared.join("others"), "").unwrap();
    let mut confinement = Confinement::new(Duty::Replay);
    confinement.writable.push(shared.join("events"));
    works(&confinement, || {
        File::create(shared.join("events")).map(drop)
    });
    fails(&confinement, libc::EACCES, || {
        File::create(above.path().join("beside")).map(drop)
    });
}

#[test]
fn the_outputs_own_directory_may_be_recreated() {
    let above = tempdir().unwrap();
    let own = above.path().join("auditrd");
    fs::create_dir(&own).unwrap();
    let (gone, back) = (above.path().join("gone"), above.path().join("back"));
    let mut confinement = Confinement::new(Duty::Replay);
    confinement.writable.push(own.join("events"));
    let child = os::fork_with_code(|| {
        confinement.enter().expect("rights can be given up");
        drop(File::create(own.join("events")).expect("it is there"));
        fs::write(&gone, "").expect("it is above");
        wait_until("it is back", || back.exists().then_some(()));
        drop(File::create(own.join("events")).expect("it is there again"));
        0
    });
    wait_until("it was used", || gone.exists().then_some(()));
    fs::remove_dir_all(&own).unwrap();
    fs::create_dir(&own).unwrap();
    fs::write(&back, "").unwrap();
    assert!(os::wait(child));
    assert!(own.join("events").exists());
}

#[test]
fn a_device_as_output_grants_no_directory() {
    if !has_landlock() {
        return;
    }
    let mut confinement = Confinement::new(Duty::Replay);
    confinement.writable.push("/dev/null".into());
    works(&confinement, || {
        OpenOptions::new().append(true).open("/dev/null").map(drop)
    });
    fails(&confinement, libc::EACCES, || {
        OpenOptions::new().append(true).open("/dev/zero").map(drop)
    });
}

#[test]
fn needed_system_calls_work() {
    let manager = tempdir().unwrap();
    let manager = manager.path().join("notify");
    let listening = UnixDatagram::bind(&manager).unwrap();
    for duty in [Duty::Replay, Duty::Listen] {
        let confinement = Confinement::new(duty);
        works(&confinement, || {
            let thread = thread::Builder::new().name("reader".to_owned());
            let sum =
                thread.spawn(|| (0..100_000).map(|n| vec![n; 2]).map(|v| v[1]).sum::<u64>())?;
            assert!(sum.join().expect("threads run") > 0);
            // As for sd_notify(3).
            UnixDatagram::unbound()?.send_to(b"READY=1", &manager)?;
            Ok(())
        });
        assert_eq!(listening.recv(&mut [0; 16]).unwrap(), 7);
    }
    works(&Confinement::new(Duty::Listen), || {
        fs::read("/proc/1/comm").map(drop)
    });
    works(&Confinement::new(Duty::Inspect), || {
        fs::symlink_metadata("/").map(drop)
    });
    works(&Confinement::new(Duty::Scan), || {
        fs::read_dir("/proc")?.count();
        fs::read_link("/proc/1/cwd").or_else(|_| fs::read_link("/proc/self/exe"))?;
        fs::read("/proc/1/cmdline").map(drop)
    });
}

#[test]
fn a_confined_process_can_panic() {
    for duty in DUTIES {
        let status = attempt(&Confinement::new(duty), || std::process::abort());
        assert_eq!(status.signal(), Some(libc::SIGABRT), "{status}");
    }
}
