//! The slash grammar, which lines, requests and frames share: one table of what there is, and the
//! parser that reads by it.
mod account;
mod entry;
pub(in crate::transport) mod order;

use super::Refusal;
use crate::chat::{
    Actor, Asked, Chat, Code, Command, Cost, Marking, Outcome, PageFrom, Target, Total,
};
use crate::model::RoomKind;

/// Why a line asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::transport) enum GrammarError {
    #[error("there is no command {typed}; did you mean /{near}?")]
    Near { typed: String, near: &'static str },
    #[error("there is no command {typed}; /help lists them")]
    Unknown { typed: String },
    #[error("usage: {}", usage(name, arguments))]
    Usage {
        name: &'static str,
        arguments: &'static str,
    },
    #[error("/{name} takes numbers from 1: /{name} {arguments}")]
    Numbers {
        name: &'static str,
        arguments: &'static str,
    },
    #[error("/show takes time, seq, events, all or none: /show time seq")]
    Show,
    #[error("a message is named by its number, as #41: /show seq shows them")]
    Place,
    #[error("a length of time is a number and a unit: 10s, 5m, 2h, 1d or 1w")]
    Length,
}

impl From<GrammarError> for Refusal {
    fn from(error: GrammarError) -> Self {
        Self::new(Code::BadCommand, error.to_string())
    }
}

struct Syntax {
    name: &'static str,
    arguments: &'static str,
    required: usize,
    allowed: usize,
    help: &'static str,
}

const TABLE: [Syntax; 40] = [
    syntax("help", "", (0, 0), "these commands"),
    syntax("nick", "<name>", (1, 1), "change your nickname"),
    syntax(
        "list",
        "[filter]",
        (0, 1),
        "who is connected, and in which rooms",
    ),
    syntax(
        "rooms",
        "[filter]",
        (0, 1),
        "the rooms, with members and who is online",
    ),
    syntax(
        "create",
        "<room> [--private]",
        (1, 2),
        "create a room and join it",
    ),
    syntax(
        "join",
        "<room>",
        (1, 1),
        "join a room and see its last messages",
    ),
    syntax(
        "leave",
        "[room]",
        (0, 1),
        "leave the current room, or that one",
    ),
    syntax(
        "history",
        "[n] [before-seq]",
        (0, 2),
        "older messages of the current room",
    ),
    syntax(
        "show",
        "time|seq|events|all|none",
        (1, 3),
        "what lines show beside what is said",
    ),
    syntax(
        "edit",
        "<seq> <text>",
        (2, usize::MAX),
        "say a message of yours otherwise",
    ),
    syntax("delete", "<seq>", (1, 1), "take a message away"),
    syntax(
        "react",
        "<seq> <emoji>",
        (2, 2),
        "react to a message, by an emoji or :name:",
    ),
    syntax("unreact", "<seq> <emoji>", (2, 2), "take a reaction back"),
    syntax("pin", "<seq>", (1, 1), "pin a message"),
    syntax("unpin", "<seq>", (1, 1), "take the pin off a message"),
    syntax("pins", "[n]", (0, 1), "the pinned messages of the room"),
    syntax("mentions", "[n]", (0, 1), "the messages that mention you"),
    syntax(
        "search",
        "<words>",
        (1, usize::MAX),
        "find what was said; from: in: before: after: \"phrase\"",
    ),
    syntax("reply", "<seq> <text>", (2, usize::MAX), "answer a message"),
    syntax(
        "thread",
        "<seq> [text]",
        (1, usize::MAX),
        "a message and its replies, or a reply of yours",
    ),
    syntax(
        "threads",
        "",
        (0, 0),
        "the newest threads of the current room",
    ),
    syntax(
        "unread",
        "",
        (0, 0),
        "the rooms with what you have not read",
    ),
    syntax("read", "", (0, 0), "mark the current room as read"),
    syntax(
        "msg",
        "<name>[,<name>...] <text>",
        (2, usize::MAX),
        "say something to these people alone",
    ),
    syntax(
        "invite",
        "<name>",
        (1, 1),
        "let an account into the current room",
    ),
    syntax(
        "kick",
        "<name> [why]",
        (1, usize::MAX),
        "put somebody out of the current room",
    ),
    syntax(
        "ban",
        "<name> [for 1d] [why]",
        (1, usize::MAX),
        "keep somebody out of the current room",
    ),
    syntax("unban", "<name>", (1, 1), "let somebody in again"),
    syntax(
        "mute",
        "<name> [for 10m]",
        (1, usize::MAX),
        "let somebody read the current room only",
    ),
    syntax("unmute", "<name>", (1, 1), "let somebody speak again"),
    syntax(
        "role",
        "<name> <role>",
        (2, 2),
        "give somebody a role in the current room",
    ),
    syntax(
        "topic",
        "[text or -]",
        (0, usize::MAX),
        "what the current room is about",
    ),
    syntax(
        "slow",
        "<10s or off>",
        (1, 1),
        "the time between two messages of one person",
    ),
    syntax(
        "register",
        "<password> [invite]",
        (1, usize::MAX),
        "make an account of your nickname",
    ),
    syntax(
        "login",
        "<name> <password>",
        (2, usize::MAX),
        "be an account of yours",
    ),
    syntax("logout", "", (0, 0), "be a guest again"),
    syntax(
        "password",
        "<old> <new>",
        (2, 2),
        "change your password, and end your other sessions",
    ),
    syntax(
        "sessions",
        "[end <id>]",
        (0, 2),
        "the sessions of your account; end one, by how its id begins",
    ),
    syntax("whoami", "", (0, 0), "who you are, and in which rooms"),
    syntax("quit", "", (0, 0), "say goodbye"),
];

