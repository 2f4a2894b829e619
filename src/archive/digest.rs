//! What a document's bytes hash to, as a whole and up to places in it: so that a changed one is
//! found, and where.
use sha2::{Digest as _, Sha256};

use super::manifest::Entry;

/// How far these places are apart.
const BLOCK: usize = 256 << 10;
/// Of a hash up to a place so much is kept: to find it, not to trust it.
const KEPT: usize = 4;

/// Bytes as they come.
#[derive(Debug, Default)]
pub(crate) struct Digest {
    size: u64,
    /// Of all so far: what it is at a place costs nothing, as a hash of each part would.
    hash: Sha256,
    filled: usize,
    prefixes: String,
}

/// What they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) size: u64,
    pub(crate) sha256: String,
    pub(crate) prefixes: String,
}

impl Digest {
    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        self.size += bytes.len() as u64;
        while !bytes.is_empty() {
            let (part, rest) = bytes.split_at(bytes.len().min(BLOCK - self.filled));
            self.hash.update(part);
            self.filled += part.len();
            if self.filled == BLOCK {
                self.mark();
            }
            bytes = rest;
        }
    }

    fn mark(&mut self) {
        let so_far = self.hash.clone().finalize();
        self.prefixes += &hex(&so_far[..KEPT]);
        self.filled = 0;
    }

    pub(crate) fn finish(mut self) -> Sum {
        if self.filled > 0 {
            self.mark();
        }
        Sum {
            size: self.size,
            sha256: hex(&self.hash.finalize()),
            prefixes: self.prefixes,
        }
    }
}

impl Sum {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut digest = Digest::default();
        digest.update(bytes);
        digest.finish()
    }

    /// Why these are not the bytes of `entry`.
    pub(crate) fn difference(&self, entry: &Entry) -> Option<String> {
        if self.sha256 == entry.sha256 {
            return None;
        }
        let (from, to) = self.first_change(entry);
        let size = if self.size == entry.size {
            String::new()
        } else {
            format!("it has {} bytes, not {}; ", self.size, entry.size)
        };
        Some(format!(
            "{size}it was changed between byte {from} and byte {to}: its SHA-256 is {}, and the \
             manifest says {}",
            self.sha256, entry.sha256
        ))
    }

    fn first_change(&self, entry: &Entry) -> (u64, u64) {
        let places = |prefixes: &str| {
            let hashes = prefixes.as_bytes().chunks(2 * KEPT);
            hashes.map(<[u8]>::to_vec).collect::<Vec<_>>()
        };
        let (ours, theirs) = (places(&self.prefixes), places(&entry.prefixes));
        let same = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count() as u64;
        let block = BLOCK as u64;
        let from = (same * block).min(self.size);
        // Without them, all that is known is that it is somewhere.
        let to = if theirs.is_empty() {
            self.size
        } else {
            (from + block).min(self.size.max(entry.size))
        };
        (from, to)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_found_in_its_part() {
        let mut bytes = vec![7u8; 3 * BLOCK + 5];
        let sum = Sum::of(&bytes);
        let entry = Entry {
            size: sum.size,
            sha256: sum.sha256.clone(),
            prefixes: sum.prefixes.clone(),
            ..Entry::sample()
        };
        assert_eq!(sum.difference(&entry), None);
        for (place, from) in [(0, 0), (2 * BLOCK - 1, BLOCK), (3 * BLOCK + 4, 3 * BLOCK)] {
            bytes[place] ^= 1;
            let changed = Sum::of(&bytes);
            assert_eq!(changed.first_change(&entry).0, from as u64);
            assert!(changed.first_change(&entry).1 > place as u64);
            assert!(changed.difference(&entry).is_some());
            bytes[place] ^= 1;
        }
        let cut = Sum::of(&bytes[..BLOCK + 1]);
        assert_eq!(cut.first_change(&entry).0, BLOCK as u64);
    }
}
