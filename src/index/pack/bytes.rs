//! Numbers as bytes: seven bits in each, the lowest first; and reading them from what may be damaged.
use super::Damaged;

pub(super) fn put(mut number: u64, into: &mut Vec<u8>) {
    while number > 0x7f {
        into.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    into.push(number.to_le_bytes()[0]);
}

/// A number that may be negative, and is small on either side.
pub(super) fn put_signed(number: i64, into: &mut Vec<u8>) {
    put(unsigned(number), into);
}

pub(super) fn unsigned(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

pub(super) fn signed(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

#[derive(Debug, Clone)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> Result<u8, Damaged> {
        let (first, rest) = self.0.split_first().ok_or(Damaged("it ends too soon"))?;
        self.0 = rest;
        Ok(*first)
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Damaged> {
        let cut = self.0.split_at_checked(length);
        let (taken, rest) = cut.ok_or(Damaged("it ends too soon"))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn number(&mut self) -> Result<u64, Damaged> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Damaged("a number is too long"))
    }

    pub(super) fn signed(&mut self) -> Result<i64, Damaged> {
        Ok(signed(self.number()?))
    }

    pub(super) fn small(&mut self) -> Result<u32, Damaged> {
        u32::try_from(self.number()?).map_err(|_| Damaged("a number is too large"))
    }

    /// A length of something of which each is at least a bit of what follows.
    pub(super) fn count(&mut self) -> Result<usize, Damaged> {
        let count = self.number()?;
        let most = self.0.len().saturating_mul(8);
        usize::try_from(count)
            .ok()
            .filter(|count| *count <= most)
            .ok_or(Damaged("it says more than it holds"))
    }
}
