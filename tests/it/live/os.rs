//! System calls that std does not wrap, for the tests against the running kernel.
#![expect(
    unsafe_code,
    reason = "std has no way to fork, to lock a file or to speak netlink"
)]

use std::{
    fs::File,
    io, mem,
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd},
        unix::{
            net::UnixDatagram,
            process::{CommandExt, ExitStatusExt},
        },
    },
    process::{Command, ExitStatus},
};

use libc::{c_int, c_long};

fn check(result: c_int) -> io::Result<c_int> {
    match result {
        0.. => Ok(result),
        _ => Err(io::Error::last_os_error()),
    }
}

pub(crate) fn is_root() -> bool {
    // SAFETY: geteuid(2) takes no arguments and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// The version of the running kernel, as two numbers.
pub(crate) fn kernel() -> (u32, u32) {
    // SAFETY: a utsname consists of integers, for which all zero bits are valid.
    let mut name: libc::utsname = unsafe { mem::zeroed() };
    // SAFETY: the structure outlives the call.
    check(unsafe { libc::uname(&raw mut name) }).expect("its only argument is valid");
    let release: Vec<u8> = name.release.iter().map(|c| *c as u8).collect();
    let release = String::from_utf8_lossy(&release);
    let mut numbers = release.split(['.', '-']).map(str::parse);
    let mut next = || numbers.next().expect("two numbers").expect("a number");
    (next(), next())
}

/// Waits for the lock on a file. It belongs to the open file description, so threads exclude each
/// other as processes do, and it is released when the file is closed.
pub(crate) fn lock(file: &File) -> io::Result<()> {
    // SAFETY: flock(2) takes two integers.
    check(unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) }).map(drop)
}

pub(crate) fn kill(pid: u32, signal: c_int) {
    // SAFETY: kill(2) takes two integers. The caller has started the process and not waited for it,
    // so the id has not been reused.
    let killed = check(unsafe { libc::kill(pid.cast_signed(), signal) });
    killed.expect("a child can be sent a signal");
}

fn address(port: u32, groups: u32) -> libc::sockaddr_nl {
    // SAFETY: a sockaddr_nl consists of integers, for which all zero bits are valid.
    let mut address: libc::sockaddr_nl = unsafe { mem::zeroed() };
    address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
    address.nl_pid = port;
    address.nl_groups = groups;
    address
}

const ADDRESS: libc::socklen_t = size_of::<libc::sockaddr_nl>() as libc::socklen_t;

/// An audit socket in the multicast group, as a service manager creates it.
pub(crate) fn listening_socket() -> io::Result<OwnedFd> {
    const READLOG: u32 = 1;
    let socket = audit_socket()?;
    let address = address(0, READLOG);
    // SAFETY: the address is a sockaddr_nl of the given length, and outlives the call.
    check(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), ADDRESS) })?;
    Ok(socket)
}

/// Sets a large receive buffer, as `ReceiveBuffer=` of a unit does.
pub(crate) fn make_room(socket: &OwnedFd) -> io::Result<()> {
    let room: c_int = 64 << 20;
    // SAFETY: the value is an int that outlives the call.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVBUFFORCE,
            (&raw const room).cast(),
            size_of::<c_int>() as libc::socklen_t,
        )
    })
    .map(drop)
}

fn audit_socket() -> io::Result<OwnedFd> {
    let socket_type = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
    // SAFETY: socket(2) takes three integers.
    let fd = check(unsafe { libc::socket(libc::AF_NETLINK, socket_type, libc::NETLINK_AUDIT) })?;
    // SAFETY: the kernel has just returned `fd`, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sends one audit message to the socket with this port; port 0 is the kernel.
pub(crate) fn send(port: u32, message_type: u16, payload: &[u8]) -> io::Result<()> {
    const NLM_F_REQUEST: u16 = 1;
    send_from(&audit_socket()?, port, message_type, NLM_F_REQUEST, payload)
}

/// Sends a request to the kernel, and waits for its acknowledgement.
pub(crate) fn request(message_type: u16, payload: &[u8]) -> io::Result<()> {
    const NLM_F_REQUEST_ACK: u16 = 5;
    const ERROR_AT: usize = 16;
    let socket = audit_socket()?;
    send_from(&socket, 0, message_type, NLM_F_REQUEST_ACK, payload)?;
    let mut answer = [0u8; 4096];
    // SAFETY: the kernel writes at most the length of the array, which outlives the call.
    let received = unsafe {
        libc::recv(
            socket.as_raw_fd(),
            answer.as_mut_ptr().cast(),
            answer.len(),
            0,
        )
    };
    assert!(received >= 20, "an answer has an error number");
    let error = answer[ERROR_AT..ERROR_AT + 4].try_into().expect("four");
    match i32::from_ne_bytes(error) {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(-error)),
    }
}

