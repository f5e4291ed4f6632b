//! The column cache: a data set ready for use, in one file that is mapped into memory.
//!
//! The file is an Arrow IPC stream (any Arrow reader opens it) followed by a seal of 48 bytes: the BLAKE3 hash of the
//! stream, the magic `MMTLDATA`, the version and four zeros. The hash is checked whenever the file is opened but by
//! who has just written it, so that every damaged byte shows; it runs at several GB/s and reads pages that training needs
//! anyway.

mod layout;
mod read;
mod seal;
mod write;

pub(crate) use read::{read, read_written};
pub(crate) use write::{replace, write};

/// Raised whenever the layout of the file changes.
pub(crate) const VERSION: u32 = 1;
