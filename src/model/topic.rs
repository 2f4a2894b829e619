//! Topics: a line that says what a room is about.
use super::plain_line;

/// One line of at most 500 characters; an empty one is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic(String);

/// A topic that is too long; the text is for its author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a topic has at most {} characters", Topic::MAX)]
pub struct TopicTooLong;

impl Topic {
    pub const MAX: usize = 500;

    /// What was typed, with control characters made visible.
    ///
    /// # Errors
    /// Fails where it is too long.
    pub fn parse(typed: &str) -> Result<Self, TopicTooLong> {
        let topic = plain_line(typed.trim());
        if topic.chars().count() > Self::MAX {
            return Err(TopicTooLong);
        }
        Ok(Self(topic))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_one_plain_line() {
        let topic = Topic::parse(" ships\u{1b}[2J \n").expect("it is short");
        assert!(topic.as_str().starts_with("ships") && !topic.as_str().contains('\u{1b}'));
        assert_eq!(Topic::parse("  ").expect("none").as_str(), "");
        assert!(Topic::parse(&"x".repeat(Topic::MAX)).is_ok());
        assert_eq!(Topic::parse(&"x".repeat(Topic::MAX + 1)), Err(TopicTooLong));
    }
}
