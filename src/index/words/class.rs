//! What a character is to search: part of a word, of a script without spaces, or neither.
use unicode_normalization::char::is_combining_mark;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Class {
    /// A letter, digit or mark of a script that writes spaces between words.
    Word,
    /// A character of a script that does not.
    Unspaced,
    /// A word by itself: a picture.
    Alone,
    /// What stands between words.
    Other,
}

/// The class of a character that was folded; it does not depend on its neighbours.
pub(super) fn class(c: char) -> Class {
    if c.is_ascii() {
        return if c.is_ascii_alphanumeric() {
            Class::Word
        } else {
            Class::Other
        };
    }
    let counts = c.is_alphanumeric() || is_combining_mark(c);
    if counts && is_unspaced(c) {
        Class::Unspaced
    } else if counts {
        Class::Word
    } else if is_picture(c) {
        Class::Alone
    } else {
        Class::Other
    }
}

fn is_unspaced(c: char) -> bool {
    matches!(u32::from(c),
        0x0e00..=0x0eff // Thai, Lao
        | 0x1000..=0x109f | 0xa9e0..=0xa9ff | 0xaa60..=0xaa7f // Myanmar
        | 0x1100..=0x11ff | 0xa960..=0xa97f | 0xac00..=0xd7ff // Hangul
        | 0x1780..=0x17ff // Khmer
        | 0x1950..=0x19df | 0x1a20..=0x1aaf // Tai Le, New Tai Lue, Tai Tham
        | 0x2e80..=0x2fdf // radicals
        | 0x3005..=0x30ff | 0x31f0..=0x31ff // Han's own marks, Hiragana, Katakana
        | 0x3100..=0x31bf // Bopomofo, Hangul of old standards
        | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0x20000..=0x323af // Han
        | 0xa000..=0xa4cf // Yi
    )
}

fn is_picture(c: char) -> bool {
    matches!(u32::from(c), 0x1f000..=0x1faff | 0x2600..=0x27bf | 0x231a..=0x23ff | 0x2b50..=0x2b55)
}

/// What belongs to the character before it: marks, voices of narrow kana, vowels and endings of
/// Hangul in pieces, and what is not seen.
pub(super) fn extends(c: char) -> bool {
    !c.is_ascii()
        && (is_ignored(c)
            || matches!(u32::from(c), 0xff9e | 0xff9f | 0x1160..=0x11ff | 0xffc2..=0xffdc)
            || is_combining_mark(c))
}

/// What changes nothing of what is read: joiners, soft hyphens, directions, variants, tones of skin.
pub(super) fn is_ignored(c: char) -> bool {
    matches!(u32::from(c),
        0xad | 0x34f | 0x61c | 0x200c..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f
        | 0xfe00..=0xfe0f | 0xfeff | 0x1f3fb..=0x1f3ff | 0xe0000..=0xe0fff)
}

/// What joins two words to one that is looked for as a whole: `127.0`, `x86_64`, `don't`.
pub(super) fn joins(text: &str) -> bool {
    matches!(text, "." | "_" | "-" | "/" | ":" | "@" | "'")
}
