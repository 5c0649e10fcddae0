//! System calls that std does not wrap, and vector instructions. All unsafe code of the crate is
//! here.
#![expect(unsafe_code, reason = "this is where the crate calls the C library")]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64;
use std::{
    ffi::CString,
    io,
    mem::{self, MaybeUninit},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
    ptr,
    sync::atomic::{AtomicBool, AtomicU8, Ordering},
    time::{Duration, Instant},
};

use libc::{c_int, c_void, socklen_t};

/// A received datagram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    /// How many bytes of it are in the buffer.
    pub(crate) length: usize,
    /// The netlink port of the sender; the kernel's is 0 (netlink(7)).
    pub(crate) sender: u32,
    /// Whether the datagram was longer than the space for it.
    pub(crate) cut: bool,
}

/// Turns a result of -1 into the error in `errno`.
fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// A non-blocking netlink socket of the audit family.
pub(crate) fn audit_socket() -> io::Result<OwnedFd> {
    let socket_type = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: socket(2) takes three integers and accesses no memory of ours.
    let fd = check(unsafe { libc::socket(libc::AF_NETLINK, socket_type, libc::NETLINK_AUDIT) })?;
    // SAFETY: the kernel has just returned `fd`, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Takes over the first descriptor that a service manager passed (sd_listen_fds(3)), if it is an
/// audit socket. There is one such descriptor in a process, so this works once.
pub(crate) fn take_passed_socket() -> io::Result<OwnedFd> {
    const FIRST: c_int = 3;
    static TAKEN: AtomicBool = AtomicBool::new(false);
    // SAFETY: the borrow ends before this function returns. If the descriptor is not open, the
    // calls below fail with EBADF.
    let passed = unsafe { BorrowedFd::borrow_raw(FIRST) };
    let is_audit = option(passed, libc::SO_DOMAIN)? == libc::AF_NETLINK
        && option(passed, libc::SO_PROTOCOL)? == libc::NETLINK_AUDIT;
    if !is_audit {
        return Err(io::Error::from_raw_os_error(libc::EPROTOTYPE));
    }
    // SAFETY: fcntl(2) with these commands takes integers only.
    check(unsafe { libc::fcntl(FIRST, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    // SAFETY: as above.
    let flags = check(unsafe { libc::fcntl(FIRST, libc::F_GETFL) })?;
    // SAFETY: as above.
    check(unsafe { libc::fcntl(FIRST, libc::F_SETFL, flags | libc::O_NONBLOCK) })?;
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: by the protocol, the open audit socket is ours alone; `TAKEN` ensures that it is
    // taken once, and nothing else in this process owns that number.
    Ok(unsafe { OwnedFd::from_raw_fd(FIRST) })
}

fn netlink_address(groups: u32) -> libc::sockaddr_nl {
    // SAFETY: a sockaddr_nl consists of integers, for which all zero bits are valid.
    let mut address: libc::sockaddr_nl = unsafe { mem::zeroed() };
    address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
    address.nl_groups = groups;
    address
}

const ADDRESS_LENGTH: socklen_t = size_of::<libc::sockaddr_nl>() as socklen_t;

/// Binds a netlink socket to a port that the kernel chooses and to these multicast groups.
pub(crate) fn bind(socket: BorrowedFd<'_>, groups: u32) -> io::Result<()> {
    let address = netlink_address(groups);
    // SAFETY: the address is a sockaddr_nl of the given length, and outlives the call.
    check(unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            ADDRESS_LENGTH,
        )
    })?;
    Ok(())
}

/// Sends a datagram to the kernel.
pub(crate) fn send(socket: BorrowedFd<'_>, data: &[u8]) -> io::Result<()> {
    let address = netlink_address(0);
    // SAFETY: `data` and the address are readable for the given lengths; both outlive the call.
    let sent = unsafe {
        libc::sendto(
            socket.as_raw_fd(),
            data.as_ptr().cast(),
            data.len(),
            0,
            (&raw const address).cast(),
            ADDRESS_LENGTH,
        )
    };
    if sent < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Appends one datagram to `buffer`, cut to `room` bytes.
pub(crate) fn receive(
    socket: BorrowedFd<'_>,
    buffer: &mut Vec<u8>,
    room: usize,
) -> io::Result<Received> {
    buffer.reserve(room);
    let free = buffer.spare_capacity_mut();
    let mut address = netlink_address(0);
    let mut length = ADDRESS_LENGTH;
    // SAFETY: the kernel writes at most `room` bytes, which were reserved above, and at most
    // `length` bytes of address; both outlive the call.
    let received = unsafe {
        libc::recvfrom(
            socket.as_raw_fd(),
            free.as_mut_ptr().cast(),
            room,
            libc::MSG_DONTWAIT | libc::MSG_TRUNC,
            (&raw mut address).cast(),
            &raw mut length,
        )
    };
    let whole = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: the kernel has written that many bytes after the old length: the length of the
    // datagram (with MSG_TRUNC, before it was cut), or `room` if that is less.
    unsafe { buffer.set_len(buffer.len() + whole.min(room)) };
    Ok(Received {
        length: whole.min(room),
        sender: address.nl_pid,
        cut: whole > room,
    })
}

/// The largest number of datagrams that one call receives.
pub(crate) const MAX_DATAGRAMS: usize = 64;

/// Space for [`MAX_DATAGRAMS`] datagrams. The starts of all of them are next to each other, because
/// most are short, and then share pages. Pages that were never written take no memory.
#[derive(Debug)]
pub(crate) struct Rooms {
    starts: Vec<[u8; START_BYTES]>,
    rests: Vec<u8>,
    /// The size of a rest.
    rest_bytes: usize,
}

/// Most records are shorter than this.
const START_BYTES: usize = 512;

impl Rooms {
    /// Space for datagrams of at most `each` bytes.
    pub(crate) fn new(each: usize) -> Rooms {
        let rest_bytes = each.saturating_sub(START_BYTES).max(1);
        Rooms {
            starts: vec![[0; START_BYTES]; MAX_DATAGRAMS],
            rests: vec![0; MAX_DATAGRAMS * rest_bytes],
            rest_bytes,
        }
    }
}

/// Receives the queued datagrams, at most `most` and [`MAX_DATAGRAMS`], each cut to the size of a
/// room. Appends them to `buffer` without gaps, and a description of each to `datagrams`. Returns
/// `false` if there were fewer, so that the queue was empty.
///
/// Preparing for a datagram takes time and writes to memory that may no longer be in the cache, so
/// `most` should not be much more than can be expected.
pub(crate) fn receive_many(
    socket: BorrowedFd<'_>,
    most: usize,
    rooms: &mut Rooms,
    buffer: &mut Vec<u8>,
    datagrams: &mut Vec<Received>,
) -> io::Result<bool> {
    let most = most.min(MAX_DATAGRAMS);
    let mut addresses = [const { MaybeUninit::uninit() }; MAX_DATAGRAMS];
    let mut vectors = [const { MaybeUninit::uninit() }; MAX_DATAGRAMS];
    let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; MAX_DATAGRAMS];
    let rests = rooms.rests.chunks_exact_mut(rooms.rest_bytes);
    let places = rooms.starts.iter_mut().zip(rests).take(most);
    let parts = addresses.iter_mut().zip(&mut vectors).zip(&mut headers);
    for (((address, vectors), header), (start, rest)) in parts.zip(places) {
        // SAFETY: an mmsghdr consists of integers and raw pointers, for which all zero bits are
        // valid.
        let header = header.write(unsafe { mem::zeroed() });
        header.msg_hdr.msg_name = (&raw mut *address.write(netlink_address(0))).cast();
        header.msg_hdr.msg_namelen = ADDRESS_LENGTH;
        let vectors = vectors.write([&mut start[..], rest].map(|part| libc::iovec {
            iov_base: part.as_mut_ptr().cast(),
            iov_len: part.len(),
        }));
        header.msg_hdr.msg_iov = vectors.as_mut_ptr();
        header.msg_hdr.msg_iovlen = 2;
    }
    // SAFETY: the first `most` headers are prepared, and each points to an address and to two
    // buffers of its own, of the given lengths; all of them outlive the call, and nothing else
    // accesses them during it.
    let received = check(unsafe {
        libc::recvmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr().cast(),
            most as libc::c_uint,
            // The flags are unsigned with musl.
            (libc::MSG_DONTWAIT | libc::MSG_TRUNC) as _,
            ptr::null_mut(),
        )
    })?;
    let received = received.cast_unsigned() as usize;
    let rests = rooms.rests.chunks_exact(rooms.rest_bytes);
    let filled = rooms.starts.iter().zip(rests).take(received);
    for (((start, rest), header), address) in filled.zip(&headers).zip(&addresses) {
        // SAFETY: the kernel received no more datagrams than were prepared for.
        let (header, address) = unsafe { (header.assume_init_ref(), address.assume_init_ref()) };
        let whole = header.msg_len as usize;
        let length = whole.min(START_BYTES + rest.len());
        buffer.extend_from_slice(&start[..length.min(START_BYTES)]);
        buffer.extend_from_slice(&rest[..length.saturating_sub(START_BYTES)]);
        datagrams.push(Received {
            length,
            sender: address.nl_pid,
            cut: whole > length,
        });
    }
    Ok(received == most)
}

/// Appends the result of one read(2) of at most `room` bytes to `buffer`, and returns its length.
pub(crate) fn read(fd: BorrowedFd<'_>, buffer: &mut Vec<u8>, room: usize) -> io::Result<usize> {
    buffer.reserve(room);
    let free = buffer.spare_capacity_mut();
    // SAFETY: the kernel writes at most `room` bytes, which were reserved above.
    let result = unsafe { libc::read(fd.as_raw_fd(), free.as_mut_ptr().cast(), room) };
    let length = usize::try_from(result).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: the kernel has written that many bytes after the old length.
    unsafe { buffer.set_len(buffer.len() + length) };
    Ok(length)
}

/// Waits until one of the descriptors is readable or hung up, or the timeout has passed. Returns
/// for each whether it is. A signal ends the wait early.
pub(crate) fn wait<const N: usize>(
    fds: [BorrowedFd<'_>; N],
    timeout: Option<Duration>,
) -> io::Result<[bool; N]> {
    poll(fds, libc::POLLIN, timeout)
}

/// As [`wait`], but until a point in time.
pub(crate) fn wait_until<const N: usize>(
    fds: [BorrowedFd<'_>; N],
    until: Option<Instant>,
) -> io::Result<[bool; N]> {
    wait(
        fds,
        until.map(|until| until.saturating_duration_since(Instant::now())),
    )
}

/// Waits until a descriptor is writable.
pub(crate) fn wait_writable(fd: BorrowedFd<'_>) -> io::Result<()> {
    poll([fd], libc::POLLOUT, None).map(|_| ())
}

fn poll<const N: usize>(
    fds: [BorrowedFd<'_>; N],
    events: libc::c_short,
    timeout: Option<Duration>,
) -> io::Result<[bool; N]> {
    let mut polled = fds.map(|fd| libc::pollfd {
        fd: fd.as_raw_fd(),
        events,
        revents: 0,
    });
    let millis = timeout.map_or(-1, |timeout| {
        // Rounded up, so that a deadline has passed when the wait ends.
        c_int::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(c_int::MAX)
    });
    // SAFETY: `polled` is an array of N pollfds that outlives the call.
    let result = unsafe { libc::poll(polled.as_mut_ptr(), N as libc::nfds_t, millis) };
    match check(result) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok([false; N]),
        Err(error) => Err(error),
        Ok(_) => Ok(polled.map(|fd| fd.revents != 0)),
    }
}

/// A timer that is not set. A read(2) of its descriptor waits until it has rung.
pub(crate) fn timer() -> io::Result<OwnedFd> {
    // SAFETY: timerfd_create(2) takes two integers.
    let fd = check(unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC) })?;
    // SAFETY: the kernel has just returned `fd`, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sets a timer to ring once, or not at all if `after` is zero.
pub(crate) fn set_timer(timer: BorrowedFd<'_>, after: Duration) -> io::Result<()> {
    // SAFETY: an itimerspec consists of integers, for which all zero bits are valid.
    let mut time: libc::itimerspec = unsafe { mem::zeroed() };
    time.it_value.tv_sec = after.as_secs() as _;
    time.it_value.tv_nsec = after.subsec_nanos() as _;
    let old = ptr::null_mut();
    // SAFETY: `time` outlives the call, and the old value is not asked for.
    check(unsafe { libc::timerfd_settime(timer.as_raw_fd(), 0, &raw const time, old) }).map(drop)
}

/// Sets an integer option of the socket layer.
pub(crate) fn set_option(socket: BorrowedFd<'_>, option: c_int, value: c_int) -> io::Result<()> {
    // SAFETY: the value is an int of the given length, and outlives the call.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            (&raw const value).cast(),
            size_of::<c_int>() as socklen_t,
        )
    })?;
    Ok(())
}

