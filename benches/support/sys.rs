//! What std does not have: an allocator that counts, and the resources that a child has used.
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

/// The system's allocator, which counts how often it is asked for memory, by all threads.
pub(crate) struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

/// How often memory was asked for since the program began.
pub(crate) fn allocations() -> u64 {
    ALLOCATIONS.load(Ordering::Relaxed)
}

/// How many bytes were asked for since the program began.
pub(crate) fn allocated_bytes() -> u64 {
    BYTES.load(Ordering::Relaxed)
}

fn count(size: usize) {
    ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    BYTES.fetch_add(size as u64, Ordering::Relaxed);
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps the promises of this very function.
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

/// What a process has used until its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) user: Duration,
    pub(crate) system: Duration,
    /// The most memory that it had resident at once, in bytes. What its parent had when it was
    /// started counts too, so a parent that asks had better be small.
    pub(crate) peak: u64,
    /// Whether it ended with status 0.
    pub(crate) success: bool,
}

/// Waits for the end of a child. The child is gone then; its other methods would wait in vain.
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
    // SAFETY: all bits zero is a value of a struct of integers, and the kernel has filled it since.
    let usage = unsafe { usage.assume_init() };
    Ok(Usage {
        user: duration(usage.ru_utime),
        system: duration(usage.ru_stime),
        peak: u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024,
        success: status == 0,
    })
}

/// The CPU time of this process so far, of all its threads.
pub(crate) fn cpu() -> Duration {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the usage outlives the call and is of the type that it fills; all bits zero, should it
    // fail, is a value too.
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
