//! The last bytes of a cache file.

use crate::cache::VERSION;

pub(crate) const SEAL_BYTES: usize = 48;
const MAGIC: &[u8; 8] = b"MMTLDATA";

/// Why a file is not what was written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Its version is another.
    Version(u32),
    /// It is damaged.
    Damaged(&'static str),
}

/// The seal of a stream with this hash.
pub(crate) fn seal(hash: &blake3::Hash) -> [u8; SEAL_BYTES] {
    let mut seal = [0; SEAL_BYTES];
    seal[..32].copy_from_slice(hash.as_bytes());
    seal[32..40].copy_from_slice(MAGIC);
    seal[40..44].copy_from_slice(&VERSION.to_le_bytes());
    seal
}

/// The stream of a whole file, whose hash is that of its seal.
pub(crate) fn unseal(file: &[u8]) -> Result<&[u8], Broken> {
    let (stream, seal) = unchecked(file)?;
    // Everything else waits for it, so all cores take a part.
    if blake3::Hasher::new().update_rayon(stream).finalize().as_bytes()[..] != seal[..32] {
        return Err(Broken::Damaged("its contents do not match their checksum"));
    }
    Ok(stream)
}

/// The stream of a whole file and its seal, of this version.
pub(crate) fn unchecked(file: &[u8]) -> Result<(&[u8], &[u8; SEAL_BYTES]), Broken> {
    let Some((stream, seal)) = file.split_last_chunk::<SEAL_BYTES>() else {
        return Err(Broken::Damaged("it is too short"));
    };
    if &seal[32..40] != MAGIC || seal[44..] != [0; 4] {
        return Err(Broken::Damaged("its end is missing"));
    }
    let version = u32::from_le_bytes([seal[40], seal[41], seal[42], seal[43]]);
    if version != VERSION {
        return Err(Broken::Version(version));
    }
    Ok((stream, seal))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(stream: &[u8]) -> Vec<u8> {
        [stream, &seal(&blake3::hash(stream))].concat()
    }

    #[test]
    fn every_bit_counts() {
        let whole = sealed(b"rows");
        assert_eq!(unseal(&whole), Ok(&b"rows"[..]));
        assert_eq!(unseal(&sealed(b"")), Ok(&b""[..]));
        for bit in 0..8 * whole.len() {
            let mut broken = whole.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            assert!(unseal(&broken).is_err(), "bit {bit}");
        }
        for len in 0..whole.len() {
            assert!(matches!(unseal(&whole[..len]), Err(Broken::Damaged(_))), "{len} bytes");
        }
    }

    #[test]
    fn another_version_is_said() {
        let mut newer = sealed(b"rows");
        let at = newer.len() - 8;
        newer[at] = 9;
        assert_eq!(unseal(&newer), Err(Broken::Version(9)));
    }
}
