//! The emoji of a reaction.
use std::sync::Arc;

/// An emoji of Unicode, in the form that shows it as such.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emoji(&'static str);

/// It is neither an emoji nor the name of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a reaction is one emoji, or its name as :tada:")]
pub struct NoEmoji;

impl Emoji {
    /// Reads an emoji, or a name of one between colons.
    ///
    /// # Errors
    /// It is neither.
    pub fn parse(typed: &str) -> Result<Self, NoEmoji> {
        let name = typed
            .strip_prefix(':')
            .and_then(|rest| rest.strip_suffix(':'));
        let known = match name {
            Some(name) => emojis::get_by_shortcode(name),
            None => emojis::get(typed),
        };
        Ok(Self(known.ok_or(NoEmoji)?.as_str()))
    }

    pub fn as_str(&self) -> &'static str {
        self.0
    }

    pub fn shared(&self) -> Arc<str> {
        self.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emoji_is_one_by_itself_or_by_name() {
        let read = |typed| Emoji::parse(typed).map(|emoji| emoji.as_str());
        assert_eq!(read("👍"), Ok("👍"));
        assert_eq!(read(":tada:"), Ok("🎉"));
        assert_eq!(
            read("❤"),
            read("❤\u{fe0f}"),
            "with and without how it is shown"
        );
        assert!(read("👋🏽").is_ok(), "with a skin tone");
        for bad in [
            "",
            "a",
            "+1",
            ":nothing_of_that_name:",
            "👍👍",
            "👍 ",
            ":",
            "::",
        ] {
            assert_eq!(read(bad), Err(NoEmoji), "{bad}");
        }
    }
}
