//! Display names: what a person is called where there is room for it, in any script.
use std::sync::Arc;

/// 1–64 characters that can be seen, and none that moves others about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisplayName(Arc<str>);

/// Why a display name is refused; the text is for its author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DisplayNameError {
    #[error(
        "a display name has 1 to {} characters, this has {found}",
        DisplayName::MAX
    )]
    Length { found: usize },
    #[error("a display name has no control characters, line breaks or marks of text direction")]
    Control,
    #[error("a display name has something that can be seen")]
    Invisible,
}

impl DisplayName {
    pub const MAX: usize = 64;

    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(raw: &str) -> Result<Self, DisplayNameError> {
        let raw = raw.trim();
        let found = raw.chars().count();
        if found == 0 || found > Self::MAX {
            return Err(DisplayNameError::Length { found });
        }
        if raw.chars().any(|c| c.is_control() || moves_text(c)) {
            return Err(DisplayNameError::Control);
        }
        if !raw.chars().any(is_seen) {
            return Err(DisplayNameError::Invisible);
        }
        Ok(Self(raw.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Bidirectional controls (UAX #9), and what breaks lines.
fn moves_text(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_seen(c: char) -> bool {
    let invisible = matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{206a}'..='\u{206f}' | '\u{2800}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}'
    );
    !c.is_whitespace() && !invisible
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_in_any_script_pass() {
        for good in [
            "Alice",
            "Łukasz Żółć",
            "山田太郎",
            "أليس",
            "👩‍💻 Ada",
            "O'Neil",
        ] {
            assert!(DisplayName::parse(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn what_cannot_be_seen_or_moves_others_is_refused() {
        for bad in [
            "",
            "  ",
            "\u{200b}\u{200d}",
            "a\u{202e}b",
            "a\nb",
            "\u{3164}",
            "x\u{7}",
            "\u{2066}a",
        ] {
            assert!(DisplayName::parse(bad).is_err(), "{bad:?}");
        }
        assert!(DisplayName::parse(&"x".repeat(65)).is_err());
    }

    proptest! {
        #[test]
        fn nothing_typed_panics(raw in "(?s).{0,80}") {
            let _ = DisplayName::parse(&raw);
        }
    }
}
