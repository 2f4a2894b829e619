//! Small numbers in bits, by Rice's code: what is above the lowest `width` bits in ones, a zero, and those bits.
use super::Damaged;
use super::bytes::Bytes;

/// So many bits are read in one go at most.
const WIDEST: u32 = 57;

/// The width with which numbers take the least bits, and how many those are.
pub(super) fn width(numbers: impl Iterator<Item = u64> + Clone) -> (u32, u64) {
    let bits = |width: u32| {
        let each = numbers
            .clone()
            .map(|number| (number >> width) + u64::from(width) + 1);
        each.fold(0u64, u64::saturating_add)
    };
    let (sum, count) = numbers.clone().fold((0u64, 0u64), |(sum, count), number| {
        (sum.saturating_add(number), count + 1)
    });
    // The mean is a little above the best where numbers are spread evenly, and far where some are large.
    let mut best = (sum / count.max(1)).max(1).ilog2().min(WIDEST);
    let mut least = bits(best);
    while let Some(width) = best.checked_sub(1) {
        let less = bits(width);
        if less > least {
            break;
        }
        (best, least) = (width, less);
    }
    (best, least)
}

/// Appends numbers, of a known count, in their best width.
pub(super) fn write(numbers: impl Iterator<Item = u64>, width: u32, into: &mut Vec<u8>) {
    into.push(width.to_le_bytes()[0]);
    let mut bits = Writer {
        into,
        held: 0,
        count: 0,
    };
    for number in numbers {
        bits.ones(number >> width);
        bits.push(number & ((1 << width) - 1), width);
    }
    if bits.count > 0 {
        bits.into.push(bits.held.to_le_bytes()[0]);
    }
}

struct Writer<'a> {
    into: &'a mut Vec<u8>,
    held: u64,
    count: u32,
}

impl Writer<'_> {
    fn push(&mut self, bits: u64, width: u32) {
        self.held |= bits << self.count;
        self.count += width;
        while self.count >= 8 {
            self.into.push(self.held.to_le_bytes()[0]);
            self.held >>= 8;
            self.count -= 8;
        }
    }

    fn ones(&mut self, mut count: u64) {
        while count >= 32 {
            self.push(0xffff_ffff, 32);
            count -= 32;
        }
        self.push(
            (1 << count) - 1,
            1 + u32::try_from(count).unwrap_or_default(),
        );
    }
}

/// Numbers in bits, to be read one by one.
pub(super) struct Reader<'a, 'b> {
    bytes: &'a mut Bytes<'b>,
    width: u32,
    held: u64,
    count: u32,
}

impl<'a, 'b> Reader<'a, 'b> {
    pub(super) fn open(bytes: &'a mut Bytes<'b>) -> Result<Self, Damaged> {
        let width = u32::from(bytes.byte()?);
        if width > WIDEST {
            return Err(Damaged("a number is too wide"));
        }
        Ok(Self {
            bytes,
            width,
            held: 0,
            count: 0,
        })
    }

    pub(super) fn next(&mut self) -> Result<u64, Damaged> {
        let ones = self.ones()?;
        while self.count < self.width {
            self.fill()?;
        }
        let low = self.held & ((1 << self.width) - 1);
        self.held >>= self.width;
        self.count -= self.width;
        let high = ones.checked_mul(1 << self.width);
        high.and_then(|high| high.checked_add(low))
            .ok_or(Damaged("a number is too large"))
    }

    fn fill(&mut self) -> Result<(), Damaged> {
        self.held |= u64::from(self.bytes.byte()?) << self.count;
        self.count += 8;
        Ok(())
    }

    /// How many ones stand before the next zero.
    fn ones(&mut self) -> Result<u64, Damaged> {
        let mut ones = 0;
        loop {
            let next = self.held.trailing_ones();
            if next < self.count {
                self.held >>= next + 1;
                self.count -= next + 1;
                return Ok(ones + u64::from(next));
            }
            ones += u64::from(self.count);
            self.held = 0;
            self.count = 0;
            self.fill()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_read_as_they_were_written(
            numbers in proptest::collection::vec(prop_oneof![0u64..4, 0u64..5_000, any::<u64>()], 0..100),
        ) {
            let (width, count) = width(numbers.iter().copied());
            let mut bytes = Vec::new();
            write(numbers.iter().copied(), width, &mut bytes);
            prop_assert_eq!(bytes.len() as u64, 1 + count.div_ceil(8));
            bytes.push(7);
            let mut bytes = Bytes(&bytes);
            let mut reader = Reader::open(&mut bytes).unwrap();
            for number in numbers {
                prop_assert_eq!(reader.next(), Ok(number));
            }
            prop_assert_eq!(bytes.0, [7]);
        }
    }
}