/// Reads an integer option of the socket layer.
pub(crate) fn option(socket: BorrowedFd<'_>, option: c_int) -> io::Result<c_int> {
    let mut value = [0];
    get_option(socket, option, &mut value)?;
    Ok(value[0])
}

/// How many datagrams the kernel has dropped because the receive buffer was full, since the socket
/// was created (`SK_MEMINFO_DROPS`, include/uapi/linux/sock_diag.h).
pub(crate) fn drops(socket: BorrowedFd<'_>) -> io::Result<u32> {
    let mut info = [0; 9];
    get_option(socket, libc::SO_MEMINFO, &mut info)?;
    Ok(info[libc::SK_MEMINFO_DROPS as usize] as u32)
}

fn get_option<const N: usize>(
    socket: BorrowedFd<'_>,
    option: c_int,
    value: &mut [c_int; N],
) -> io::Result<()> {
    let mut length = size_of::<[c_int; N]>() as socklen_t;
    // SAFETY: the kernel writes at most `length` bytes, which is the size of the array.
    check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            value.as_mut_ptr().cast::<c_void>(),
            &raw mut length,
        )
    })?;
    Ok(())
}

/// The standard streams that were closed when the process started, as bits by descriptor.
static CLOSED: AtomicU8 = AtomicU8::new(0);

