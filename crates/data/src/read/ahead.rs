//! Unpacks a file on a thread of its own while what came before is cut into rows.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

/// Bytes that are handed over at once.
const BYTES: usize = 256 << 10;

/// Bytes that are read before there is a thread: many files are opened for their header alone.
const BEFORE: usize = 64 << 10;

/// Buffers that are full before anybody asks for them.
const AHEAD: usize = 4;

/// The bytes of a stream, read ahead.
pub(super) enum Ahead<R> {
    /// Nothing is read ahead yet; so many bytes were read.
    Here(R, usize),
    /// The rest comes from a thread, which ends when nobody listens any more.
    There { buffers: Receiver<io::Result<Vec<u8>>>, buffer: io::Cursor<Vec<u8>> },
    /// The stream has ended.
    Nowhere,
}

impl<R: Read + Send + 'static> Ahead<R> {
    pub(super) fn new(stream: R) -> Self {
        Self::Here(stream, 0)
    }

    fn start(stream: R) -> Self {
        let (sender, buffers) = sync_channel(AHEAD);
        let read = move || {
            let mut stream = stream;
            loop {
                let mut buffer = Vec::with_capacity(BYTES);
                let read = stream.by_ref().take(BYTES as u64).read_to_end(&mut buffer);
                // What could be read before an error still counts.
                let full = buffer.len() == BYTES;
                if !buffer.is_empty() && sender.send(Ok(buffer)).is_err() {
                    return;
                }
                match read {
                    Ok(_) if full => {}
                    Ok(_) => return,
                    Err(error) => return drop(sender.send(Err(error))),
                }
            }
        };
        thread::spawn(read);
        Self::There { buffers, buffer: io::Cursor::default() }
    }
}

impl<R: Read + Send + 'static> Read for Ahead<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            match self {
                Self::Here(stream, before) if *before < BEFORE => {
                    let read = stream.read(out)?;
                    *before += read;
                    return Ok(read);
                }
                Self::Here(..) => {
                    if let Self::Here(stream, _) = std::mem::replace(self, Self::Nowhere) {
                        *self = Self::start(stream);
                    }
                }
                Self::There { buffers, buffer } => {
                    let read = buffer.read(out)?;
                    if read > 0 || out.is_empty() {
                        return Ok(read);
                    }
                    match buffers.recv() {
                        Ok(next) => *buffer = io::Cursor::new(next?),
                        Err(_) => *self = Self::Nowhere,
                    }
                }
                Self::Nowhere => return Ok(0),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `left` bytes, then fails or ends.
    struct Stream {
        left: usize,
        fails: bool,
    }

    impl Read for Stream {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let read = out.len().min(self.left).min(1 << 14);
            for (at, byte) in out[..read].iter_mut().enumerate() {
                *byte = (self.left - at) as u8;
            }
            self.left -= read;
            if read == 0 && self.fails { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(read) }
        }
    }

    #[test]
    fn bytes_come_in_order_and_errors_after_them() {
        for left in [0, 1, BYTES - 1, BYTES, BYTES + 1, 3 * BYTES, 9 * BYTES + 5] {
            let (mut expected, mut got) = (vec![], vec![]);
            Stream { left, fails: false }.read_to_end(&mut expected).unwrap();
            Ahead::new(Stream { left, fails: false }).read_to_end(&mut got).unwrap();
            assert!(got == expected, "{left}");
            let mut got = vec![];
            let error = Ahead::new(Stream { left, fails: true }).read_to_end(&mut got).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
            assert!(got == expected, "{left}");
        }
    }

    #[test]
    fn nobody_has_to_read_to_the_end() {
        let mut ahead = Ahead::new(Stream { left: 100 * BYTES, fails: false });
        let mut some = vec![0; 2 * BYTES];
        ahead.read_exact(&mut some).unwrap();
    }
}
