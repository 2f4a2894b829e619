//! Reading a document as it is stored: its text, unpacked, and the sum of its bytes.
use std::io::{self, Read};

use bytes::Bytes;

use super::digest::{Digest, Sum};
use super::error::ArchiveError;

/// The largest window that is unpacked, 8 MiB: packed with `--long` or beyond level 19 a document
/// of a few bytes could ask for any amount of memory.
const WINDOW_LOG: u32 = 23;

/// Beyond this a text is none of ours: one more line than a document may have follows its last.
const LONGEST: u64 = 64 << 20;

/// A document's bytes, to be read where blocking is allowed.
pub struct Stored {
    packed: bool,
    raw: Box<dyn Read + Send>,
}

impl Stored {
    /// What is at `path`, whose end says whether it is packed.
    pub(crate) fn new(path: &str, raw: Box<dyn Read + Send>) -> Self {
        Self {
            packed: path.ends_with(".zst"),
            raw,
        }
    }

    /// Gives its text to `read`; returns what that makes of it, with the sum of the bytes as
    /// stored.
    pub(crate) fn text<T, E: From<io::Error>>(
        self,
        read: impl FnOnce(&mut dyn Read) -> Result<T, E>,
    ) -> Result<(T, Sum), E> {
        let mut raw = Hashed {
            raw: self.raw,
            digest: Digest::default(),
        };
        let value = if self.packed {
            let mut unpack = zstd::stream::read::Decoder::new(&mut raw)?;
            unpack.window_log_max(WINDOW_LOG)?;
            read(&mut Unpacked(unpack))?
        } else {
            read(&mut raw)?
        };
        Ok((value, raw.digest.finish()))
    }
}

/// The text of a document of ours, or of a part of it, which is not long.
///
/// # Errors
/// Fails where it cannot be unpacked, or is longer than any of ours.
pub(crate) fn unpacked(path: &str, bytes: Bytes) -> Result<Bytes, ArchiveError> {
    if !path.ends_with(".zst") {
        return Ok(bytes);
    }
    let damaged = |why: io::Error| ArchiveError::damaged(path, why.to_string());
    let mut unpack = zstd::stream::read::Decoder::new(&bytes[..]).map_err(damaged)?;
    unpack.window_log_max(WINDOW_LOG).map_err(damaged)?;
    let mut text = Vec::new();
    let mut some = Unpacked(unpack).take(LONGEST);
    some.read_to_end(&mut text).map_err(damaged)?;
    if text.len() as u64 == LONGEST {
        return Err(ArchiveError::damaged(path, "it is longer than any of ours"));
    }
    Ok(text.into())
}

/// The sizes of the frames that packed bytes consist of; `None` where they are none.
pub(crate) fn frames(mut bytes: &[u8]) -> Option<Vec<usize>> {
    let mut sizes = Vec::new();
    while !bytes.is_empty() {
        let size = zstd::zstd_safe::find_frame_compressed_size(bytes).ok()?;
        bytes = bytes.get(size..)?;
        sizes.push(size);
    }
    Some(sizes)
}

struct Hashed {
    raw: Box<dyn Read + Send>,
    digest: Digest,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.raw.read(buffer)?;
        self.digest.update(&buffer[..count]);
        Ok(count)
    }
}

/// What cannot be unpacked is bad data, not a bad disk.
struct Unpacked<R>(R);

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| {
            let mut why = format!("it cannot be unpacked: {error}");
            if why.contains("too much memory") {
                why += " (pack it anew without --long, at level 19 or below)";
            }
            io::Error::new(io::ErrorKind::InvalidData, why)
        })
    }
}
