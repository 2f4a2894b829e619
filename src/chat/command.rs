//! Slash commands: one table of what there is, and the parser that reads by it.
use super::error::{ChatError, Code};
use super::limits::cost;
use crate::model::Seq;

/// A command with its arguments, not yet checked against anything but the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    Help,
    Nick(String),
    List(Option<String>),
    Rooms(Option<String>),
    Create(String),
    Join(String),
    Leave(Option<String>),
    History {
        limit: Option<usize>,
        before: Option<Seq>,
    },
    Quit,
}

impl Command {
    /// What it costs whoever asks for it.
    pub(super) fn cost(&self) -> u32 {
        cost(match self {
            Self::Help => "/help",
            Self::Nick(_) => "/nick",
            Self::List(_) => "/list",
            Self::Rooms(_) => "/rooms",
            Self::Create(_) => "/create",
            Self::Join(_) => "/join",
            Self::Leave(_) => "/leave",
            Self::History { .. } => "/history",
            Self::Quit => "/quit",
        })
    }
}

struct Syntax {
    name: &'static str,
    arguments: &'static str,
    required: usize,
    allowed: usize,
    help: &'static str,
}

const TABLE: [Syntax; 9] = [
    syntax("help", "", 0, 0, "these commands"),
    syntax("nick", "<name>", 1, 1, "change your nickname"),
    syntax(
        "list",
        "[filter]",
        0,
        1,
        "who is connected, and in which rooms",
    ),
    syntax(
        "rooms",
        "[filter]",
        0,
        1,
        "the rooms, with members and who is online",
    ),
    syntax("create", "<room>", 1, 1, "create a room and join it"),
    syntax(
        "join",
        "<room>",
        1,
        1,
        "join a room and see its last messages",
    ),
    syntax(
        "leave",
        "[room]",
        0,
        1,
        "leave the current room, or that one",
    ),
    syntax(
        "history",
        "[n] [before-seq]",
        0,
        2,
        "older messages of the current room",
    ),
    syntax("quit", "", 0, 0, "say goodbye"),
];

const fn syntax(
    name: &'static str,
    arguments: &'static str,
    required: usize,
    allowed: usize,
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
pub fn is_command(line: &str) -> bool {
    line.starts_with('/') && !line.starts_with("//")
}

/// Every command with what it does, a line each.
pub(super) fn help() -> String {
    let lines = TABLE.iter().map(|s| {
        let usage = format!("/{} {}", s.name, s.arguments);
        format!("{usage:<27}{}", s.help)
    });
    let hint = "//text sends a line that begins with a slash".to_owned();
    lines.chain([hint]).collect::<Vec<_>>().join("\n")
}

/// Reads a command line.
pub(super) fn parse(line: &str) -> Result<Command, ChatError> {
    let mut words = line.trim().trim_start_matches('/').split_ascii_whitespace();
    let name = words.next().unwrap_or_default().to_ascii_lowercase();
    let Some(syntax) = TABLE.iter().find(|s| s.name == name) else {
        return Err(unknown(&name));
    };
    let words: Vec<&str> = words.collect();
    if words.len() < syntax.required || words.len() > syntax.allowed {
        return Err(bad(format!("usage: /{} {}", syntax.name, syntax.arguments)));
    }
    let word = |i: usize| words.get(i).map(|w| (*w).to_owned());
    let text = |i: usize| word(i).unwrap_or_default();
    Ok(match syntax.name {
        "nick" => Command::Nick(text(0)),
        "list" => Command::List(word(0)),
        "rooms" => Command::Rooms(word(0)),
        "create" => Command::Create(text(0)),
        "join" => Command::Join(text(0)),
        "leave" => Command::Leave(word(0)),
        "history" => Command::History {
            limit: number(words.first())?,
            before: number(words.get(1))?,
        },
        "quit" => Command::Quit,
        _ => Command::Help,
    })
}

fn number<T: std::str::FromStr + PartialOrd + Default>(
    word: Option<&&str>,
) -> Result<Option<T>, ChatError> {
    let Some(word) = word else { return Ok(None) };
    match word.parse() {
        Ok(number) if number > T::default() => Ok(Some(number)),
        _ => Err(bad(
            "/history takes numbers from 1: /history [n] [before-seq]".to_owned(),
        )),
    }
}

fn unknown(name: &str) -> ChatError {
    let near = TABLE
        .iter()
        .map(|s| (strsim::osa_distance(s.name, name), s.name))
        .min();
    // A name that came from outside is shown only if it is harmless.
    let plain = name.len() <= 20 && name.bytes().all(|b| b.is_ascii_alphanumeric());
    let what = if plain {
        format!("'/{name}'")
    } else {
        "that".to_owned()
    };
    bad(match near {
        Some((1..=2, near)) => format!("there is no command {what}; did you mean /{near}?"),
        _ => format!("there is no command {what}; /help lists them"),
    })
}

fn bad(detail: String) -> ChatError {
    ChatError::new(Code::BadCommand, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn commands_are_read_by_the_table() {
        assert_eq!(
            parse("/join general").ok(),
            Some(Command::Join("general".into()))
        );
        assert_eq!(
            parse("/JOIN  general ").ok(),
            Some(Command::Join("general".into()))
        );
        assert_eq!(parse("/leave").ok(), Some(Command::Leave(None)));
        let history = Command::History {
            limit: Some(5),
            before: Some(Seq::new(40)),
        };
        assert_eq!(parse("/history 5 40").ok(), Some(history));
    }

    #[test]
    fn every_command_has_its_cost() {
        use crate::chat::COSTS;
        for syntax in &TABLE {
            let name = format!("/{}", syntax.name);
            assert!(COSTS.iter().any(|(of, _)| *of == name), "{name}");
        }
        let costs = |line| parse(line).expect("a command").cost();
        assert_eq!(["/help", "/list", "/nick a"].map(costs), [1, 5, 20]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let detail = |line| parse(line).expect_err("wrong").detail;
        assert_eq!(detail("/join"), "usage: /join <room>");
        assert_eq!(
            detail("/jion x"),
            "there is no command '/jion'; did you mean /join?"
        );
        assert_eq!(
            detail("/\u{1b}[2J"),
            "there is no command that; /help lists them"
        );
        assert!(detail("/history 0").contains("numbers from 1"));
    }

    proptest! {
        #[test]
        fn no_line_makes_the_parser_panic(line in "/?.{0,200}") {
            if let Err(error) = parse(&line) {
                prop_assert!(!error.detail.chars().any(char::is_control));
            }
        }
    }
}
