//! Commands that keep order in the current room.
use std::time::Duration;

use super::GrammarError;
use crate::chat::{Command, Length, Lifting, Restraint, Restricting, Settings, Target};

/// Reads one of them; its words were counted.
pub(super) fn read(name: &str, words: &[&str]) -> Result<Command, GrammarError> {
    let text = |i: usize| words.get(i).copied().unwrap_or_default().to_owned();
    Ok(match name {
        "invite" => Command::Invite {
            room: Target::Current,
            nickname: text(0),
        },
        "kick" => Command::Kick {
            room: Target::Current,
            nickname: text(0),
            why: reason(&words[1..]),
        },
        "ban" => restrict(Restraint::Ban, words)?,
        "mute" => restrict(Restraint::Mute, words)?,
        "unban" => lift(Restraint::Ban, text(0)),
        "unmute" => lift(Restraint::Mute, text(0)),
        "role" => Command::Role {
            room: Target::Current,
            nickname: text(0),
            role: text(1),
        },
        "topic" => set(Settings {
            topic: topic(words),
            ..Settings::default()
        }),
        "slow" => set(Settings {
            slow: Some(pace(words[0])?),
            ..Settings::default()
        }),
        _ => Command::Help,
    })
}

/// A word of its own takes the topic away; without any, it is shown.
fn topic(words: &[&str]) -> Option<String> {
    match words {
        [] => None,
        ["-"] => Some(String::new()),
        words => Some(words.join(" ")),
    }
}

fn set(settings: Settings) -> Command {
    let room = Target::Current;
    Command::Set { room, settings }
}

fn reason(words: &[&str]) -> Option<String> {
    (!words.is_empty()).then(|| words.join(" "))
}

/// `<name> [for <length>] [why]`.
fn restrict(kind: Restraint, words: &[&str]) -> Result<Command, GrammarError> {
    let (length, why) = match &words[1..] {
        ["for", length, why @ ..] => (Length::For(duration(length)?), why),
        why => (Length::Forever, why),
    };
    Ok(Command::Restrict {
        room: Target::Current,
        what: Restricting {
            kind,
            nickname: words[0].to_owned(),
            length,
            why: reason(why),
        },
    })
}

fn lift(kind: Restraint, nickname: String) -> Command {
    Command::Lift {
        room: Target::Current,
        what: Lifting { kind, nickname },
    }
}

/// Seconds between two messages.
fn pace(word: &str) -> Result<u64, GrammarError> {
    if word.eq_ignore_ascii_case("off") {
        return Ok(0);
    }
    duration(word).map(|pace| pace.as_secs())
}

/// A length of time: `10s`, `5m`, `2h`, `1d`, `1w`.
pub(in crate::transport) fn duration(word: &str) -> Result<Duration, GrammarError> {
    let (number, unit) = word.split_at(word.len() - word.chars().last().map_or(0, char::len_utf8));
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        "w" => 7 * 24 * 3600,
        _ => return Err(GrammarError::Length),
    };
    let number: u64 = number.parse().map_err(|_| GrammarError::Length)?;
    let length = number.checked_mul(seconds).filter(|length| *length > 0);
    length.map(Duration::from_secs).ok_or(GrammarError::Length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(line: &str) -> Length {
        let words: Vec<&str> = line.split(' ').collect();
        match read("ban", &words) {
            Ok(Command::Restrict { what, .. }) => what.length,
            other => panic!("no ban: {other:?}"),
        }
    }

    #[test]
    fn a_ban_is_for_a_time_or_for_good() {
        assert_eq!(length("bob"), Length::Forever);
        assert_eq!(
            length("bob for 1d"),
            Length::For(Duration::from_secs(86_400))
        );
        assert_eq!(length("bob of spam"), Length::Forever);
        for bad in [
            "bob for ever",
            "bob for 0s",
            "bob for 1",
            "bob for -1d",
            "bob for é",
        ] {
            let words: Vec<&str> = bad.split(' ').collect();
            assert_eq!(read("ban", &words), Err(GrammarError::Length), "{bad}");
        }
    }

    #[test]
    fn a_topic_is_set_shown_or_taken_away() {
        let asked = |words: &[&str]| match read("topic", words) {
            Ok(Command::Set { settings, .. }) => settings.topic,
            other => panic!("no topic: {other:?}"),
        };
        assert_eq!(asked(&["all", "of", "it"]).as_deref(), Some("all of it"));
        assert_eq!(asked(&["-"]).as_deref(), Some(""));
        assert_eq!(asked(&[]), None);
    }
}
