//! The system calls that std does not have, for the tests that run against this kernel.
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
    // SAFETY: geteuid(2) takes nothing and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// Waits for the lock on a file. It is of this opening of the file, so that threads wait for each
/// other as processes do, and goes with it.
pub(crate) fn lock(file: &File) -> io::Result<()> {
    // SAFETY: flock(2) takes two integers.
    check(unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) }).map(drop)
}

pub(crate) fn kill(pid: u32, signal: c_int) {
    // SAFETY: kill(2) takes two integers; the process is one that the caller started and has not
    // waited for, so that the number is still its own.
    let killed = check(unsafe { libc::kill(pid.cast_signed(), signal) });
    killed.expect("a child can be sent a signal");
}

fn address(port: u32, groups: u32) -> libc::sockaddr_nl {
    // SAFETY: a sockaddr_nl is integers only, for which all bits zero is a value.
    let mut address: libc::sockaddr_nl = unsafe { mem::zeroed() };
    address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
    address.nl_pid = port;
    address.nl_groups = groups;
    address
}

const ADDRESS: libc::socklen_t = size_of::<libc::sockaddr_nl>() as libc::socklen_t;

/// An audit socket that is a member of the multicast group, as a service manager makes it.
pub(crate) fn listening_socket() -> io::Result<OwnedFd> {
    const READLOG: u32 = 1;
    let socket = audit_socket()?;
    let address = address(0, READLOG);
    // SAFETY: the address is a sockaddr_nl of the length that is said, and outlives the call.
    check(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), ADDRESS) })?;
    Ok(socket)
}

/// Gives a socket room for all that may come at once, as `ReceiveBuffer=` of a unit does.
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

/// Sends one audit message: to the kernel, which is port 0, or to any other socket.
pub(crate) fn send(port: u32, message_type: u16, payload: &[u8]) -> io::Result<()> {
    const NLM_F_REQUEST: u16 = 1;
    send_from(&audit_socket()?, port, message_type, NLM_F_REQUEST, payload)
}

/// Sends the kernel a request, and waits for its answer that it was done.
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
    // SAFETY: the message and the address are readable for the lengths that are said.
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

/// Gives a command a descriptor as number 3, where a service manager passes its first one.
pub(crate) fn pass(command: &mut Command, fd: OwnedFd) {
    let give = move || {
        let fd = fd.as_raw_fd();
        // SAFETY: both calls take integers, and may be made between fork and exec.
        check(unsafe { libc::dup2(fd, 3) })?;
        // If it was number 3 before, it would be closed on exec still.
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

/// As `fork`; the child ends with the code that the workload returns, or with 1 if it panics.
pub(crate) fn fork_with_code(workload: impl FnOnce() -> i32) -> u32 {
    // SAFETY: the child does what the workload does, which is system calls and allocations (glibc
    // and musl take care of their allocators), and leaves without running what the parent has
    // registered.
    match unsafe { libc::fork() } {
        0 => {
            // No lock of std may be waited for here: another thread may have had it when there was
            // one process, and is not there to give it back.
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(workload));
            if let Err(panic) = &done {
                // The test harness keeps what a test says, but this process it does not know.
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
    // SAFETY: the line is readable for its length and outlives the call. Nothing can be done about a
    // standard error that is closed.
    unsafe { libc::write(libc::STDERR_FILENO, line.as_ptr().cast(), line.len()) };
}

/// Waits for a child of `fork`, and says whether its workload came to its end.
pub(crate) fn wait(pid: u32) -> bool {
    status(pid).success()
}

/// Waits for a child of `fork`, and says how it ended.
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

/// A system call without arguments, or with zeros for them, which are no pointers to anything.
pub(crate) fn bare_syscall(number: c_long) -> i64 {
    // SAFETY: where the kernel wants a pointer it finds null, which it takes for none or refuses.
    unsafe { syscall(number, [0; 6]) }
}

/// Asks for memory that can be written and run.
pub(crate) fn map_to_run() -> io::Result<()> {
    let (flags, access) = (
        libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
        libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC,
    );
    // SAFETY: the kernel chooses a place where nothing is.
    let place = unsafe { libc::mmap(std::ptr::null_mut(), 4096, access, flags, -1, 0) };
    match place {
        libc::MAP_FAILED => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Any system call, by its number. What fails is the negated error, as in a record's `exit=`.
///
/// # Safety
///
/// The arguments must be what the call takes; pointers among them must hold while it runs.
pub(crate) unsafe fn syscall(number: c_long, args: [c_long; 6]) -> i64 {
    let [a, b, c, d, e, f] = args;
    // SAFETY: that is for the caller to keep.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    match result {
        0.. => result,
        _ => -i64::from(io::Error::last_os_error().raw_os_error().unwrap_or(0)),
    }
}

/// Two sockets that are each other's ends.
pub(crate) fn socket_pair() -> [UnixDatagram; 2] {
    let (one, other) = UnixDatagram::pair().expect("a pair of sockets");
    [one, other]
}

/// Room for a control message with one descriptor, aligned as its header wants it.
type Control = [u64; 3];

/// Calls sendmsg(2) or recvmsg(2) for one byte and one descriptor.
fn with_message<T>(control: &mut Control, call: impl FnOnce(*mut libc::msghdr) -> T) -> T {
    let mut byte = 0u8;
    let mut data = libc::iovec {
        iov_base: (&raw mut byte).cast(),
        iov_len: 1,
    };
    // SAFETY: a msghdr is integers and pointers, for which all bits zero is a value.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = &raw mut data;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of::<Control>() as _;
    call(&raw mut message)
}

/// Hands a descriptor to whoever has the other end.
pub(crate) fn send_fd(socket: &UnixDatagram, fd: i64) {
    let fd = u64::try_from(fd).expect("a descriptor");
    // The header is the length of 20 and the two numbers; the descriptor follows it.
    let control_type = (libc::SOL_SOCKET as u64) | ((libc::SCM_RIGHTS as u64) << 32);
    let mut control = [20, control_type, fd];
    let sent = with_message(&mut control, |message| {
        // SAFETY: the message and all that it points to outlive the call.
        unsafe { libc::sendmsg(socket.as_raw_fd(), message, 0) }
    });
    assert_eq!(sent, 1, "{}", io::Error::last_os_error());
}

/// Waits for a descriptor from the other end.
pub(crate) fn receive_fd(socket: &UnixDatagram) -> i64 {
    let mut control = [0; 3];
    let received = with_message(&mut control, |message| {
        // SAFETY: the message and all that it points to outlive the call, and may be written to.
        unsafe { libc::recvmsg(socket.as_raw_fd(), message, 0) }
    });
    assert_eq!(received, 1, "{}", io::Error::last_os_error());
    i64::from(control[2] as u32)
}

/// Makes a file in an open directory.
pub(crate) fn create_at(directory: &File, name: &std::ffi::CStr) -> io::Result<()> {
    let flags = libc::O_CREAT | libc::O_EXCL | libc::O_WRONLY | libc::O_CLOEXEC;
    // SAFETY: the name is a string that ends with NUL and outlives the call.
    let fd = check(unsafe { libc::openat(directory.as_raw_fd(), name.as_ptr(), flags, 0o600) })?;
    // SAFETY: the kernel has just returned `fd`, and nobody else owns it.
    drop(unsafe { OwnedFd::from_raw_fd(fd) });
    Ok(())
}