/// Runs before `main`: the runtime of std opens /dev/null in place of closed standard streams, and
/// what is written there would be lost without an error.
extern "C" fn find_closed_streams() {
    for fd in 0..3 {
        // SAFETY: fcntl(2) with this command takes integers only.
        if unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
            CLOSED.fetch_or(1 << fd, Ordering::Relaxed);
        }
    }
}

// SAFETY: the C library calls each function in this section once, before `main`, with arguments
// that a function without parameters may ignore. This one needs nothing that is initialised later.
#[used]
#[unsafe(link_section = ".init_array")]
static FIND_CLOSED_STREAMS: extern "C" fn() = find_closed_streams;

fn duplicate(stream: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    if CLOSED.load(Ordering::Relaxed) & (1 << stream.as_raw_fd()) != 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    stream.try_clone_to_owned()
}

/// A duplicate of standard output, for writing without the buffer of std.
pub(crate) fn standard_output() -> io::Result<OwnedFd> {
    duplicate(io::stdout().as_fd())
}

/// A duplicate of standard input, for reading without the buffer of std.
pub(crate) fn standard_input() -> io::Result<OwnedFd> {
    duplicate(io::stdin().as_fd())
}

/// Takes the exclusive lock of an open file. Does not wait for it: `WouldBlock` if it is taken.
pub(crate) fn lock(file: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: flock(2) takes two integers.
    check(unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) }).map(drop)
}

