//! Memory for what must not leave it: pages of their own that are never swapped, never in a core image, and not there in
//! a forked child.
//!
//! MUST: the one file of this crate with `unsafe`; a value holds its secret inline, since only its own bytes lie here;
//! the bytes are wiped before the kernel has the pages back.

use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::num::NonZeroUsize;
use std::ops::{Deref, DerefMut};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::libc::c_void;
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mlock, mmap, mmap_anonymous, munmap};
use nix::unistd::ftruncate;
use serde::Deserialize;
use zeroize::Zeroize;

use crate::residue::wiped;

/// What keys lie in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Memory {
    /// Usual memory, locked and not dumped (mlock(2)).
    #[default]
    Mlock,
    /// Memory that the kernel has taken out of its own map, too (memfd_secret(2)).
    MemfdSecret,
}

/// Chooses for every value that is made from now on: once, before the first key.
///
/// # Errors
/// [`NoMemfdSecret`] when there is none here. Then keys lie in [`Memory::Mlock`]: a new kernel must not lock everybody out.
pub fn choose(memory: Memory) -> Result<(), NoMemfdSecret> {
    let probed = match memory {
        Memory::Mlock => Ok(()),
        Memory::MemfdSecret => secret_file(NonZeroUsize::MIN).map(drop),
    };
    MEMFD_SECRET.store(memory == Memory::MemfdSecret && probed.is_ok(), Ordering::Relaxed);
    probed.map_err(|errno| NoMemfdSecret(errno.into()))
}

/// Has every large block of memory go back to the kernel when it is freed. glibc would raise the size from which it does so
/// with the first hash of a password, and each thread would keep the memory of its largest one from then on.
#[cfg(target_env = "gnu")]
pub fn return_large_blocks() {
    // SAFETY: it changes one number of the allocator's, and is given a legal one.
    // A refusal leaves it as it was, which costs memory and nothing else.
    unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BLOCK) };
}

/// Other allocators give large blocks back.
#[cfg(not(target_env = "gnu"))]
pub const fn return_large_blocks() {}

/// The configuration asks for memfd_secret, and the kernel gives none.
#[derive(Debug)]
pub struct NoMemfdSecret(io::Error);

impl NoMemfdSecret {
    /// The line that whoever starts a program must see.
    #[must_use]
    pub fn warning(&self) -> String {
        format!("warning: {self}: {}", self.0)
    }
}

impl fmt::Display for NoMemfdSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "key_memory asks for memfd_secret and the kernel gives none, so that keys lie in mlock memory: boot Linux \
             5.14 or later (before 6.5 with secretmem.enable=1), and let the sandbox allow memfd_secret(2)",
        )
    }
}

impl std::error::Error for NoMemfdSecret {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// One value in locked pages of its own. Dropped, wiped and unmapped together.
pub struct Locked<T> {
    value: NonNull<T>,
    /// Dropped after the value: see [`Locked::drop`].
    _pages: Pages,
}

impl<T> Locked<T> {
    /// Makes a value and moves it here. What that leaves on the stack is wiped.
    ///
    /// # Errors
    /// [`Error`] when there are no such pages.
    pub fn new(make: impl FnOnce() -> T) -> Result<Self, Error> {
        const { assert!(align_of::<T>() <= SMALLEST_PAGE, "a page is not aligned enough") };
        let pages = Pages::map(NonZeroUsize::new(size_of::<T>()).unwrap_or(NonZeroUsize::MIN))?;
        let value = pages.start.cast::<T>();
        wiped(|| {
            let made = make();
            // SAFETY: the pages are writable, at least as large and as aligned as a T, and nobody else knows them.
            unsafe { value.write(made) };
        });
        Ok(Self { value, _pages: pages })
    }
}

impl<const N: usize> Locked<[u8; N]> {
    /// Zeros, to be filled in place: the bytes need not pass over the stack.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn zeroed() -> Result<Self, Error> {
        Self::new(|| [0; N])
    }
}

impl<T> Deref for Locked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: `new` has put a T there, which lives as long as `self` and is reached through `self` alone.
        unsafe { self.value.as_ref() }
    }
}

impl<T> DerefMut for Locked<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and `self` is borrowed by nobody else.
        unsafe { self.value.as_mut() }
    }
}

