//! What an entry in a document must be like, and what is learnt of a document entry by entry.
use std::collections::VecDeque;

use chrono::{DateTime, Utc};

use crate::archive::Line;
use crate::model::{MAX_EXACT, MessageId, Nickname, Number, RoomName, Seq, format_time};

/// Ids remembered from both ends of a document without `seq`s, to find it in the database again.
const ENDS: usize = 100;
/// Names in documents of our own archive may break the rules of today, but are not endless.
const LONGEST_NAME: usize = 256;

/// Whose document it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Origin {
    /// A manifest has its sum: it holds what was in a database of ours.
    Archive,
    #[default]
    Elsewhere,
}

/// Fails with what is wrong with an entry on its own.
pub(super) fn check(line: &Line, origin: Origin) -> Result<(), String> {
    number("id", line.id.get())?;
    if let Some(user) = &line.user {
        person(user, origin)?;
    }
    if line.content.contains('\0') {
        return Err("the content has a NUL, which no database holds".into());
    }
    let places = [("target", line.target), ("thread", line.thread)];
    let places = places.into_iter().chain([("reply_to", line.reply_to)]);
    let Some(seq) = line.seq else {
        let told = places
            .filter(|(_, place)| place.is_some())
            .map(|(key, _)| key);
        let told = told.chain(line.number.map(|_| "number"));
        let told = told.chain((!line.is_message()).then_some("kind of an event"));
        return match told.into_iter().next() {
            Some(key) => Err(format!("it has a {key}, and no seq")),
            None => details(line, origin),
        };
    };
    number("seq", seq.get())?;
    let messages = line.number.map_or(seq.get(), Number::get);
    let numbers = places.filter_map(|(key, place)| Some((key, place?.get())));
    for (key, value) in numbers.chain([("number", messages)]) {
        number(key, value.max(1))?;
        // What an operator wrote by hand comes back as it was.
        if origin == Origin::Elsewhere && !(0..=seq.get()).contains(&value) {
            return Err(format!(
                "the {key} {value} is none that the seq {seq} can have"
            ));
        }
    }
    details(line, origin)
}

fn details(line: &Line, origin: Origin) -> Result<(), String> {
    let silent = !line.is_message() || line.gone.is_some();
    if origin == Origin::Elsewhere && silent && !line.content.is_empty() {
        return Err("an event has no content, and neither has what is gone".into());
    }
    for reaction in &line.reactions {
        person(&reaction.user, origin)?;
        short("emoji", &reaction.emoji)?;
    }
    for user in &line.mentions {
        person(user, origin)?;
    }
    Ok(())
}

fn person(user: &str, origin: Origin) -> Result<(), String> {
    let allowed = Nickname::parse(user).map(drop);
    name("user", user, origin, allowed.map_err(|e| e.to_string()))
}

fn short(what: &str, text: &str) -> Result<(), String> {
    let good = !text.is_empty() && text.chars().count() <= LONGEST_NAME;
    if good && !text.chars().any(char::is_control) {
        Ok(())
    } else {
        Err(format!(
            "the {what} is empty, too long, or has a control character"
        ))
    }
}

/// The same for the name of a document's room.
pub(super) fn check_room(room: &str, origin: Origin) -> Result<(), String> {
    let allowed = if RoomName::stored(room).is_direct() {
        Ok(())
    } else {
        RoomName::parse(room).map(drop)
    };
    name("room", room, origin, allowed.map_err(|e| e.to_string()))
}

fn number(what: &str, number: i64) -> Result<(), String> {
    if number < 1 {
        return Err(format!("the {what} {number} is not positive"));
    }
    // What is said next gets a greater one.
    if number > MAX_EXACT {
        return Err(format!(
            "the {what} {number} is beyond {MAX_EXACT}, up to which all who read JSON agree"
        ));
    }
    Ok(())
}

fn name(what: &str, name: &str, origin: Origin, allowed: Result<(), String>) -> Result<(), String> {
    let shown: String = name.chars().take(40).collect();
    let told = |why: &str| format!("the {what}'s name '{}': {why}", shown.escape_debug());
    let length = name.chars().count();
    if name.chars().any(char::is_control) {
        return Err(told("it has a control character"));
    }
    match origin {
        Origin::Archive if (1..=LONGEST_NAME).contains(&length) => Ok(()),
        Origin::Archive => Err(told(&format!("it has {length} characters"))),
        Origin::Elsewhere => allowed.map_err(|why| told(&why)),
    }
}

