//! Lists of messages' numbers, ascending, as bytes.
use super::bytes::{Bytes, put};
use super::{Damaged, bits};

const LARGE: Damaged = Damaged("a number is too large");

/// Appends a list that is not empty. One number is itself. Of more the gaps are written, in bytes or in bits,
/// whichever is shorter.
pub(super) fn write(list: &[u32], into: &mut Vec<u8>) {
    let [first, rest @ ..] = list else {
        return;
    };
    if rest.is_empty() {
        put(u64::from(*first) << 1 | 1, into);
        return;
    }
    let gaps = list.windows(2).map(|two| u64::from(two[1] - two[0] - 1));
    let (width, bits) = bits::width(gaps.clone());
    let bytes: u64 = gaps
        .clone()
        .map(|gap| u64::from(gap.max(1).ilog2() / 7) + 1)
        .sum();
    let in_bits = bits.div_ceil(8) + 1 < bytes;
    put((list.len() as u64) << 2 | u64::from(in_bits) << 1, into);
    put(u64::from(*first), into);
    if in_bits {
        bits::write(gaps, width, into);
    } else {
        gaps.for_each(|gap| put(gap, into));
    }
}

/// Reads a list, and calls `each` with its numbers.
pub(super) fn read(bytes: &mut Bytes<'_>, mut each: impl FnMut(u32)) -> Result<(), Damaged> {
    let head = bytes.number()?;
    if head & 1 == 1 {
        each(u32::try_from(head >> 1).map_err(|_| LARGE)?);
        return Ok(());
    }
    let count = head >> 2;
    if count < 2 || count / 8 > bytes.0.len() as u64 {
        return Err(Damaged("it says more than it holds"));
    }
    let mut number = bytes.small()?;
    each(number);
    let mut after = |gap: u64| {
        let next = u64::from(number)
            .checked_add(gap)
            .and_then(|sum| sum.checked_add(1));
        number = next
            .and_then(|next| u32::try_from(next).ok())
            .ok_or(LARGE)?;
        each(number);
        Ok(())
    };
    if head & 2 == 0 {
        for _ in 1..count {
            after(bytes.number()?)?;
        }
    } else {
        let mut gaps = bits::Reader::open(bytes)?;
        for _ in 1..count {
            after(gaps.next()?)?;
        }
    }
    Ok(())
}
