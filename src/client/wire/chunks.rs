//! HTTP's chunked coding (RFC 9112, section 7.1), taken off in place.
use super::Broken;

/// Where a stream is in its chunks. Chunks may begin and end anywhere in what is read.
#[derive(Debug, Default)]
pub struct Chunks {
    place: Place,
    /// The size of the chunk that is being read, or what is left of it.
    left: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    Size,
    /// An extension or the end of the size's line: up to the newline.
    Line,
    Data,
    /// The line end after the data.
    End,
}

/// A chunk larger than this is no chunk.
const MOST: usize = 1 << 30;

impl Chunks {
    /// Moves the data in `bytes[fresh..]` together; returns where it ends.
    pub(super) fn strip(&mut self, bytes: &mut [u8], fresh: usize) -> Result<usize, Broken> {
        let (mut from, mut to) = (fresh, fresh);
        while from < bytes.len() {
            if self.place == Place::Data {
                let count = self.left.min(bytes.len() - from);
                bytes.copy_within(from..from + count, to);
                (from, to) = (from + count, to + count);
                self.left -= count;
                if self.left == 0 {
                    self.place = Place::End;
                }
                continue;
            }
            self.around(bytes[from])?;
            from += 1;
        }
        Ok(to)
    }

    /// A byte that is not data.
    fn around(&mut self, byte: u8) -> Result<(), Broken> {
        match (self.place, byte) {
            (Place::Size, b'\r' | b';') => self.place = Place::Line,
            (Place::Size, digit) => {
                let digit = (digit as char).to_digit(16).ok_or(Broken)?;
                self.left = self.left * 16 + digit as usize;
                if self.left > MOST {
                    return Err(Broken);
                }
            }
            // The last chunk is empty; after it there is nothing for us.
            (Place::Line, b'\n') if self.left > 0 => self.place = Place::Data,
            (Place::Line, _) => {}
            (Place::End, b'\n') => self.place = Place::Size,
            (Place::End, b'\r') => {}
            (Place::End | Place::Data, _) => return Err(Broken),
        }
        Ok(())
    }
}