/// Releases the lock of an open file.
pub(crate) fn unlock(file: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: flock(2) takes two integers.
    check(unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_UN) }).map(drop)
}

/// Whether this process may write to a path, or change the directory that it names, with its
/// effective ids.
pub(crate) fn may_write(path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let (mode, flags) = (libc::W_OK, libc::AT_EACCESS);
    // SAFETY: `path` is a valid string that ends with a NUL.
    check(unsafe { libc::faccessat(libc::AT_FDCWD, path.as_ptr(), mode, flags) }).map(drop)
}

/// The effective user and group ids.
pub(crate) fn effective_ids() -> (u32, u32) {
    // SAFETY: geteuid(2) takes no arguments and cannot fail.
    let user = unsafe { libc::geteuid() };
    // SAFETY: getegid(2) takes no arguments and cannot fail.
    (user, unsafe { libc::getegid() })
}

/// Runs `child` in a new process, which exits after it. The child ignores the signals of terminals
/// and service managers: they are for the parent.
///
/// There must be no other thread: a lock that one of them holds would stay locked in the child.
#[cfg(feature = "confine")]
pub(crate) fn fork(child: impl FnOnce()) -> io::Result<i32> {
    // SAFETY: there is no other thread, so memory and locks are consistent in the child.
    let pid = check(unsafe { libc::fork() })?;
    if pid != 0 {
        return Ok(pid);
    }
    for signal in [
        libc::SIGTERM,
        libc::SIGINT,
        libc::SIGQUIT,
        libc::SIGHUP,
        libc::SIGUSR1,
    ] {
        // SAFETY: ignoring a signal installs no handler.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    child();
    // SAFETY: _exit(2) takes an integer. It runs no exit handlers of the parent.
    unsafe { libc::_exit(0) }
}

/// Closes every descriptor from `first` on. Nothing may use any of them afterwards.
#[cfg(feature = "confine")]
pub(crate) fn close_from(first: c_int) {
    // SAFETY: close_range(2) takes three integers; the caller uses none of the descriptors again.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, first, c_int::MAX, 0) };
    if closed < 0 {
        // Before Linux 5.9. A process that has just started has few descriptors.
        for fd in first..1024 {
            // SAFETY: as above; close(2) fails if the number is not open.
            unsafe { libc::close(fd) };
        }
    }
}

/// Appends texts one behind the other. Makes room for all of them first, which costs less than to
/// look for room before each.
#[inline(always)]
pub(crate) fn append<const N: usize>(texts: [&[u8]; N], out: &mut Vec<u8>) {
    let room = texts.iter().map(|text| length(text));
    let room = room.fold(0, usize::saturating_add);
    out.reserve(room);
    // SAFETY: there is room for all texts behind the old length. None of them is in `out`, which is
    // borrowed mutably. All bytes up to the new length have been written.
    unsafe {
        let mut to = out.as_mut_ptr().add(out.len());
        for text in texts {
            ptr::copy_nonoverlapping(text.as_ptr(), to, text.len());
            to = to.add(text.len());
        }
        out.set_len(out.len() + room);
    }
}

/// The length of a text. The compiler then knows that it can add a constant to it.
#[inline(always)]
fn length(text: &[u8]) -> usize {
    // SAFETY: no slice has more than isize::MAX bytes.
    unsafe { std::hint::assert_unchecked(text.len() <= isize::MAX as usize) };
    text.len()
}

/// Appends a text between two others if all of its bytes are fine, and nothing otherwise. Returns
/// whether it did. Each byte is copied and checked at once, among 16 bytes of the text, of which
/// some are repeated if it is shorter.
#[inline(always)]
pub(crate) fn append_if(
    [before, text, after]: [&[u8]; 3],
    out: &mut Vec<u8>,
    is_fine: impl Fn(&[u8; 16]) -> bool,
) -> bool {
    // The lengths of the other two are usually constant.
    let others = before.len().saturating_add(after.len());
    out.reserve(length(text).saturating_add(others));
    // SAFETY: there is room for all texts behind the old length. None of them is in `out`, which is
    // borrowed mutably. All bytes up to the new length have been written.
    unsafe {
        let to = out.as_mut_ptr().add(out.len());
        ptr::copy_nonoverlapping(before.as_ptr(), to, before.len());
        if !copy_if(text, to.add(before.len()), is_fine) {
            return false;
        }
        let to = to.add(before.len() + text.len());
        ptr::copy_nonoverlapping(after.as_ptr(), to, after.len());
        out.set_len(out.len() + before.len() + text.len() + after.len());
    }
    true
}

/// Copies a text, and says whether all of its bytes are fine.
///
/// # Safety
///
/// There must be room for the text at `to`, and it must not overlap that.
#[inline(never)]
unsafe fn copy_if(text: &[u8], to: *mut u8, is_fine: impl Fn(&[u8; 16]) -> bool) -> bool {
    /// Copies the first and the last bytes of a text that has at least as many.
    #[inline(always)]
    unsafe fn ends<const N: usize>(text: &[u8], to: *mut u8) -> Option<[[u8; N]; 2]> {
        let (first, last) = (text.first_chunk()?, text.last_chunk()?);
        // SAFETY: both are within the text, so there is room for them.
        unsafe {
            to.cast::<[u8; N]>().write(*first);
            to.add(text.len() - N).cast::<[u8; N]>().write(*last);
        }
        Some([*first, *last])
    }
    let twice = |word: u64| is_fine(&(u128::from(word) << 64 | u128::from(word)).to_le_bytes());
    // SAFETY: as the caller states. An array of bytes needs no alignment.
    unsafe {
        if let Some([first, last]) = ends::<16>(text, to) {
            let has_fine_ends = is_fine(&first) & is_fine(&last);
            let (chunks, _) = text[16..].as_chunks();
            for (at, chunk) in (16..).step_by(16).zip(chunks) {
                if !is_fine(chunk) {
                    return false;
                }
                to.add(at).cast::<[u8; 16]>().write(*chunk);
            }
            has_fine_ends
        } else if let Some(ends) = ends::<8>(text, to) {
            let [first, last] = ends.map(|end| u128::from(u64::from_le_bytes(end)));
            is_fine(&(first | last << 64).to_le_bytes())
        } else if let Some(ends) = ends::<4>(text, to) {
            let [first, last] = ends.map(|end| u64::from(u32::from_le_bytes(end)));
            twice(first | last << 32)
        } else if let Some(ends) = ends::<2>(text, to) {
            let [first, last] = ends.map(|end| u64::from(u16::from_le_bytes(end)));
            twice((first | last << 16) * 0x1_0000_0001)
        } else if let Some([[only], _]) = ends::<1>(text, to) {
            twice(u64::from(only) * 0x0101_0101_0101_0101)
        } else {
            true
        }
    }
}

/// Appends the beginning of a text, up to the first byte that `find` has the bit of, among 16 bytes
/// of the text or of NULs behind it; the first byte has the lowest bit. Returns how long that is.
#[inline(always)]
pub(crate) fn append_until(
    text: &[u8],
    out: &mut Vec<u8>,
    find: impl Fn(&[u8; 16]) -> u16,
) -> usize {
    out.reserve(length(text).saturating_add(16));
    let mut at = 0;
    // SAFETY: there is room for the text and 16 bytes behind the old length, and each 16 bytes
    // begin within the text. An array of bytes needs no alignment. All bytes up to the new length
    // have been written.
    unsafe {
        let to = out.as_mut_ptr().add(out.len());
        while at < text.len() {
            let mut chunk = [0; 16];
            match text[at..].first_chunk() {
                Some(whole) => chunk = *whole,
                None => chunk[..text.len() - at].copy_from_slice(&text[at..]),
            }
            to.add(at).cast::<[u8; 16]>().write(chunk);
            let bits = find(&chunk);
            at += bits.trailing_zeros() as usize;
            if bits != 0 {
                break;
            }
        }
        at = at.min(text.len());
        out.set_len(out.len() + at);
    }
    at
}

/// Sixteen bytes that are compared at once, by SSE2, which is part of x86-64.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lanes(x86_64::__m128i);

#[cfg(target_arch = "x86_64")]
impl Lanes {
    #[inline(always)]
    pub(crate) fn new(bytes: &[u8; 16]) -> Lanes {
        // SAFETY: the pointer is to 16 bytes, which need no alignment.
        Lanes(unsafe { x86_64::_mm_loadu_si128(bytes.as_ptr().cast()) })
    }

    /// Sets all bits of each byte that is `byte`, and clears those of the others.
    #[inline(always)]
    pub(crate) fn equal(self, byte: u8) -> Lanes {
        // SAFETY: instructions of SSE2 on registers.
        Lanes(unsafe { x86_64::_mm_cmpeq_epi8(self.0, x86_64::_mm_set1_epi8(byte as i8)) })
    }

    /// As [`equal`](Self::equal), of each byte that is less than `limit` or not ASCII.
    #[inline(always)]
    pub(crate) fn below_or_not_ascii(self, limit: i8) -> Lanes {
        // SAFETY: as above.
        Lanes(unsafe { x86_64::_mm_cmplt_epi8(self.0, x86_64::_mm_set1_epi8(limit)) })
    }

    #[inline(always)]
    pub(crate) fn or(self, other: Lanes) -> Lanes {
        // SAFETY: as above.
        Lanes(unsafe { x86_64::_mm_or_si128(self.0, other.0) })
    }

    /// The high bits of all bytes; that of the first byte is the lowest.
    #[inline(always)]
    pub(crate) fn bits(self) -> u16 {
        // SAFETY: as above.
        unsafe { x86_64::_mm_movemask_epi8(self.0) as u16 }
    }
}

/// A processor that has AVX2.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

#[cfg(target_arch = "x86_64")]
impl Avx2 {
    /// The processor of this system, if it has AVX2.
    #[inline]
    pub(crate) fn detect() -> Option<Avx2> {
        std::arch::is_x86_feature_detected!("avx2").then_some(Avx2(()))
    }

    /// Calls `take` with the start of each block, and the bits of its bytes that are `byte`; the
    /// first byte has the lowest bit.
    #[inline]
    pub(crate) fn equal_in_blocks(
        self,
        byte: u8,
        blocks: &[[u8; 64]],
        take: impl FnMut(usize, u64),
    ) {
        #[target_feature(enable = "avx2")]
        fn all(byte: u8, blocks: &[[u8; 64]], mut take: impl FnMut(usize, u64)) {
            let wanted = x86_64::_mm256_set1_epi8(byte as i8);
            let bits = |half: &[u8]| {
                // SAFETY: each half of a block has 32 bytes, which need no alignment.
                let half = unsafe { x86_64::_mm256_loadu_si256(half.as_ptr().cast()) };
                let equal = x86_64::_mm256_cmpeq_epi8(half, wanted);
                u64::from(x86_64::_mm256_movemask_epi8(equal).cast_unsigned())
            };
            for (start, block) in (0..).step_by(64).zip(blocks) {
                let (low, high) = block.split_at(32);
                take(start, bits(low) | bits(high) << 32);
            }
        }
        // SAFETY: there is such a value only on a processor that has AVX2.
        unsafe { all(byte, blocks, take) }
    }
}

/// The abort(3) of this program, in place of musl's.
///
/// musl signals its own thread by tkill(2). A filter cannot know the ids of threads that start
/// later, so it would have to allow aborting any process; without tkill(2), musl ends in SIGSEGV
/// and SIGKILL. glibc signals by tgkill(2), which names the process too, and so does this.
#[cfg(all(feature = "confine", target_env = "musl"))]
// SAFETY: it has the type of abort(3) and never returns. It calls only async-signal-safe functions.
#[unsafe(no_mangle)]
extern "C" fn abort() -> ! {
    // SAFETY: signal(2) and the calls of tgkill(2), getpid(2) and gettid(2) take integers only.
    unsafe {
        libc::signal(libc::SIGABRT, libc::SIG_DFL);
        let mut only = mem::zeroed();
        libc::sigemptyset(&raw mut only);
        libc::sigaddset(&raw mut only, libc::SIGABRT);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const only, ptr::null_mut());
        libc::syscall(
            libc::SYS_tgkill,
            libc::getpid(),
            libc::gettid(),
            libc::SIGABRT,
        );
        libc::_exit(libc::SIGABRT + 128)
    }
}
