//! Where pieces end.

/// Rows of a piece. Larger pieces hold each distinct value fewer times; at 65,536 rows the columns in the making no
/// longer stay in the second cache.
pub(super) const PIECE_ROWS: u64 = 32_768;
/// Bytes of fields after which a piece of long texts ends early.
pub(super) const PIECE_BYTES: usize = 16 << 20;

/// How far a piece has come.
#[derive(Debug, Default)]
pub(super) struct PieceEnd {
    pub rows: u64,
    pub bytes: usize,
}

impl PieceEnd {
    pub(super) fn reached(&self) -> bool {
        self.rows >= PIECE_ROWS || self.bytes >= PIECE_BYTES
    }
}