/// What is learnt of a document line by line.
#[derive(Debug, Default)]
pub(super) struct Reading {
    origin: Origin,
    pub(super) count: u64,
    pub(super) messages: u64,
    /// The greatest number of messages up to one of them.
    pub(super) number: Number,
    pub(super) with_seq: bool,
    pub(super) seqs: (Seq, Seq),
    pub(super) ids: Option<(MessageId, MessageId)>,
    pub(super) ascending: bool,
    last_id: Option<MessageId>,
    pub(super) times: Option<(DateTime<Utc>, DateTime<Utc>)>,
    first: Vec<(MessageId, u64)>,
    last: VecDeque<(MessageId, u64)>,
}

impl Reading {
    pub(super) fn of(origin: Origin) -> Self {
        Self {
            origin,
            ascending: true,
            ..Self::default()
        }
    }

    pub(super) fn take(&mut self, line: &Line) -> Result<(), String> {
        check(line, self.origin)?;
        self.place(line.seq)?;
        self.time(line.created_at)?;
        let id = line.id;
        self.ascending &= Some(id) > self.last_id;
        self.last_id = Some(id);
        let (low, high) = self.ids.unwrap_or((id, id));
        self.ids = Some((low.min(id), high.max(id)));
        if !self.with_seq {
            self.sample(id);
        }
        self.count += 1;
        self.messages += u64::from(line.is_message());
        let messages = line.number.or(line.seq.map(|seq| Number::new(seq.get())));
        self.number = self.number.max(messages.unwrap_or_default());
        Ok(())
    }

    fn place(&mut self, seq: Option<Seq>) -> Result<(), String> {
        if self.count == 0 {
            self.with_seq = seq.is_some();
            self.seqs.0 = seq.unwrap_or_default();
        }
        match seq {
            Some(seq) if self.with_seq && seq <= self.seqs.1 => {
                return Err(format!("the seq {seq} comes after {}", self.seqs.1));
            }
            _ if seq.is_some() == self.with_seq => {}
            _ => return Err("some messages have a seq, and others have none".into()),
        }
        self.seqs.1 = seq.unwrap_or_default();
        Ok(())
    }

    /// Without `seq`s the order of the lines is the order in the room.
    fn time(&mut self, time: DateTime<Utc>) -> Result<(), String> {
        let (early, late) = self.times.unwrap_or((time, time));
        if !self.with_seq && time < late {
            return Err(format!(
                "it is of {}, after one of {}: messages without a seq stand in the order in which \
                 they were said, the oldest first",
                format_time(time),
                format_time(late)
            ));
        }
        self.times = Some((early.min(time), late.max(time)));
        Ok(())
    }

    fn sample(&mut self, id: MessageId) {
        if self.first.len() < ENDS {
            self.first.push((id, self.count))
        } else {
            self.last.push_back((id, self.count));
            if self.last.len() > ENDS {
                self.last.pop_front();
            }
        }
    }

    /// Some ids with their place in the document, counted from 0.
    pub(super) fn samples(self) -> Vec<(MessageId, u64)> {
        self.first.into_iter().chain(self.last).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: i64, seq: Option<i64>, user: &str) -> Line {
        let line = serde_json::json!({"id": id, "user": user, "content": "hello", "seq": seq,
            "created_at": "1970-01-01T00:00:00Z"});
        serde_json::from_value(line).expect("a line")
    }

    #[test]
    fn numbers_that_not_all_read_alike_are_refused() {
        for (id, seq, good) in [
            (1, None, true),
            (MAX_EXACT, Some(MAX_EXACT), true),
            (1 << 53, None, false),
            (i64::MAX, None, false),
            (1, Some(1 << 53), false),
            (1, Some(0), false),
            (-1, None, false),
        ] {
            let checked = check(&line(id, seq, "ann"), Origin::Archive);
            assert_eq!(checked.is_ok(), good, "{id} {seq:?}: {checked:?}");
        }
    }

    #[test]
    fn names_must_be_such_as_can_be_chosen_unless_they_were_here() {
        let long = "n".repeat(LONGEST_NAME);
        for name in ["a b", "é", &long] {
            assert!(check(&line(1, None, name), Origin::Archive).is_ok());
            assert!(check(&line(1, None, name), Origin::Elsewhere).is_err());
            assert!(check_room(name, Origin::Archive).is_ok());
            assert!(check_room(name, Origin::Elsewhere).is_err());
        }
        for name in ["", "a\u{7}", "a\0b"] {
            assert!(check(&line(1, None, name), Origin::Archive).is_err());
        }
    }
}
