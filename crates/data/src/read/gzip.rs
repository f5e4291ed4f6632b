//! Gzip data: members, one behind the other, and what may follow them.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// What every member begins with.
const MAGIC: u8 = 0x1F;

/// The unpacked bytes of all members. Zeros behind them are padding, as tapes and block devices leave it; anything else
/// is an error, as its rows would be missed.
pub(super) struct Members<R>(Option<GzDecoder<R>>);

impl<R: BufRead> Members<R> {
    pub(super) fn new(file: R) -> Self {
        Self(Some(GzDecoder::new(file)))
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.0 {
            let read = member.read(out)?;
            if read > 0 || out.is_empty() {
                return Ok(read);
            }
            let next = starts(member.get_mut())?;
            self.0 = self.0.take().filter(|_| next).map(|member| GzDecoder::new(member.into_inner()));
        }
        Ok(0)
    }
}

/// Whether another member follows.
fn starts(file: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let bytes = file.fill_buf()?;
        match bytes.iter().position(|byte| *byte != 0) {
            Some(at) if bytes[at] == MAGIC => {
                file.consume(at);
                return Ok(true);
            }
            Some(_) => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "other bytes follow its data; cut them off"));
            }
            None if bytes.is_empty() => return Ok(false),
            None => {
                let padding = bytes.len();
                file.consume(padding);
            }
        }
    }
}