fn send_from(
    socket: &OwnedFd,
    port: u32,
    message_type: u16,
    flags: u16,
    payload: &[u8],
) -> io::Result<()> {
    let length = u32::try_from(16 + payload.len()).expect("short");
    let mut message = Vec::from(length.to_ne_bytes());
    message.extend(message_type.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(payload);
    let address = address(port, 0);
    // SAFETY: the message and the address are readable for the given lengths.
    let sent = unsafe {
        libc::sendto(
            socket.as_raw_fd(),
            message.as_ptr().cast(),
            message.len(),
            0,
            (&raw const address).cast(),
            ADDRESS,
        )
    };
    match usize::try_from(sent) {
        Ok(_) => Ok(()),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

/// Passes a descriptor to a command as number 3, the first one from a service manager.
pub(crate) fn pass(command: &mut Command, fd: OwnedFd) {
    let give = move || {
        let fd = fd.as_raw_fd();
        // SAFETY: both calls take integers, and may be made between fork and exec.
        check(unsafe { libc::dup2(fd, 3) })?;
        // If it was number 3 already, dup2 has kept its close-on-exec flag.
        // SAFETY: as above.
        check(unsafe { libc::fcntl(3, libc::F_SETFD, 0) }).map(drop)
    };
    // SAFETY: the closure makes two system calls and allocates nothing.
    unsafe { command.pre_exec(give) };
}

/// Runs a workload in a child process, and returns its id.
pub(crate) fn fork(workload: impl FnOnce()) -> u32 {
    fork_with_code(|| {
        workload();
        0
    })
}

/// As `fork`; the child exits with the code that the workload returns, or with 1 if it panics.
pub(crate) fn fork_with_code(workload: impl FnOnce() -> i32) -> u32 {
    // SAFETY: the workload makes system calls and allocations (glibc and musl keep their allocators
    // usable after fork), and the child exits without running the parent's exit handlers.
    match unsafe { libc::fork() } {
        0 => {
            // The child must not wait for a lock of std: another thread of the parent may have held
            // it at the fork.
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(workload));
            if let Err(panic) = &done {
                // The test harness does not capture the output of this process.
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or(panic.downcast_ref::<&str>().copied());
                say(text.unwrap_or("a child of the test panicked"));
            }
            // SAFETY: _exit(2) takes an integer and does not return.
            unsafe { libc::_exit(done.unwrap_or(1)) }
        }
        pid => u32::try_from(pid).expect("a child can be forked"),
    }
}

/// Writes a line to standard error without taking std's lock on it.
fn say(text: &str) {
    let line = [text, "\n"].concat();
    // SAFETY: the line is readable for its length and outlives the call.
    unsafe { libc::write(libc::STDERR_FILENO, line.as_ptr().cast(), line.len()) };
}

/// Waits for a child of `fork`, and returns whether its workload succeeded.
pub(crate) fn wait(pid: u32) -> bool {
    status(pid).success()
}

/// Waits for a child of `fork`, and returns its exit status.
pub(crate) fn status(pid: u32) -> ExitStatus {
    let mut status = 0;
    loop {
        // SAFETY: the status is an int that outlives the call.
        let waited = unsafe { libc::waitpid(pid.cast_signed(), &raw mut status, 0) };
        match check(waited) {
            Ok(_) => return ExitStatus::from_raw(status),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Makes a system call with all arguments 0, which are null where a pointer is expected.
pub(crate) fn bare_syscall(number: c_long) -> i64 {
    // SAFETY: the kernel treats a null pointer as absent, or refuses it.
    unsafe { syscall(number, [0; 6]) }
}

/// Maps memory that is both writable and executable.
pub(crate) fn map_to_run() -> io::Result<()> {
    let (flags, access) = (
        libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
        libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC,
    );
    // SAFETY: the kernel chooses an unused address.
    let place = unsafe { libc::mmap(std::ptr::null_mut(), 4096, access, flags, -1, 0) };
    match place {
        libc::MAP_FAILED => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Makes any system call. Returns its result, or the negated error number, as in `exit=`.
///
/// # Safety
///
/// The arguments must be valid for the system call; pointers must be valid until it returns.
pub(crate) unsafe fn syscall(number: c_long, args: [c_long; 6]) -> i64 {
    let [a, b, c, d, e, f] = args;
    // SAFETY: the caller guarantees it.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    match result {
        0.. => result,
        _ => -i64::from(io::Error::last_os_error().raw_os_error().unwrap_or(0)),
    }
}

/// A pair of connected sockets.
pub(crate) fn socket_pair() -> [UnixDatagram; 2] {
    let (one, other) = UnixDatagram::pair().expect("a pair of sockets");
    [one, other]
}

/// Space for a control message with one descriptor, with the alignment of its header.
type Control = [u64; 3];

/// Calls sendmsg(2) or recvmsg(2) for one byte and one descriptor.
fn with_message<T>(control: &mut Control, call: impl FnOnce(*mut libc::msghdr) -> T) -> T {
    let mut byte = 0u8;
    let mut data = libc::iovec {
        iov_base: (&raw mut byte).cast(),
        iov_len: 1,
    };
    // SAFETY: a msghdr consists of integers and raw pointers, for which all zero bits are valid.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = &raw mut data;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of::<Control>() as _;
    call(&raw mut message)
}

/// Sends a descriptor to the other end.
pub(crate) fn send_fd(socket: &UnixDatagram, fd: i64) {
    let fd = u64::try_from(fd).expect("a descriptor");
    // The header consists of the length, 20, the level and the type; the descriptor follows.
    let control_type = (libc::SOL_SOCKET as u64) | ((libc::SCM_RIGHTS as u64) << 32);
    let mut control = [20, control_type, fd];
    let sent = with_message(&mut control, |message| {
        // SAFETY: the message and all that it points to outlive the call.
        unsafe { libc::sendmsg(socket.as_raw_fd(), message, 0) }
    });
    assert_eq!(sent, 1, "{}", io::Error::last_os_error());
}

/// Receives a descriptor from the other end.
pub(crate) fn receive_fd(socket: &UnixDatagram) -> i64 {
    let mut control = [0; 3];
    let received = with_message(&mut control, |message| {
        // SAFETY: the message and all that it points to outlive the call, and may be written to.
        unsafe { libc::recvmsg(socket.as_raw_fd(), message, 0) }
    });
    assert_eq!(received, 1, "{}", io::Error::last_os_error());
    i64::from(control[2] as u32)
}

/// Creates a file in an open directory.
pub(crate) fn create_at(directory: &File, name: &std::ffi::CStr) -> io::Result<()> {
    let flags = libc::O_CREAT | libc::O_EXCL | libc::O_WRONLY | libc::O_CLOEXEC;
    // SAFETY: the name ends with NUL and outlives the call.
    let fd = check(unsafe { libc::openat(directory.as_raw_fd(), name.as_ptr(), flags, 0o600) })?;
    // SAFETY: the kernel has just returned `fd`, and nobody else owns it.
    drop(unsafe { OwnedFd::from_raw_fd(fd) });
    Ok(())
}

/// Stops one thread of another process, with this thread as its tracer.
pub(crate) fn freeze(thread: u32) {
    let thread = thread as c_int;
    // SAFETY: these requests take no addresses.
    unsafe {
        let seized = libc::ptrace(libc::PTRACE_SEIZE, thread, 0, 0);
        assert_eq!(seized, 0, "{}", io::Error::last_os_error());
        assert_eq!(libc::ptrace(libc::PTRACE_INTERRUPT, thread, 0, 0), 0);
    }
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    let stopped = unsafe { libc::waitpid(thread, &raw mut status, libc::__WALL) };
    assert_eq!(stopped, thread);
}

/// Lets a frozen thread go on. Its tracer must call this.
pub(crate) fn thaw(thread: u32) {
    // SAFETY: this request takes no addresses.
    let detached = unsafe { libc::ptrace(libc::PTRACE_DETACH, thread as c_int, 0, 0) };
    assert_eq!(detached, 0, "{}", io::Error::last_os_error());
}
