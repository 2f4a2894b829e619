//! A pack as a file: its blocks, a directory of them, and a foot that says where that begins.
//!
//! A reader takes the end of the file, and then the blocks that it needs. Each part has a checksum.
use std::ops::Range;

use sha2::{Digest, Sha256};

use super::block::Terms;
use super::bytes::{Bytes, put, put_signed};
use super::docs::{docs_key, is_docs};
use super::filter::Filter;
use super::{Damaged, Pack};

/// What a file ends with: the length of the directory (4 bytes, the lowest first), its checksum, and this.
const MAGIC: &[u8; 8] = b"dcindex1";
const CHECK: usize = 8;
/// The length of the foot.
pub const FOOTER: usize = 4 + CHECK + MAGIC.len();

const SHORT: Damaged = Damaged("its directory is not in what was read");

/// The bytes of the file of a pack.
///
/// # Errors
/// Fails where a block of the pack is damaged.
pub fn encode(pack: &Pack) -> Result<Vec<u8>, Damaged> {
    let mut file = Vec::new();
    let mut directory = Vec::new();
    put(u64::from(pack.docs), &mut directory);
    for number in [pack.ids.0, pack.ids.1, pack.times.0, pack.times.1] {
        put_signed(number, &mut directory);
    }
    put(pack.blocks.len() as u64, &mut directory);
    let mut terms = Vec::new();
    for block in &pack.blocks {
        put(block.key.len() as u64, &mut directory);
        directory.extend_from_slice(&block.key);
        put(block.data.len() as u64, &mut directory);
        directory.extend_from_slice(&check_of(&block.data));
        file.extend_from_slice(&block.data);
        if !is_docs(&block.key) {
            let mut inside = Terms::of(&block.data);
            while let Some(term) = inside.advance()? {
                terms.push(term.to_vec());
                inside.list(|_| {})?;
            }
        }
    }
    let filter = Filter::of(terms.iter().map(Vec::as_slice));
    put(filter.bytes().len() as u64, &mut directory);
    directory.extend_from_slice(filter.bytes());

    let length =
        u32::try_from(directory.len()).map_err(|_| Damaged("its directory is too long"))?;
    file.extend_from_slice(&directory);
    file.extend_from_slice(&length.to_le_bytes());
    file.extend_from_slice(&check_of(&directory));
    file.extend_from_slice(MAGIC);
    Ok(file)
}

fn check_of(bytes: &[u8]) -> [u8; CHECK] {
    let mut check = [0; CHECK];
    check.copy_from_slice(&Sha256::digest(bytes)[..CHECK]);
    check
}

/// What a file says of its blocks; small enough to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    docs: u32,
    ids: (i64, i64),
    times: (i64, i64),
    /// The blocks' keys, one after the other, and for each block where its key and its bytes begin.
    keys: Box<[u8]>,
    blocks: Box<[Place]>,
    filter: Filter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    key: u32,
    start: u32,
    check: [u8; CHECK],
}

impl Directory {
    /// How many bytes at the end of a file are its directory and foot, by the last `FOOTER` bytes or more.
    ///
    /// # Errors
    /// Fails where they are no end of such a file.
    pub fn length(tail: &[u8]) -> Result<usize, Damaged> {
        let (_, foot) = tail.split_last_chunk::<FOOTER>().ok_or(SHORT)?;
        if !foot.ends_with(MAGIC) {
            return Err(Damaged("it is no such file"));
        }
        let length = [foot[0], foot[1], foot[2], foot[3]];
        usize::try_from(u32::from_le_bytes(length))
            .ok()
            .and_then(|length| length.checked_add(FOOTER))
            .ok_or(SHORT)
    }

    /// Reads a file's end, which has `length` bytes or more.
    ///
    /// # Errors
    /// Fails where it is damaged or too short.
    pub fn decode(tail: &[u8]) -> Result<Self, Damaged> {
        let length = Self::length(tail)?;
        let start = tail.len().checked_sub(length).ok_or(SHORT)?;
        let directory = &tail[start..tail.len() - FOOTER];
        let foot = &tail[tail.len() - FOOTER + 4..];
        if check_of(directory) != foot[..CHECK] {
            return Err(Damaged("its directory has another checksum"));
        }
        Self::read(Bytes(directory))
    }