const fn syntax(
    name: &'static str,
    arguments: &'static str,
    (required, allowed): (usize, usize),
    help: &'static str,
) -> Syntax {
    Syntax {
        name,
        arguments,
        required,
        allowed,
        help,
    }
}

/// True for a line that is a command: it begins with one slash, since `//text` says `/text`.
pub(in crate::transport) fn is_command(line: &str) -> bool {
    line.starts_with('/') && !line.starts_with("//")
}

/// Asks chat for what a slash line asks for. One that asks for nothing is charged, too.
pub(in crate::transport) async fn ask(
    chat: &Chat,
    actor: &Actor,
    line: &str,
) -> Result<Outcome, Refusal> {
    match parse(line) {
        Ok(command) => Ok(chat.act(actor, command).await?),
        Err(error) => {
            chat.charge(actor, Cost::READ)?;
            Err(error.into())
        }
    }
}

/// How a command is written.
fn usage(name: &str, arguments: &str) -> String {
    format!("/{name} {arguments}").trim_end().to_owned()
}

/// Every command with what it does, a line each.
pub(super) fn help() -> String {
    let lines = TABLE.iter().map(|s| {
        let usage = usage(s.name, s.arguments);
        format!("{usage:<27}{}", s.help)
    });
    let hint = "//text sends a line that begins with a slash".to_owned();
    lines.chain([hint]).collect::<Vec<_>>().join("\n")
}

/// Every command as it is shortest.
#[cfg(test)]
pub(in crate::transport) fn shortest() -> impl Iterator<Item = (String, Command)> {
    TABLE.iter().map(|syntax| {
        let name = format!("/{}", syntax.name);
        // A length of time is the only word that has to be some.
        let word = match syntax.name {
            "slow" => "off ",
            "show" => "none ",
            _ => "1 ",
        };
        let line = format!("{name} {}", word.repeat(syntax.required));
        let command = parse(&line).expect("a command");
        (name, command)
    })
}

/// Reads a command line.
fn parse(line: &str) -> Result<Command, GrammarError> {
    let mut words = line.trim().trim_start_matches('/').split_ascii_whitespace();
    let name = words.next().unwrap_or_default().to_ascii_lowercase();
    let Some(syntax) = TABLE.iter().find(|s| s.name == name) else {
        return Err(unknown(&name));
    };
    let words: Vec<&str> = words.collect();
    if words.len() < syntax.required || words.len() > syntax.allowed {
        let (name, arguments) = (syntax.name, syntax.arguments);
        return Err(GrammarError::Usage { name, arguments });
    }
    let word = |i: usize| words.get(i).map(|w| (*w).to_owned());
    let text = |i: usize| word(i).unwrap_or_default();
    let page = || Asked {
        filter: word(0),
        ..Asked::default()
    };
    let total = Total::Counted;
    Ok(match syntax.name {
        "nick" => Command::Rename { nickname: text(0) },
        "list" => Command::Users {
            page: page(),
            total,
        },
        "rooms" => Command::Rooms {
            page: page(),
            total,
        },
        "create" => Command::Create {
            room: text(0),
            kind: kind(words.get(1))?,
            topic: None,
        },
        "join" => Command::Join { room: text(0) },
        "leave" => Command::Leave { room: word(0) },
        "history" => Command::History {
            room: Target::Current,
            limit: number(syntax, words.first())?,
            from: PageFrom::Before(number(syntax, words.get(1))?),
        },
        "msg" => Command::Direct {
            nicknames: text(0).split(',').map(str::to_owned).collect(),
            content: Some(rest(line, 2).to_owned()),
        },
        "unread" => Command::Unread,
        "read" => Command::MarkRead(vec![Marking {
            room: Target::Current,
            thread: None,
            seq: None,
        }]),
        "quit" => Command::Quit,
        "help" => Command::Help,
        "sessions" => sessions(&words)?,
        name => match account::read(name, &words, line) {
            Some(command) => command,
            None => match entry::read(syntax, &words, line)? {
                Some(command) => command,
                None => order::read(name, &words)?,
            },
        },
    })
}

