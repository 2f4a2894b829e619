//! Text from outside as it may be shown: without what a terminal would obey, and without what
//! shows other text than is there.
use std::borrow::Cow;
use std::fmt::Write;

/// Control characters but a new line and a tab, and the marks that turn the direction of writing
/// (Unicode Standard Annex #9) or end a line elsewhere than is seen.
fn is_unsafe(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t')
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        )
        || matches!(c, '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// For people. What is unsafe is seen as a `�`.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let shown = |c| {
        if is_unsafe(c) {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    };
    Cow::Owned(text.chars().map(shown).collect())
}

/// The same within one line.
pub fn plain_line(text: &str) -> String {
    plain(text).replace(['\n', '\t'], " ")
}

/// For programs: JSON that says the very same, with what is unsafe as JSON's escapes. It can
/// stand in strings only, where those mean what they replace.
pub fn plain_json(json: &str) -> Cow<'_, str> {
    if !json.contains(is_unsafe) {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if is_unsafe(c) {
            // All of them are in the first plane.
            let _ = write!(escaped, "\\u{:04x}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_commands_a_terminal_is_not_shown() {
        for (text, shown) in [
            ("plain\ttext\nä 日本", "plain\ttext\nä 日本"),
            ("\x1b[2J\x1b]0;x\x07", "�[2J�]0;x�"),
            ("a\rb\u{7f}\u{9b}31m\u{0}", "a�b��31m�"),
            ("\u{202e}txt\u{2066}\u{200f}", "�txt��"),
        ] {
            assert_eq!(plain(text), shown);
        }
        assert_eq!(plain_line("a\nb\u{1b}"), "a b�");
    }

    proptest! {
        #[test]
        fn json_says_the_very_same_and_commands_nothing(text in "(?s).{0,40}") {
            let json = serde_json::json!({ "text": text }).to_string();
            let shown = plain_json(&json);
            prop_assert!(!shown.contains(is_unsafe));
            let read: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
            prop_assert_eq!(read["text"].as_str(), Some(text.as_str()));
            prop_assert!(!plain(&text).contains(is_unsafe));
        }
    }
}