impl<T> Drop for Locked<T> {
    fn drop(&mut self) {
        // SAFETY: `new` has put a T there, and nobody can reach it any more.
        unsafe { self.value.drop_in_place() };
    }
}

// SAFETY: it owns its T as a box does, and pages belong to no thread.
unsafe impl<T: Send> Send for Locked<T> {}

// SAFETY: a shared one gives out shared references to its T alone.
unsafe impl<T: Sync> Sync for Locked<T> {}

/// Why there is no memory for a key.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The kernel gives no pages.
    Map(io::Error),
    /// It does not lock them.
    Lock(io::Error),
    /// It does not keep them from core images and child processes.
    Hide(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Map(_) => "the kernel gives no memory for a key",
            Self::Lock(_) => {
                "memory for a key cannot be locked: raise the limit (LimitMEMLOCK= in a unit, ulimit -l in a shell)"
            }
            Self::Hide(_) => "memory for a key cannot be kept from core images and child processes",
        })
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Map(error) | Self::Lock(error) | Self::Hide(error) => Some(error),
        }
    }
}

/// Whole pages: the kernel rounds every length up.
struct Pages {
    start: NonNull<c_void>,
    length: NonZeroUsize,
}

impl Pages {
    fn map(length: NonZeroUsize) -> Result<Self, Error> {
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        let secret = MEMFD_SECRET.load(Ordering::Relaxed);
        let mapped = if secret {
            let file = secret_file(length).map_err(|errno| Error::Map(errno.into()))?;
            // SAFETY: a new mapping where the kernel chooses, of a file that nobody else has.
            unsafe { mmap(None, length, access, MapFlags::MAP_SHARED, file, 0) }
        } else {
            // SAFETY: a new mapping where the kernel chooses.
            unsafe { mmap_anonymous(None, length, access, MapFlags::MAP_PRIVATE) }
        };
        // Pages of memfd_secret are locked from the start, within the same limit: EAGAIN says so.
        let refused =
            |errno: Errno| if errno == Errno::EAGAIN { Error::Lock(errno.into()) } else { Error::Map(errno.into()) };
        let pages = Self { start: mapped.map_err(refused)?, length };
        if !secret {
            // SAFETY: the pages are ours, and locking them changes no byte.
            unsafe { mlock(pages.start, length.get()) }.map_err(|errno| Error::Lock(errno.into()))?;
        }
        for advice in [MmapAdvise::MADV_DONTDUMP, MmapAdvise::MADV_DONTFORK] {
            // SAFETY: the pages are ours, and neither advice changes a byte.
            unsafe { madvise(pages.start, length.get(), advice) }.map_err(|errno| Error::Hide(errno.into()))?;
        }
        Ok(pages)
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let start = self.start.as_ptr().cast::<MaybeUninit<u8>>();
        // SAFETY: the pages are ours, of this length, and what was in them is dropped.
        let bytes = unsafe { slice::from_raw_parts_mut(start, self.length.get()) };
        bytes.zeroize();
        // SAFETY: the pages are ours, and nobody refers to them any more. Pages that stay hold zeros.
        unsafe { munmap(self.start, self.length.get()) }.ok();
    }
}

/// A file of memfd_secret(2), which neither libc nor nix wraps.
fn secret_file(length: NonZeroUsize) -> Result<OwnedFd, Errno> {
    // SAFETY: the call takes flags alone.
    let made = Errno::result(unsafe { libc::syscall(libc::SYS_memfd_secret, libc::O_CLOEXEC) })?;
    let descriptor = RawFd::try_from(made).map_err(|_e| Errno::EBADF)?;
    // SAFETY: the kernel has just opened it for us.
    let file = unsafe { OwnedFd::from_raw_fd(descriptor) };
    ftruncate(&file, i64::try_from(length.get()).map_err(|_e| Errno::EFBIG)?)?;
    Ok(file)
}

/// Whether [`Memory::MemfdSecret`] was chosen, and is there.
static MEMFD_SECRET: AtomicBool = AtomicBool::new(false);

/// Every page of every Linux is at least as large, and as aligned.
const SMALLEST_PAGE: usize = 4096;

/// Bytes from which a block is one to be given back.
#[cfg(target_env = "gnu")]
const LARGE_BLOCK: i32 = 1024 * 1024;
