//! A pack made of messages.
use std::collections::HashMap;

use super::writer::Writer;
use super::{Doc, Mark, Pack, docs};
use crate::index::words::{Text, has_link};

/// Gathers messages, in any order. What it holds is some 20 times as many bytes as there are messages, and their terms.
#[derive(Debug, Default)]
pub struct Builder {
    docs: Vec<Doc>,
    terms: HashMap<Box<[u8]>, u32>,
    /// A term and the place in `docs` of a message that has it.
    pairs: Vec<(u32, u32)>,
    text: Text,
    numbers: Vec<u32>,
}

impl Builder {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a message. Of two with one id the later is kept. A mark of a link is added where there is one.
    pub fn add(&mut self, doc: Doc, text: &str, marks: &[Mark<'_>]) {
        let Ok(place) = u32::try_from(self.docs.len()) else {
            return;
        };
        self.docs.push(doc);
        let Self { terms, numbers, .. } = self;
        numbers.clear();
        self.text.read(text);
        self.text.terms(|term| numbers.push(number(terms, term)));
        let link = has_link(text).then_some(&Mark::Link);
        for mark in marks.iter().chain(link) {
            numbers.push(number(terms, &mark.term()));
        }
        numbers.sort_unstable();
        numbers.dedup();
        self.pairs.extend(numbers.iter().map(|term| (*term, place)));
    }

    /// How many messages were added.
    pub fn len(&self) -> usize {
        self.docs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.docs.is_empty()
    }

    pub fn finish(self) -> Pack {
        let Self {
            docs, terms, pairs, ..
        } = self;
        let (docs, places) = ordered(docs);
        let mut names: Vec<_> = terms.into_iter().collect();
        names.sort_unstable();
        let lists = Lists::of(names.len(), &pairs);
        drop(pairs);
        let mut writer = Writer::new();
        let mut list = Vec::new();
        for (term, number) in &names {
            list.clear();
            let messages = lists.of_term(*number).iter();
            list.extend(messages.filter_map(|place| places[*place as usize]));
            if !list.is_sorted() {
                list.sort_unstable();
            }
            if !list.is_empty() {
                writer.add(term, &list);
            }
        }
        pack(&docs, writer)
    }
}

fn number(terms: &mut HashMap<Box<[u8]>, u32>, term: &[u8]) -> u32 {
    if let Some(number) = terms.get(term) {
        return *number;
    }
    // As many terms as this do not fit in memory.
    let number = u32::try_from(terms.len()).unwrap_or(u32::MAX);
    terms.insert(term.into(), number);
    number
}

/// Messages in order of ids, and for each as it came its number; none for one that another has replaced.
pub(super) fn ordered(docs: Vec<Doc>) -> (Vec<Doc>, Vec<Option<u32>>) {
    if docs.is_sorted_by(|one, next| one.id < next.id) {
        let places = (0u32..).take(docs.len()).map(Some).collect();
        return (docs, places);
    }
    let mut order: Vec<usize> = (0..docs.len()).collect();
    order.sort_by_key(|place| (docs[*place].id, *place));
    let mut kept: Vec<Doc> = Vec::with_capacity(docs.len());
    let mut places = vec![None; docs.len()];
    for (n, place) in order.iter().enumerate() {
        let replaced = order
            .get(n + 1)
            .is_some_and(|next| docs[*next].id == docs[*place].id);
        if !replaced {
            places[*place] = u32::try_from(kept.len()).ok();
            kept.push(docs[*place]);
        }
    }
    (kept, places)
}

pub(super) fn pack(docs: &[Doc], writer: Writer) -> Pack {
    let ids = docs.first().zip(docs.last());
    let times = docs.iter().map(|doc| doc.at_ms);
    Pack {
        blocks: docs::write(docs).chain(writer.finish()).collect(),
        docs: u32::try_from(docs.len()).unwrap_or(u32::MAX),
        ids: ids.map_or((0, 0), |(first, last)| (first.id, last.id)),
        times: times.clone().min().zip(times.max()).unwrap_or((0, 0)),
    }
}

/// The places of messages, sorted by their terms in one pass.
struct Lists {
    starts: Vec<usize>,
    places: Vec<u32>,
}

impl Lists {
    fn of(terms: usize, pairs: &[(u32, u32)]) -> Self {
        let mut starts = vec![0; terms + 1];
        for (term, _) in pairs {
            starts[*term as usize + 1] += 1;
        }
        for term in 0..terms {
            starts[term + 1] += starts[term];
        }
        let mut next = starts.clone();
        let mut places = vec![0; pairs.len()];
        for (term, place) in pairs {
            let at = &mut next[*term as usize];
            places[*at] = *place;
            *at += 1;
        }
        Self { starts, places }
    }

    fn of_term(&self, term: u32) -> &[u32] {
        let term = term as usize;
        &self.places[self.starts[term]..self.starts[term + 1]]
    }
}
