//! Folding: a cluster (a character and its marks) as it is compared, whichever way it was typed.
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::class;

/// Appends what `cluster` is when case, width, composition and, in Latin, Greek and Cyrillic,
/// diacritics make no difference.
pub(super) fn fold(cluster: &str, into: &mut String) {
    let mut chars = cluster.chars();
    if let (Some(c), None) = (chars.next(), chars.next())
        && let Some(folded) = at_once(c)
    {
        into.push(folded);
        return;
    }
    // Marks stand behind their letter here, so a letter is known before its marks are.
    let mut letter = None;
    let parts = cluster
        .nfkd()
        .filter(|c| !class::is_ignored(*c))
        .flat_map(char::to_lowercase)
        .filter(|c| {
            if is_combining_mark(*c) {
                return !letter.is_some_and(|letter| is_dropped(letter, *c));
            }
            letter = Some(*c);
            true
        });
    for c in parts.nfc() {
        match c {
            'ß' => into.push_str("ss"),
            'æ' => into.push_str("ae"),
            'œ' => into.push_str("oe"),
            _ => into.push(alike(c)),
        }
    }
}

/// The most frequent characters beside ASCII, which need no tables.
fn at_once(c: char) -> Option<char> {
    match c {
        '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{30fc}' => Some(c),
        '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' => Some(c),
        'а'..='и' | 'к'..='я' => Some(c),
        _ => None,
    }
}

/// Whether `mark` makes no other letter of `letter`. й and ї are letters of their own, ё is not.
fn is_dropped(letter: char, mark: char) -> bool {
    match letter {
        'и' | 'у' => mark != '\u{306}',
        'і' => mark != '\u{308}',
        'a'..='z' | '\u{c0}'..='\u{2af}' | '\u{370}'..='\u{52f}' => true,
        _ => false,
    }
}

/// Letters with a stroke or a shape that Unicode does not take off, and marks that keyboards replace.
fn alike(c: char) -> char {
    match c {
        'ς' => 'σ',
        'ı' => 'i',
        'ø' => 'o',
        'ł' => 'l',
        'đ' | 'ð' => 'd',
        'ħ' => 'h',
        'ŧ' => 't',
        '\u{2018}' | '\u{2019}' | '\u{2bc}' => '\'',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '\u{201c}'..='\u{201e}' => '"',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_in_two_ways_is_the_same() {
        for (one, other) in [
            ("é", "e\u{301}"),
            ("É", "e"),
            ("ﬁ", "fi"),
            ("Ａ", "a"),
            ("ｶﾞ", "ガ"),
            ("か\u{3099}", "が"),
            ("İ", "i"),
            ("ẞ", "ss"),
            ("Ё", "е"),
            ("Й", "и\u{306}"),
            ("Ή", "η"),
            ("Σ", "ς"),
            ("ậ", "a"),
            ("\u{1112}\u{1161}\u{11ab}", "한"),
            ("ﾡￂ", "가"),
            ("👍🏽", "👍"),
            ("’", "'"),
        ] {
            let (mut first, mut second) = (String::new(), String::new());
            fold(one, &mut first);
            fold(other, &mut second);
            assert_eq!(first, second, "{one} {other}");
        }
    }

    #[test]
    fn letters_of_their_own_stay_so() {
        for (one, other) in [("й", "и"), ("ї", "і"), ("が", "か"), ("ก่", "ก")] {
            let (mut first, mut second) = (String::new(), String::new());
            fold(one, &mut first);
            fold(other, &mut second);
            assert_ne!(first, second);
        }
    }
}