/// What follows after so many words, with the spaces in it.
fn rest(line: &str, words: usize) -> &str {
    (0..words).fold(line.trim(), |rest, _| {
        let next = rest.split_once(|c: char| c.is_ascii_whitespace());
        next.map_or("", |(_, rest)| rest.trim_start())
    })
}

fn sessions(words: &[&str]) -> Result<Command, GrammarError> {
    match words {
        [] => Ok(Command::Sessions),
        ["end", id] => Ok(Command::EndSession {
            id: (*id).to_owned(),
        }),
        _ => Err(GrammarError::Usage {
            name: "sessions",
            arguments: "[end <id>]",
        }),
    }
}

fn kind(word: Option<&&str>) -> Result<RoomKind, GrammarError> {
    match word {
        None => Ok(RoomKind::Public),
        Some(&"--private") => Ok(RoomKind::Private),
        Some(_) => Err(GrammarError::Usage {
            name: "create",
            arguments: "<room> [--private]",
        }),
    }
}

fn number<T: std::str::FromStr + PartialOrd + Default>(
    syntax: &Syntax,
    word: Option<&&str>,
) -> Result<Option<T>, GrammarError> {
    let Some(word) = word else { return Ok(None) };
    match word.parse() {
        Ok(number) if number > T::default() => Ok(Some(number)),
        _ => Err(GrammarError::Numbers {
            name: syntax.name,
            arguments: syntax.arguments,
        }),
    }
}

fn unknown(name: &str) -> GrammarError {
    let near = TABLE
        .iter()
        .map(|s| (strsim::osa_distance(s.name, name), s.name))
        .min();
    // A name that came from outside is shown only if it is harmless.
    let plain = name.len() <= 20 && name.bytes().all(|b| b.is_ascii_alphanumeric());
    let typed = if plain {
        format!("'/{name}'")
    } else {
        "that".to_owned()
    };
    match near {
        Some((1..=2, near)) => GrammarError::Near { typed, near },
        _ => GrammarError::Unknown { typed },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn commands_are_read_by_the_table() {
        let join = |line| {
            let general = Command::Join {
                room: "general".into(),
            };
            assert_eq!(parse(line), Ok(general));
        };
        join("/join general");
        join("/JOIN  general ");
        assert_eq!(parse("/leave"), Ok(Command::Leave { room: None }));
        let history = Command::History {
            room: Target::Current,
            limit: Some(5),
            from: PageFrom::Before("40".parse().ok()),
        };
        assert_eq!(parse("/history 5 40"), Ok(history));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let detail = |line| parse(line).expect_err("wrong").to_string();
        assert_eq!(detail("/join"), "usage: /join <room>");
        assert_eq!(
            detail("/jion x"),
            "there is no command '/jion'; did you mean /join?"
        );
        assert_eq!(
            detail("/\u{1b}[2J"),
            "there is no command that; /help lists them"
        );
        assert_eq!(detail("/read x"), "usage: /read");
        assert!(detail("/history 0").contains("numbers from 1"));
        assert_eq!(
            detail("/pins x"),
            "/pins takes numbers from 1: /pins [n]",
            "the command that was given is the one that is explained"
        );
    }

    proptest! {
        #[test]
        fn no_line_makes_the_parser_panic(line in "/?.{0,200}") {
            if let Err(error) = parse(&line) {
                prop_assert!(!error.to_string().chars().any(char::is_control));
            }
        }
    }
}
