//! Reading a document from its beginning to its end, in constant memory.
use std::cell::Cell;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

use serde_json::error::Category;
use tokio_util::sync::CancellationToken;

use crate::archive::{Line, Object, Said, VERSION};
use crate::model::RoomKind;

/// The most that may be read without coming to the end of a message: no message is that long.
const MOST_BYTES: u64 = 4 << 20;
const BUFFER: usize = 64 << 10;

/// What is wrong, and where.
#[derive(Debug)]
pub(super) enum Fault {
    Io(io::Error),
    /// The text is broken: it was cut off, or changed.
    Bad(String),
    /// It is whole, and not what a document of messages is here.
    Foreign(String),
    /// The result is not wanted any more.
    Stopped,
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What a document says of itself.
#[derive(Debug, PartialEq)]
pub(super) struct Head {
    pub(super) room: String,
    /// It holds what a database lost that went back, and not the places that this had there.
    pub(super) lost: bool,
    /// That the room had; documents of before do not say, when all were public.
    pub(super) kind: RoomKind,
}

/// Reads a document, gives each message to `on_line`, and returns what it says of itself. What
/// `on_line` refuses is told with its place. `stop` ends it wherever it is.
pub(super) fn read(
    input: impl Read,
    stop: &CancellationToken,
    mut on_line: impl FnMut(Line) -> Result<(), String>,
) -> Result<Head, Fault> {
    let since = Rc::new(Cell::new(0));
    let input = Bounded {
        input,
        since: since.clone(),
        stop: stop.clone(),
    };
    let json = serde_json::Deserializer::from_reader(BufReader::with_capacity(BUFFER, input));
    let document = Object {
        text: "room",
        perhaps: &["lost", "kind", "version"],
        list: "messages",
        on_item: &mut |line| {
            since.set(0);
            on_line(line)
        },
    };
    let room = document.read(json);
    if stop.is_cancelled() {
        Err(Fault::Stopped)
    } else {
        let (room, others) = room.map_err(fault)?;
        let lost = matches!(others.first(), Some(Some(_)));
        if let Some(Some(Said::Number(version))) = others.get(2)
            && *version > VERSION
        {
            return Err(Fault::Foreign(format!(
                "it is of version {version}, and this program reads up to {VERSION}: take a newer one"
            )));
        }
        let kind = others.get(1).and_then(Option::as_ref).and_then(Said::text);
        let kind = kind.map_or(RoomKind::Public, RoomKind::stored);
        Ok(Head { room, lost, kind })
    }
}

fn fault(error: serde_json::Error) -> Fault {
    let category = error.classify();
    if category != Category::Io {
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        let why = text.split(" at line ").next().unwrap_or(&text);
        let plain = why.replace(char::is_control, "\u{fffd}");
        let told = format!("line {line}, column {column}: {plain}");
        // No cut and no changed bit makes a longer number of one.
        return if category == Category::Data || why.contains("number out of range") {
            Fault::Foreign(told)
        } else {
            Fault::Bad(told)
        };
    }
    let error = io::Error::from(error);
    match error.kind() {
        io::ErrorKind::InvalidData => Fault::Bad(error.to_string()),
        _ => Fault::Io(error),
    }
}

/// Ends what would go on for ever without a message.
struct Bounded<R> {
    input: R,
    since: Rc<Cell<u64>>,
    stop: CancellationToken,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.is_cancelled() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let count = self.input.read(buffer)?;
        let since = self.since.get() + count as u64;
        self.since.set(since);
        if since > MOST_BYTES {
            Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("there is no end of a message within {MOST_BYTES} bytes"),
            ))
        } else {
            Ok(count)
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;
    use crate::model::MessageId;

    fn lines(text: &[u8]) -> Result<(String, Vec<Line>), String> {
        let mut lines = Vec::new();
        let room = read(text, &CancellationToken::new(), |line| {
            lines.push(line);
            Ok(())
        });
        match room {
            Ok(head) => Ok((head.room, lines)),
            Err(Fault::Bad(why) | Fault::Foreign(why)) => Err(why),
            Err(other) => panic!("{other:?}"),
        }
    }

    const FOUR: &str = r#"{"messages":[{"content":"Hello","created_at":"2024-01-14T10:15:00+01:00",
        "id":42,"user":"alice"}],"other":{"a":[1]},"room":"general"}"#;

    #[test]
    fn four_keys_in_any_order_are_enough() {
        let (room, lines) = lines(FOUR.as_bytes()).expect("a document");
        assert_eq!(room, "general");
        assert_eq!(lines.len(), 1);
        assert_eq!((lines[0].id, lines[0].seq), (MessageId::new(42), None));
        assert_eq!(
            lines[0].created_at,
            "2024-01-14T09:15:00Z"
                .parse::<DateTime<Utc>>()
                .expect("a time")
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let told = |text: &str| lines(text.as_bytes()).expect_err("it is wrong");
        let without = FOUR.replace("\"id\":42,", "");
        assert!(
            told(&without).starts_with("line 2, column "),
            "{}",
            told(&without)
        );
        assert!(told(&without).contains("missing field `id`"));
        assert!(
            told(&FOUR.replace("\"user\":\"alice\"", "\"x\":1")).contains("missing field `user`")
        );
        assert!(told(&FOUR.replace("2024-01-14T", "yesterday ")).contains("is no time"));
        assert!(told(&format!("{FOUR} x")).contains("trailing characters"));
        assert!(told(&FOUR[..FOUR.len() - 1]).contains("EOF"));
        assert!(told("[]").contains("an object with a room"));
        assert!(told(r#"{"room":"a"}"#).contains("missing field `messages`"));
        assert!(told(r#"{"room":"a","messages":[],"messages":[]}"#).contains("duplicate"));
    }

    #[test]
    fn a_message_without_an_end_is_not_kept() {
        let endless = io::repeat(b'x');
        let begun = r#"{"room":"a","messages":[{"content":""#.as_bytes();
        let goes_on = CancellationToken::new();
        let Err(Fault::Bad(why)) = read(begun.chain(endless), &goes_on, |_| Ok(())) else {
            panic!("it has no end");
        };
        assert!(why.contains("no end of a message"), "{why}");
    }

    #[test]
    fn what_is_broken_is_told_from_what_is_of_others() {
        let fault = |text: &str| {
            let goes_on = CancellationToken::new();
            read(text.as_bytes(), &goes_on, |_| Ok(())).expect_err("it is wrong")
        };
        for foreign in [
            FOUR.replace("42", "\"42\""),
            FOUR.replace("42", "4.5"),
            FOUR.replace("42", "1e999"),
            FOUR.replace("42", "99999999999999999999"),
            FOUR.replace("\"user\"", "\"from\""),
            "[]".into(),
        ] {
            assert!(matches!(fault(&foreign), Fault::Foreign(_)), "{foreign}");
        }
        for broken in [&FOUR[..FOUR.len() / 2], &FOUR.replace(":42", "42")] {
            assert!(matches!(fault(broken), Fault::Bad(_)), "{broken}");
        }
        let stopped = CancellationToken::new();
        stopped.cancel();
        let ended = read(io::repeat(b' '), &stopped, |_| Ok(()));
        assert!(matches!(ended, Err(Fault::Stopped)));
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
            let _ = lines(&bytes);
        }

        #[test]
        fn nor_does_a_changed_byte(place in 0..FOUR.len(), byte: u8) {
            let mut bytes = FOUR.as_bytes().to_vec();
            bytes[place] = byte;
            let _ = lines(&bytes);
        }
    }
}
