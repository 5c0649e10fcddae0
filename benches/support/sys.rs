//! A counting allocator, and the resource usage of child processes, which std does not report.
#![expect(
    unsafe_code,
    reason = "an allocator is unsafe to write, and std has no wait4"
)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    io,
    mem::MaybeUninit,
    process::Child,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// The system allocator with counters of the allocations of all threads.
pub(crate) struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

/// The number of allocations since the program started.
pub(crate) fn allocations() -> u64 {
    ALLOCATIONS.load(Ordering::Relaxed)
}

/// The number of bytes allocated since the program started.
pub(crate) fn allocated_bytes() -> u64 {
    BYTES.load(Ordering::Relaxed)
}

fn count(size: usize) {
    ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    BYTES.fetch_add(size as u64, Ordering::Relaxed);
}

// SAFETY: every call is forwarded unchanged to the system allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller upholds the contract of this same function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: as above.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(old, layout) }
    }
}

/// The resources that a process used in total.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) user: Duration,
    pub(crate) system: Duration,
    /// Peak resident memory, in bytes. It includes the memory of the parent at the fork, so the
    /// parent should be small.
    pub(crate) peak: u64,
    /// Whether it exited with status 0.
    pub(crate) success: bool,
}

/// Waits for the end of a child and reaps it. Its methods for waiting fail afterwards.
pub(crate) fn wait(child: &Child) -> io::Result<Usage> {
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    loop {
        // SAFETY: the status and the usage outlive the call, and are of the types that it fills.
        let waited = unsafe {
            libc::wait4(
                child.id().cast_signed(),
                &raw mut status,
                0,
                usage.as_mut_ptr(),
            )
        };
        match waited {
            0.. => break,
            _ => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => {}
                error => return Err(error),
            },
        }
    }
    // SAFETY: the struct consists of integers, was zeroed, and has been filled by the kernel.
    let usage = unsafe { usage.assume_init() };
    Ok(Usage {
        user: duration(usage.ru_utime),
        system: duration(usage.ru_stime),
        peak: u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024,
        success: status == 0,
    })
}

/// The CPU time of all threads of this process so far.
pub(crate) fn cpu() -> Duration {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the usage outlives the call and has the type that it fills; if it fails, the zeroed
    // struct of integers is valid too.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    duration(usage.ru_utime) + duration(usage.ru_stime)
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
}
