//! A filter of terms (Bloom's): says of a term that it is surely not there, or that it may be.
use sha2::{Digest, Sha256};

/// Ten bits for a term and seven looks: of terms that are not there, one in 120 may be.
const BITS: usize = 10;
const LOOKS: u64 = 7;

/// Of no terms, it says of none that it may be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filter(Box<[u8]>);

impl Filter {
    pub(super) fn of<'a>(terms: impl ExactSizeIterator<Item = &'a [u8]>) -> Self {
        let mut bits = vec![0u8; (terms.len() * BITS).div_ceil(8)].into_boxed_slice();
        for term in terms {
            for bit in places(term, bits.len()) {
                bits[bit / 8] |= 1 << (bit % 8);
            }
        }
        Self(bits)
    }

    pub(super) fn read(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn may_hold(&self, term: &[u8]) -> bool {
        !self.0.is_empty()
            && places(term, self.0.len()).all(|bit| self.0[bit / 8] >> (bit % 8) & 1 == 1)
    }
}

/// The bits of a term among those of `bytes` bytes: every step-th, by a hash that is the same for ever.
fn places(term: &[u8], bytes: usize) -> impl Iterator<Item = usize> {
    let hash = Sha256::digest(term);
    let half = |n: usize| {
        hash[n..n + 8]
            .iter()
            .fold(0u64, |sum, byte| sum << 8 | u64::from(*byte))
    };
    let (start, step) = (half(0), half(8) | 1);
    let bits = bytes as u64 * 8;
    (0..LOOKS).map(move |look| {
        let place = start.wrapping_add(look.wrapping_mul(step)) % bits;
        usize::try_from(place).unwrap_or_default()
    })
}
