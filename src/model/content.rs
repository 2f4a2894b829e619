//! What a person says: checked once, at the door.
use std::sync::Arc;

/// The longest message that may be configured, in characters.
pub const MAX_CHARS: usize = 4_000;

/// Lines in a message: each is shown with its room and author before it, where lines are shown.
const MAX_LINES: usize = 100;

/// Why a text is not a message; the wording is meant for its author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    #[error("a message has at least one character")]
    Empty,
    #[error("a message has at most {max} characters, this has {found}")]
    TooLong { max: usize, found: usize },
    #[error("a message has at most {MAX_LINES} lines, this has {0}")]
    Lines(usize),
    #[error("a message holds no control characters but tab and newline (found U+{0:04X})")]
    Control(u32),
}

/// A text that may be committed: 1 to `max` characters, no control characters but tab and newline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content(Arc<str>);

impl Content {
    /// Checks `raw`; CRLF, which browsers and telnet send, counts as one newline.
    pub fn parse(raw: &str, max: usize) -> Result<Self, ContentError> {
        let text = if raw.contains("\r\n") {
            raw.replace("\r\n", "\n")
        } else {
            raw.to_owned()
        };
        if text.is_empty() {
            return Err(ContentError::Empty);
        }
        let found = text.chars().count();
        if found > max {
            return Err(ContentError::TooLong { max, found });
        }
        let lines = 1 + text.bytes().filter(|byte| *byte == b'\n').count();
        if lines > MAX_LINES {
            return Err(ContentError::Lines(lines));
        }
        let stray = |c: &char| c.is_control() && !matches!(c, '\t' | '\n');
        match text.chars().find(stray) {
            Some(c) => Err(ContentError::Control(c as u32)),
            None => Ok(Self(text.into())),
        }
    }

    pub fn shared(&self) -> Arc<str> {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_counted_in_characters() {
        assert!(Content::parse(&"é".repeat(5), 5).is_ok());
        assert_eq!(
            Content::parse("toolong", 5),
            Err(ContentError::TooLong { max: 5, found: 7 })
        );
        assert_eq!(Content::parse("", 5), Err(ContentError::Empty));
    }

    #[test]
    fn lines_are_counted() {
        assert!(Content::parse(&"\n".repeat(99), 4_000).is_ok());
        let long = Content::parse(&"a\n".repeat(100), 4_000);
        assert_eq!(long, Err(ContentError::Lines(101)));
    }

    #[test]
    fn control_characters_are_refused_but_tab_and_newline_pass() {
        assert!(Content::parse("a\tb\nc", 10).is_ok());
        for bad in ["\u{1b}[31m", "bell\u{7}", "nul\0", "c1\u{9b}", "lone\rcr"] {
            assert!(matches!(
                Content::parse(bad, 100),
                Err(ContentError::Control(_))
            ));
        }
        let text = Content::parse("a\r\nb", 10).expect("CRLF is a newline");
        assert_eq!(&*text.shared(), "a\nb");
    }
}
