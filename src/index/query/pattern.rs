//! A word or phrase that is looked for: what texts that have it need to have, and where in a text it is.
use std::ops::Range;

use memchr::memmem;

use super::super::words::{Class, Text, cut, is_number};
use super::{Need, QueryError};

/// The fewest characters before a `*`.
const SHORTEST_PREFIX: usize = 2;

/// What stands around a word in a sentence.
const AROUND: &[char] = &[
    ',', ';', '!', '?', '(', ')', '[', ']', '{', '}', '<', '>', '"', '…', '«', '»', '、', '。',
    '「', '」', '（', '）', '！', '？',
];

#[derive(Debug, Clone)]
pub(super) struct Pattern {
    folded: memmem::Finder<'static>,
    /// The humps of a single word that has some.
    humps: Vec<String>,
    /// One word, without anything beside it.
    single: bool,
    /// It begins or ends with a word, which then has to begin or end there.
    begins: bool,
    ends: bool,
    needs: Vec<Need>,
}

impl Pattern {
    /// A word as it was typed at character `at`. None where nothing of it can be looked for.
    pub(super) fn word(typed: &str, at: usize) -> Result<Option<Self>, QueryError> {
        let word = typed.trim_matches(AROUND);
        let open = word.ends_with('*');
        let around = |c: char| c == '*' || !open && (c == '.' || AROUND.contains(&c));
        let word = word.trim_start_matches('*').trim_end_matches(around);
        let text = Text::of(word);
        let Some(last) = text.words().last() else {
            return Ok(None);
        };
        let open = open && last.class == Class::Word && last.at.end == text.folded().len();
        if open
            && text.folded()[last.at.clone()].chars().count() < SHORTEST_PREFIX
            && text.words().len() == 1
        {
            return Err(QueryError::ShortPrefix { at });
        }
        Ok(Some(Self::of(&text, open)))
    }

    /// What stood between quotation marks.
    pub(super) fn phrase(quoted: &str) -> Option<Self> {
        let text = Text::of(quoted);
        let some = !text.folded().trim_end().is_empty();
        some.then(|| Self::of(&text, false))
    }

    fn of(text: &Text, open: bool) -> Self {
        let folded = text.folded().trim_end().to_owned();
        let is_word = |at: usize| {
            text.word_at(at)
                .is_some_and(|word| word.class == Class::Word)
        };
        let single = text
            .words()
            .first()
            .filter(|word| word.at == (0..folded.len()));
        let single = single.filter(|word| word.class == Class::Word);
        let humps = match (single, open) {
            (Some(word), false) => text
                .humps(word)
                .map(|hump| folded[hump].to_owned())
                .collect(),
            _ => Vec::new(),
        };
        Self {
            needs: needs(text, &humps, open),
            single: single.is_some(),
            begins: is_word(0),
            ends: !open && is_word(folded.len() - 1),
            humps,
            folded: memmem::Finder::new(&folded).into_owned(),
        }
    }

    pub(super) fn needs(&self) -> impl Iterator<Item = Need> {
        self.needs.iter().cloned()
    }

    /// Calls `each` with every place in the folded text where it is.
    pub(super) fn find(&self, text: &Text, mut each: impl FnMut(Range<usize>)) {
        let mut from = 0;
        let folded = text.folded();
        while let Some(at) = self.folded.find(&folded.as_bytes()[from..]) {
            let range = from + at..from + at + self.folded.needle().len();
            let first = folded[range.start..]
                .chars()
                .next()
                .map_or(1, char::len_utf8);
            from = range.start + first;
            if self.is_whole(text, &range) {
                from = range.end;
                each(range);
            }
        }
    }

    /// Whether what was found begins and ends as words do.
    fn is_whole(&self, text: &Text, range: &Range<usize>) -> bool {
        if self.single {
            return self.is_word(text, range);
        }
        let begins = |at| text.word_at(at).is_some_and(|word| word.at.start == at);
        let ends = |at: usize| text.word_at(at - 1).is_some_and(|word| word.at.end == at);
        (!self.begins || begins(range.start)) && (!self.ends || ends(range.end))
    }

    /// Whether it is a word, a hump or, of one with humps, some humps in a row.
    fn is_word(&self, text: &Text, range: &Range<usize>) -> bool {
        let Some(word) = text.word_at(range.start) else {
            return false;
        };
        let is = |at: &Range<usize>| {
            at.start == range.start && (!self.ends && at.end >= range.end || at.end == range.end)
        };
        if is(&word.at) || text.humps(word).any(|hump| is(&hump)) {
            return true;
        }
        let inside = text
            .humps(word)
            .filter(|hump| hump.start >= range.start && hump.end <= range.end)
            .map(|hump| &text.folded()[hump]);
        !self.humps.is_empty() && inside.eq(self.humps.iter().map(String::as_str))
    }
}

/// What every text has in which it is found.
fn needs(text: &Text, humps: &[String], open: bool) -> Vec<Need> {
    let folded = text.folded();
    let words = text.words();
    if let ([word], false) = (words, humps.is_empty()) {
        let whole = cut(&folded[word.at.clone()]).to_vec();
        let humps = humps.iter().map(|hump| cut(hump).to_vec()).collect();
        return vec![Need::Any(vec![vec![whole], humps])];
    }
    let mut needs = Vec::new();
    let mut paired = false;
    for (n, word) in words.iter().enumerate() {
        let last = n + 1 == words.len();
        let term = cut(&folded[word.at.clone()]).to_vec();
        match word.class {
            Class::Unspaced => needs.extend(neighbours(&folded[word.at.clone()])),
            Class::Word => {
                let open_pair = open && n + 2 == words.len();
                // What follows is not all of the word, which may be none that is paired with this.
                let pair = text
                    .pair(n)
                    .filter(|_| !open_pair || is_number(&folded[word.at.clone()]))
                    .map(|pair| cut(pair).to_vec());
                match &pair {
                    Some(pair) if open_pair => needs.push(Need::Prefix(pair.clone())),
                    Some(pair) => needs.push(Need::Term(pair.clone())),
                    // The pair before it says it.
                    None if paired => {}
                    None if open && last => needs.push(Need::Prefix(term)),
                    None => needs.push(Need::Term(term)),
                }
                paired = pair.is_some();
                continue;
            }
            Class::Alone | Class::Other => needs.push(Need::Term(term)),
        }
        paired = false;
    }
    needs
}

/// The pairs of characters of a script without spaces; one by itself begins some pair, or ends a text.
fn neighbours(text: &str) -> Vec<Need> {
    let ends: Vec<_> = text
        .char_indices()
        .map(|(at, c)| at + c.len_utf8())
        .collect();
    let starts = text.char_indices().map(|(at, _)| at);
    if ends.len() == 1 {
        return vec![Need::Prefix(text.as_bytes().to_vec())];
    }
    let pairs = starts.zip(ends.iter().skip(1));
    pairs
        .map(|(start, end)| Need::Term(text.as_bytes()[start..*end].to_vec()))
        .collect()
}
