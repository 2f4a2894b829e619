//! Commands about messages of the current room, by their places.
use super::{GrammarError, Syntax, number, rest};
use crate::chat::{Answering, Command, Giving, PageFrom, Searching, Showing, Target};
use crate::model::{MessageId, Seq};

/// Messages of a list where no number is asked for.
const LISTED: usize = 10;
/// Replies and threads that are shown.
const REPLIES: usize = 20;
const THREADS: usize = 10;

/// Reads one of them; its words were counted.
pub(super) fn read(
    syntax: &Syntax,
    words: &[&str],
    line: &str,
) -> Result<Option<Command>, GrammarError> {
    let room = Target::Current;
    Ok(Some(match syntax.name {
        "show" => Command::Show(showing(words)?),
        "edit" => Command::Edit {
            room,
            seq: place(words)?,
            content: rest(line, 2).to_owned(),
        },
        "delete" => Command::Delete {
            room,
            seq: place(words)?,
        },
        "react" => react(words, Giving::Given)?,
        "unreact" => react(words, Giving::TakenBack)?,
        "pin" => Command::Pin {
            room,
            seq: place(words)?,
            pinned: true,
        },
        "unpin" => Command::Pin {
            room,
            seq: place(words)?,
            pinned: false,
        },
        "pins" => Command::Pins {
            room,
            before: None,
            limit: number(syntax, words.first())?.or(Some(LISTED)),
        },
        "mentions" => Command::Mentions {
            before: None,
            limit: number(syntax, words.first())?.or(Some(LISTED)),
        },
        "search" => search(words, line),
        "reply" => answer(words, line, Answering::InRoom)?,
        "thread" if words.len() > 1 => answer(words, line, Answering::InThread)?,
        "thread" => Command::Thread {
            room,
            seq: place(words)?,
            from: PageFrom::Before(None),
            limit: Some(REPLIES),
        },
        "threads" => Command::Threads {
            room,
            before: None,
            limit: Some(THREADS),
        },
        _ => return Ok(None),
    }))
}

fn showing(words: &[&str]) -> Result<Showing, GrammarError> {
    let mut showing = Showing::default();
    for word in words {
        match *word {
            "time" => showing.time = true,
            "seq" => showing.seq = true,
            "events" => showing.events = true,
            "all" => {
                showing = Showing {
                    time: true,
                    seq: true,
                    events: true,
                }
            }
            "none" => showing = Showing::default(),
            _ => return Err(GrammarError::Show),
        }
    }
    Ok(showing)
}

/// A word before all others, `next:41`, says where the page before ended.
fn search(words: &[&str], line: &str) -> Command {
    let next = words.first().and_then(|word| word.strip_prefix("next:"));
    let before: Option<MessageId> = next.and_then(|next| next.parse().ok());
    let typed = rest(line, 1 + usize::from(before.is_some()));
    Command::Search(Searching {
        typed: typed.to_owned(),
        before,
        limit: Some(LISTED),
    })
}

fn answer(words: &[&str], line: &str, how: Answering) -> Result<Command, GrammarError> {
    Ok(Command::Answer {
        room: Target::Current,
        seq: place(words)?,
        content: rest(line, 2).to_owned(),
        how,
    })
}

fn react(words: &[&str], reaction: Giving) -> Result<Command, GrammarError> {
    Ok(Command::React {
        room: Target::Current,
        seq: place(words)?,
        emoji: words[1].to_owned(),
        reaction,
    })
}

/// A place as it is shown, `#41`, or the number alone.
pub(super) fn place(words: &[&str]) -> Result<Seq, GrammarError> {
    let word = words.first().copied().unwrap_or_default();
    let number = word.strip_prefix('#').unwrap_or(word);
    let seq: Option<Seq> = number.parse().ok();
    seq.filter(|seq| *seq >= Seq::FIRST)
        .ok_or(GrammarError::Place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_has_all_that_was_typed() {
        let search = |line: &str| match super::super::parse(line) {
            Ok(Command::Search(asked)) => (asked.typed, asked.before.map(MessageId::get)),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            search("/search  \"two  spaces\" -x "),
            ("\"two  spaces\" -x".into(), None)
        );
        assert_eq!(search("/search next:41 a b"), ("a b".into(), Some(41)));
        assert_eq!(search("/search next:x a"), ("next:x a".into(), None));
        assert_eq!(search("/search next:41"), (String::new(), Some(41)));
    }

    #[test]
    fn a_place_is_a_number_from_one() {
        assert_eq!(place(&["#41"]), Ok(Seq::new(41)));
        assert_eq!(place(&["41"]), Ok(Seq::new(41)));
        for bad in ["0", "#", "-1", "x", "##4", "99999999999999999999"] {
            assert_eq!(place(&[bad]), Err(GrammarError::Place), "{bad}");
        }
        let edit = Command::Edit {
            room: Target::Current,
            seq: Seq::new(4),
            content: "two  spaces".into(),
        };
        let line = "/edit #4 two  spaces";
        assert_eq!(super::super::parse(line), Ok(edit));
    }
}
