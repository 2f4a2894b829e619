//! One pack of several.
use super::block::Terms;
use super::builder::{ordered, pack};
use super::docs::{docs, is_docs};
use super::writer::Writer;
use super::{Block, Damaged, Doc, Pack};

/// The packs, the oldest first, as one of those messages that are kept. Where several have a message of the
/// same id, the last one's counts. Words that only messages had which are not kept are not in its bytes.
///
/// # Errors
/// Fails where a pack is damaged.
pub fn merge(packs: &[Pack], keep: impl FnMut(&Doc) -> bool) -> Result<Pack, Damaged> {
    merged(packs, keep, Twice::Last)
}

/// The same, but for a message that several have: it has the terms of them all.
///
/// # Errors
/// Fails where a pack is damaged.
pub fn unite(packs: &[Pack], keep: impl FnMut(&Doc) -> bool) -> Result<Pack, Damaged> {
    merged(packs, keep, Twice::All)
}

/// Which of the packs that have a message count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Twice {
    Last,
    All,
}

fn merged(
    packs: &[Pack],
    mut keep: impl FnMut(&Doc) -> bool,
    twice: Twice,
) -> Result<Pack, Damaged> {
    let mut all = Vec::new();
    let mut columns = Vec::new();
    for pack in packs {
        let start = all.len();
        for block in pack.blocks.iter().filter(|block| is_docs(&block.key)) {
            all.extend(docs(&block.data)?);
        }
        columns.push(start..all.len());
    }
    // A message that is not kept hides an older one of its id, too.
    let ids: Vec<i64> = match twice {
        Twice::All => all.iter().map(|doc| doc.id).collect(),
        Twice::Last => Vec::new(),
    };
    let (mut merged, mut places) = ordered(all);
    for (place, id) in places.iter_mut().zip(ids) {
        let same = || merged.binary_search_by_key(&id, |doc| doc.id).ok();
        *place = place.or_else(|| u32::try_from(same()?).ok());
    }
    let mut next = 0u32;
    let mut kept = Vec::with_capacity(merged.len());
    for doc in &merged {
        let is_kept = keep(doc);
        kept.push(is_kept.then_some(next));
        next += u32::from(is_kept);
    }
    for place in &mut places {
        *place = place.and_then(|place| kept[place as usize]);
    }
    let mut kept = kept.iter();
    merged.retain(|_| kept.next().is_some_and(Option::is_some));

    let mut inputs = Vec::new();
    for (pack, column) in packs.iter().zip(columns) {
        inputs.extend(Input::open(&pack.blocks, &places[column])?);
    }
    let mut writer = Writer::new();
    let mut term = Vec::new();
    let mut list = Vec::new();
    while let Some(least) = inputs.iter().map(|input| input.terms.term()).min() {
        term.clear();
        term.extend_from_slice(least);
        list.clear();
        let mut n = 0;
        while n < inputs.len() {
            let input = &mut inputs[n];
            if input.terms.term() == term && !input.take(&mut list)? {
                inputs.swap_remove(n);
            } else {
                n += 1;
            }
        }
        if !list.is_sorted_by(|one, next| one < next) {
            list.sort_unstable();
            list.dedup();
        }
        if !list.is_empty() {
            writer.add(&term, &list);
        }
    }
    Ok(pack(&merged, writer))
}

/// A pack's terms, at one of them.
struct Input<'a> {
    blocks: &'a [Block],
    terms: Terms<'a>,
    /// What the numbers of its messages are in the new pack.
    places: &'a [Option<u32>],
}

impl<'a> Input<'a> {
    /// At the first term; none where there is none.
    fn open(blocks: &'a [Block], places: &'a [Option<u32>]) -> Result<Option<Self>, Damaged> {
        let first = blocks.partition_point(|block| is_docs(&block.key));
        let mut input = Self {
            blocks: &blocks[first..],
            terms: Terms::of(&[]),
            places,
        };
        Ok(input.next()?.then_some(input))
    }

    /// Goes to the next term, if another is there.
    fn next(&mut self) -> Result<bool, Damaged> {
        loop {
            if self.terms.advance()?.is_some() {
                return Ok(true);
            }
            let Some((block, rest)) = self.blocks.split_first() else {
                return Ok(false);
            };
            self.blocks = rest;
            self.terms = Terms::of(&block.data);
        }
    }

    /// Adds the messages of its term, and goes on.
    fn take(&mut self, list: &mut Vec<u32>) -> Result<bool, Damaged> {
        let places = self.places;
        let mut known = true;
        self.terms
            .list(|number| match places.get(number as usize) {
                Some(place) => list.extend(place),
                None => known = false,
            })?;
        if !known {
            return Err(Damaged("a list names a message that is not there"));
        }
        self.next()
    }
}
