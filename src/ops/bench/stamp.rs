//! What a message of the load carries: whose it is, which one, and when it was meant to be sent.
//! Fixed in place and width, so that millions a second can be read.

/// Four numbers of eight hexadecimal digits each: run, sender, counter, microseconds.
pub(super) const STAMP: usize = 32;

/// A message's own data. `counter` is 1, 2, 3, … for each sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) sender: u32,
    pub(super) counter: u32,
    /// The intended moment of sending, since the start of the run.
    pub(super) micros: u32,
}

/// The mark of one run, by which its messages are told from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run([u8; 8]);

impl Run {
    pub(super) fn new(number: u32) -> Self {
        Self(digits(number))
    }

    /// The stamp at the beginning of `content`, if it is of this run.
    #[inline]
    pub(super) fn read(self, content: &[u8]) -> Option<Stamp> {
        let (stamp, _) = content.split_first_chunk::<STAMP>()?;
        let (run, rest) = stamp.split_first_chunk::<8>()?;
        if *run != self.0 {
            return None;
        }
        let (sender, rest) = rest.split_first_chunk::<8>()?;
        let (counter, rest) = rest.split_first_chunk::<8>()?;
        let (micros, _) = rest.split_first_chunk::<8>()?;
        Some(Stamp {
            sender: number(*sender),
            counter: number(*counter),
            micros: number(*micros),
        })
    }

    /// Writes a content of `size` bytes that begins with `stamp`.
    pub(super) fn write(self, stamp: Stamp, size: usize, out: &mut Vec<u8>) {
        let begun = out.len();
        out.extend_from_slice(&self.0);
        for number in [stamp.sender, stamp.counter, stamp.micros] {
            out.extend_from_slice(&digits(number));
        }
        out.resize(begun + size.max(STAMP), b'x');
    }
}

fn digits(number: u32) -> [u8; 8] {
    std::array::from_fn(|i| {
        let digit = (number >> (28 - 4 * i)) & 15;
        b"0123456789abcdef"[digit as usize]
    })
}

/// Eight digits at once: each byte to its value, then bytes, pairs and halves put together.
#[inline]
fn number(digits: [u8; 8]) -> u32 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let text = u64::from_le_bytes(digits);
    let nibbles = (text & (15 * ONES)) + 9 * ((text >> 6) & ONES);
    let bytes = (nibbles << 4 | nibbles >> 8) & 0x00ff_00ff_00ff_00ff;
    let pairs = (bytes << 8 | bytes >> 16) & 0x0000_ffff_0000_ffff;
    ((pairs << 16 | pairs >> 32) & 0xffff_ffff) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(
            run in any::<u32>(), sender in any::<u32>(), counter in any::<u32>(),
            micros in any::<u32>(), size in 0usize..200,
        ) {
            let stamp = Stamp { sender, counter, micros };
            let mut content = Vec::new();
            Run::new(run).write(stamp, size, &mut content);
            prop_assert_eq!(content.len(), size.max(STAMP));
            prop_assert_eq!(Run::new(run).read(&content), Some(stamp));
            prop_assert_eq!(Run::new(run ^ 1).read(&content), None);
            prop_assert_eq!(Run::new(run).read(&content[..STAMP - 1]), None);
        }
    }
}
