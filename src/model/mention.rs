//! The names that a text calls people by: `@name`.
use std::sync::Arc;

use super::{Nickname, UserKey};

/// People that one text may call.
pub const MOST_MENTIONS: usize = 20;

/// A mention: the account that a message calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    pub user: UserKey,
    /// As the account has it.
    pub nickname: Arc<str>,
}

/// The nicknames that a text mentions, each once, in the order of the text; 20 at most.
///
/// A name begins after an `@` that no letter, digit or mark of a name stands before, so that an e-mail
/// address is no mention, and it ends where no letter or digit follows. A dot or hyphen at its end is the
/// sentence's. A text without an `@` costs a look at its bytes.
pub fn mentions(text: &str) -> Vec<Nickname> {
    let mut found: Vec<Nickname> = Vec::new();
    for at in memchr::memchr_iter(b'@', text.as_bytes()) {
        if found.len() == MOST_MENTIONS {
            break;
        }
        if let Some(name) = named(&text[..at], &text[at + 1..])
            && !found.contains(&name)
        {
            found.push(name);
        }
    }
    found
}

/// The name between what stands before its `@` and what follows that.
fn named(before: &str, after: &str) -> Option<Nickname> {
    if before.chars().next_back().is_some_and(joins) {
        return None;
    }
    let end = after.find(|c: char| !is_of_name(c)).unwrap_or(after.len());
    let (name, rest) = after.split_at(end);
    // Of `@alice@example.org` neither half is a person here.
    if rest
        .chars()
        .next()
        .is_some_and(|c| c == '@' || c.is_alphanumeric())
    {
        return None;
    }
    Nickname::parse_old(name.trim_end_matches(['.', '-'])).ok()
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// What stands before an `@` and makes it part of something longer.
fn joins(c: char) -> bool {
    c == '@' || c == '/' || is_of_name(c) || c.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn called(text: &str) -> Vec<String> {
        let names = mentions(text);
        names.iter().map(|name| name.as_str().to_owned()).collect()
    }

    #[test]
    fn a_name_is_a_word_of_its_own() {
        for (text, names) in [
            ("@bob", vec!["bob"]),
            ("ask @Bob, or (@carol)!", vec!["Bob", "carol"]),
            ("@bob.", vec!["bob"]),
            ("@bob.smith... @x-", vec!["bob.smith", "x"]),
            ("@bob @BOB", vec!["bob"]),
            ("\"@bob\" @carol's", vec!["bob", "carol"]),
            ("mail bob@example.org", vec![]),
            ("b.o-b_@x or é@x", vec![]),
            ("@alice@example.org", vec![]),
            ("@@bob https://example.org/@bob", vec![]),
            ("@bobé @ bob @", vec![]),
            ("@... @-", vec![]),
            ("日本語 @bob 日本語", vec!["bob"]),
        ] {
            assert_eq!(called(text), names, "{text}");
        }
        let long = "x".repeat(Nickname::MAX);
        assert_eq!(called(&format!("@{long}")), [long.as_str()]);
        assert_eq!(called(&format!("@{long}x")), Vec::<String>::new());
    }

    #[test]
    fn a_text_calls_twenty_at_most() {
        let text: String = (0..100).map(|n| format!("@n{n} ")).collect();
        let names = called(&text);
        assert_eq!((names.len(), names[19].as_str()), (MOST_MENTIONS, "n19"));
    }

    proptest! {
        #[test]
        fn every_name_that_is_found_stands_there(text in "(?s)[@a-c. é/\n]{0,60}|(?s).{0,60}") {
            let found = mentions(&text);
            prop_assert!(found.len() <= MOST_MENTIONS);
            for name in found {
                let written = format!("@{}", name.as_str());
                prop_assert!(text.contains(&written), "{written}");
                prop_assert!(Nickname::parse_old(name.as_str()).is_ok());
            }
        }

        #[test]
        fn names_between_other_words_are_found(
            names in proptest::collection::vec("[a-z0-9_]{1,32}", 0..20),
            word in "[ (\"'!?,:;\n]{1,3}",
        ) {
            let text: String = names.iter().map(|name| format!("{word}@{name}{word}")).collect();
            let mut wanted: Vec<String> = Vec::new();
            for name in names {
                if !wanted.contains(&name) {
                    wanted.push(name);
                }
            }
            prop_assert_eq!(called(&text), wanted);
        }

        #[test]
        fn nobody_is_called_by_what_is_in_a_longer_word(
            before in "[a-zA-Z0-9._é日-]", name in "[a-z]{1,10}", after in "[ .,]?",
        ) {
            let text = format!("{before}@{name}{after}");
            prop_assert_eq!(called(&text), Vec::<String>::new());
        }
    }
}
