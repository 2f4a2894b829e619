//! Reading a text: folding it, and finding its words and their humps.
use super::{Class, Place, Text, Word, class, fold};

/// A word with more humps than this is no name but something encoded.
const MOST_HUMPS: usize = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Case {
    Upper,
    Lower,
    Digit,
    #[default]
    None,
}

impl Case {
    fn of(c: char) -> Self {
        if c.is_uppercase() {
            Self::Upper
        } else if c.is_lowercase() {
            Self::Lower
        } else if c.is_numeric() {
            Self::Digit
        } else {
            Self::None
        }
    }
}

impl Text {
    /// Becomes `text`; what was allocated is used again.
    pub fn read(&mut self, text: &str) {
        self.begin(text);
        let bytes = text.as_bytes();
        let mut folded = String::new();
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            if byte.is_ascii() && bytes.get(at + 1).is_none_or(u8::is_ascii) {
                at = self.plain(text, at);
            } else {
                at = self.cluster(text, at, &mut folded);
            }
        }
        self.end_word();
    }

    fn begin(&mut self, text: &str) {
        self.folded.clear();
        self.words.clear();
        self.humps.clear();
        self.places.clear();
        self.original = text.len();
        self.folded.reserve(text.len());
        self.words.reserve(text.len() / 4);
    }

    /// Reads a character with its marks, and says where it ends.
    fn cluster(&mut self, text: &str, at: usize, folded: &mut String) -> usize {
        let end = at + end_of_cluster(&text[at..]);
        let cluster = &text[at..end];
        self.place(at, true);
        folded.clear();
        fold::fold(cluster, folded);
        let case = cluster.chars().next().map_or(Case::None, Case::of);
        for c in folded.chars() {
            self.push(c, case);
        }
        end
    }

    /// Reads ASCII that no mark follows, which is most of what most people write: as many letters and digits as there
    /// are, or one other character. Says where it ends.
    fn plain(&mut self, text: &str, at: usize) -> usize {
        self.place(at, false);
        let bytes = &text.as_bytes()[at..];
        let is_word = |byte: &&u8| byte.is_ascii_alphanumeric();
        let mut count = bytes.iter().take_while(is_word).count();
        if count == 0 {
            self.push(char::from(bytes[0]), Case::None);
            return at + 1;
        }
        // What follows may be a mark of the last one.
        if bytes.get(count).is_some_and(|byte| !byte.is_ascii()) {
            count -= 1;
        }
        let word = &text[at..at + count];
        let start = self.folded.len();
        self.folded.push_str(word);
        let case = |n: usize| Case::of(char::from(bytes[n]));
        let is_new = self.take(Class::Word, start);
        if is_new && !word.bytes().any(|byte| byte.is_ascii_uppercase()) {
            // No hump is in it; one may yet begin with what follows.
            self.last = [Case::None, case(count - 1)];
            return at + count;
        }
        self.folded[start..].make_ascii_lowercase();
        if is_new {
            self.last = [Case::None, case(0)];
        }
        for n in usize::from(is_new)..count {
            self.hump(start + n, case(n));
        }
        at + count
    }

    fn place(&mut self, original: usize, cluster: bool) {
        let folded = self.folded.len();
        let apart = match self.places.last() {
            Some(last) => last.cluster || original - last.original != folded - last.folded,
            None => original != folded,
        };
        if cluster || apart {
            self.places.push(Place {
                folded,
                original,
                cluster,
            });
        }
    }

    fn push(&mut self, c: char, case: Case) {
        let at = self.folded.len();
        if c.is_whitespace() {
            if at > 0 && !self.folded.ends_with(' ') {
                self.folded.push(' ');
            }
            return;
        }
        self.folded.push(c);
        let class = class::class(c);
        if class == Class::Other {
            return;
        }
        if self.take(class, at) {
            self.last = [Case::None, case];
        } else if class == Class::Word {
            self.hump(at, case);
        }
    }

    /// Makes what was appended from `at` on a part of the word before it, or a new word. Says whether it is new.
    fn take(&mut self, class: Class, at: usize) -> bool {
        let end = self.folded.len();
        match self.words.last_mut() {
            Some(word) if word.class == class && word.at.end == at && class != Class::Alone => {
                word.at.end = end;
                false
            }
            _ => {
                self.end_word();
                let humps = self.humps.len()..self.humps.len();
                let at = at..end;
                self.words.push(Word { class, at, humps });
                true
            }
        }
    }

    /// Notes that a hump begins at `at`, or one character before, if one does: `aB`, `ABc`, `1Bc`.
    fn hump(&mut self, at: usize, case: Case) {
        match (self.last, case) {
            ([_, Case::Lower], Case::Upper) => self.humps.push(at),
            ([Case::Upper | Case::Digit, Case::Upper], Case::Lower) => {
                let before = self.folded[..at].char_indices().next_back();
                self.humps.extend(before.map(|(at, _)| at));
            }
            _ => {}
        }
        self.last = [self.last[1], case];
    }

    fn end_word(&mut self) {
        if let Some(word) = self.words.last_mut() {
            if self.humps.len() - word.humps.start > MOST_HUMPS {
                self.humps.truncate(word.humps.start);
            }
            word.humps.end = self.humps.len();
        }
    }
}

/// The length of the character that `text` begins with, and of what belongs to it.
fn end_of_cluster(text: &str) -> usize {
    let mut chars = text.char_indices();
    let spaced = chars.next().is_some_and(|(_, c)| c.is_whitespace());
    chars
        .find(|(_, c)| spaced || !class::extends(*c))
        .map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn plain_text_is_read_as_any_other(text in "[aB1 ._é\u{301}設👍\t]{0,40}|[a-zA-Z0-9]{0,20}") {
            let read = Text::of(&text);
            let mut slowly = Text::default();
            slowly.begin(&text);
            let (mut at, mut folded) = (0, String::new());
            while at < text.len() {
                at = slowly.cluster(&text, at, &mut folded);
            }
            slowly.end_word();
            prop_assert_eq!(&read.folded, &slowly.folded);
            prop_assert_eq!(&read.humps, &slowly.humps);
            let words = |text: &Text| format!("{:?}", text.words);
            prop_assert_eq!(words(&read), words(&slowly));
            for word in &read.words {
                prop_assert_eq!(read.original(word.at.clone()), slowly.original(word.at.clone()));
            }
        }
    }
}