    fn read(mut bytes: Bytes<'_>) -> Result<Self, Damaged> {
        let docs = bytes.small()?;
        let ids = (bytes.signed()?, bytes.signed()?);
        let times = (bytes.signed()?, bytes.signed()?);
        let count = bytes.count()?;
        let (mut keys, mut blocks) = (Vec::new(), Vec::new());
        let mut end = 0u32;
        let place = |keys: &[u8], start, check: &[u8]| {
            Ok(Place {
                key: u32::try_from(keys.len()).map_err(|_| SHORT)?,
                start,
                check: check.try_into().unwrap_or_default(),
            })
        };
        for _ in 0..count {
            let length = bytes.count()?;
            let key = bytes.take(length)?;
            let start = end;
            end = end
                .checked_add(bytes.small()?)
                .ok_or(Damaged("it is too long"))?;
            blocks.push(place(&keys, start, bytes.take(CHECK)?)?);
            keys.extend_from_slice(key);
        }
        // Where the last one ends.
        blocks.push(place(&keys, end, &[])?);
        let length = bytes.count()?;
        let filter = Filter::read(bytes.take(length)?);
        Ok(Self {
            docs,
            ids,
            times,
            keys: keys.into(),
            blocks: blocks.into(),
            filter,
        })
    }

    pub fn docs(&self) -> u32 {
        self.docs
    }

    pub fn ids(&self) -> (i64, i64) {
        self.ids
    }

    pub fn times(&self) -> (i64, i64) {
        self.times
    }

    /// How many blocks there are.
    pub fn len(&self) -> usize {
        self.blocks.len() - 1
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how much memory it takes.
    pub fn size(&self) -> usize {
        self.keys.len() + size_of_val(&*self.blocks) + self.filter.bytes().len() + size_of::<Self>()
    }

    /// Whether a message may have this term. A beginning of terms is not asked for here.
    pub fn may_hold(&self, term: &[u8]) -> bool {
        self.filter.may_hold(term)
    }

    /// The block in which a term is, if it is in one; and the first that has terms beginning so.
    pub fn locate(&self, term: &[u8]) -> Option<usize> {
        let low = self.after(term);
        let found = low.checked_sub(1)?;
        if is_docs(self.key(found)) {
            // All terms come after it; one may begin as was asked.
            return (low < self.len() && !is_docs(term)).then_some(low);
        }
        Some(found)
    }

    /// The first block with a greater key; the number of blocks where there is none.
    pub fn after(&self, key: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.key(middle) <= key {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The block in which a message's number is.
    pub fn docs_block(&self, ordinal: u32) -> Option<usize> {
        let key = docs_key(ordinal);
        let n = usize::try_from(ordinal / super::DOCS_PER_BLOCK).ok()?;
        (n < self.len() && self.key(n) == key).then_some(n)
    }

    /// The key of a block that there is.
    pub fn key(&self, block: usize) -> &[u8] {
        &self.keys[self.blocks[block].key as usize..self.blocks[block + 1].key as usize]
    }

    /// Where in the file a block's bytes are.
    pub fn range(&self, block: usize) -> Option<Range<u64>> {
        let [this, next] = self.blocks.get(block..block + 2)? else {
            return None;
        };
        Some(u64::from(this.start)..u64::from(next.start))
    }

    /// A block's bytes, if they are its.
    ///
    /// # Errors
    /// Fails where they are not.
    pub fn check<'a>(&self, block: usize, bytes: &'a [u8]) -> Result<&'a [u8], Damaged> {
        match self.range(block) {
            Some(_) if self.blocks[block].check == check_of(bytes) => Ok(bytes),
            _ => Err(Damaged("a block has another checksum")),
        }
    }
}
