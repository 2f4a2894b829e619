//! The words of a text: what it is when folded, where its words lie, and the terms by which it is found.
mod class;
mod fold;
mod read;

use std::ops::Range;

pub(super) use class::Class;
use read::Case;

/// The longest term, in bytes; a longer word is found by its beginning.
pub const LONGEST_TERM: usize = 64;

/// A text as it is compared, and its words.
#[derive(Debug, Default)]
pub struct Text {
    folded: String,
    words: Vec<Word>,
    /// Where a hump begins inside a word: at `User` in `getUser`.
    humps: Vec<usize>,
    places: Vec<Place>,
    original: usize,
    /// The cases of the two characters before, in a word that is being read.
    last: [Case; 2],
}

/// A run of characters of one class.
#[derive(Debug, Clone)]
pub(super) struct Word {
    pub(super) class: Class,
    pub(super) at: Range<usize>,
    humps: Range<usize>,
}

/// From here on, folded and original text lie as far apart as here.
#[derive(Debug, Clone, Copy)]
struct Place {
    folded: usize,
    original: usize,
    /// A cluster, which is taken as a whole or not at all.
    cluster: bool,
}

impl Text {
    pub fn of(text: &str) -> Self {
        let mut this = Self::default();
        this.read(text);
        this
    }

    /// Calls `each` with every term, some of them more than once: words, their humps, pairs of joined words
    /// (`127.0`), and pairs of characters where words are not told apart.
    pub fn terms(&self, mut each: impl FnMut(&[u8])) {
        for (n, word) in self.words.iter().enumerate() {
            let text = &self.folded[word.at.clone()];
            match word.class {
                Class::Unspaced => pairs(text, &mut each),
                Class::Word => {
                    each(cut(text));
                    for hump in self.humps(word) {
                        each(cut(&self.folded[hump]));
                    }
                    if let Some(pair) = self.pair(n) {
                        each(cut(pair));
                    }
                }
                Class::Alone | Class::Other => each(text.as_bytes()),
            }
        }
    }

    pub(super) fn folded(&self) -> &str {
        &self.folded
    }

    pub(super) fn words(&self) -> &[Word] {
        &self.words
    }

    /// The word in which a byte of the folded text lies.
    pub(super) fn word_at(&self, at: usize) -> Option<&Word> {
        let n = self.words.partition_point(|word| word.at.end <= at);
        self.words.get(n).filter(|word| word.at.contains(&at))
    }

    /// The parts of a word that has humps; nothing of a plain one.
    pub(super) fn humps(&self, word: &Word) -> impl Iterator<Item = Range<usize>> {
        let inner = &self.humps[word.humps.clone()];
        let first = (!inner.is_empty()).then_some(word.at.start);
        let starts = first.into_iter().chain(inner.iter().copied());
        let ends = inner.iter().copied().chain([word.at.end]);
        starts.zip(ends).map(|(start, end)| start..end)
    }

    /// The `n`th word with the next, if one mark joins them and they are too short, or numbers, to be found by
    /// themselves. The others' own terms are enough, and their pairs would be a quarter of an index.
    pub(super) fn pair(&self, n: usize) -> Option<&str> {
        const SHORT: usize = 3;
        let [one, other] = self.words.get(n..n + 2)? else {
            return None;
        };
        let words = one.class == Class::Word && other.class == Class::Word;
        if !words || !class::joins(&self.folded[one.at.end..other.at.start]) {
            return None;
        }
        let text = |word: &Word| &self.folded[word.at.clone()];
        let short = one.at.len() <= SHORT && other.at.len() <= SHORT;
        let paired = short || is_number(text(one)) || is_number(text(other));
        paired.then(|| &self.folded[one.at.start..other.at.end])
    }

    /// Where a range of the folded text lies in the original.
    pub(super) fn original(&self, range: Range<usize>) -> Range<usize> {
        let last = range.end.max(range.start + 1) - 1;
        let (place, _) = self.place_of(range.start);
        let start = place.original_of(range.start);
        let (place, next) = self.place_of(last);
        let end = if place.cluster {
            next.map_or(self.original, |next| next.original)
        } else {
            place.original_of(last) + 1
        };
        start..end
    }

    fn place_of(&self, folded: usize) -> (Place, Option<&Place>) {
        let after = self.places.partition_point(|place| place.folded <= folded);
        let same = Place {
            folded: 0,
            original: 0,
            cluster: false,
        };
        let place = after.checked_sub(1).map_or(same, |n| self.places[n]);
        (place, self.places.get(after))
    }
}

impl Place {
    fn original_of(&self, folded: usize) -> usize {
        if self.cluster {
            self.original
        } else {
            self.original + folded - self.folded
        }
    }
}

pub(super) fn is_number(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit())
}

/// A term of a word: as much of it as a term may have.
pub(super) fn cut(word: &str) -> &[u8] {
    let mut end = word.len().min(LONGEST_TERM);
    while !word.is_char_boundary(end) {
        end -= 1;
    }
    &word.as_bytes()[..end]
}

/// Every two neighbours, and the last by itself, so that each character begins a term.
fn pairs(text: &str, each: &mut impl FnMut(&[u8])) {
    let mut before = 0;
    for (at, _) in text.char_indices().skip(1) {
        let end = text[at..].chars().next().map_or(at, |c| at + c.len_utf8());
        each(&text.as_bytes()[before..end]);
        before = at;
    }
    each(&text.as_bytes()[before..]);
}

/// Whether a text holds the address of a page.
pub fn has_link(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memmem::find_iter(bytes, b"://").any(|at| {
        let scheme = |name: &str| {
            at.checked_sub(name.len())
                .is_some_and(|from| bytes[from..at].eq_ignore_ascii_case(name.as_bytes()))
        };
        let goes_on = bytes.get(at + 3).is_some_and(u8::is_ascii_graphic)
            || bytes.get(at + 3).is_some_and(|byte| !byte.is_ascii());
        goes_on && (scheme("http") || scheme("https"))
    })
}

#[cfg(test)]
mod tests;
