//! Changes to good files, which no reader may panic at.

use proptest::prelude::*;
use proptest::sample::Index;

/// Bytes that are overwritten, and where the file is cut.
pub(crate) type Changes = (Vec<(Index, u8)>, Option<Index>);

pub(crate) fn changes() -> impl Strategy<Value = Changes> {
    let byte = prop_oneof![any::<u8>(), prop::sample::select(b"\"\n\r,\t\0{}[]:\\|0\xFF".to_vec())];
    (prop::collection::vec((any::<Index>(), byte), 0..6), prop::option::weighted(0.3, any::<Index>()))
}

pub(crate) fn changed(contents: &[u8], (bytes, cut): &Changes) -> Vec<u8> {
    let mut contents = contents.to_vec();
    for (at, byte) in bytes {
        let at = at.index(contents.len());
        contents[at] = *byte;
    }
    if let Some(cut) = cut {
        contents.truncate(cut.index(contents.len()));
    }
    contents
}
