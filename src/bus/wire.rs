//! Messages as they travel between instances: written from what was committed, read with doubt.
use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::error::Category;

use crate::model::{Content, MAX_CHARS, Message, Nickname, RoomName, Seq};

/// Every room has a channel of its own, so that an instance hears only what it has readers for.
const PREFIX: &str = "room:";
/// How many people are online, for whoever wants to show it: a decimal number, no JSON.
pub(super) const HEADCOUNT: &str = "room:headcount";

/// More than any message of ours: 4,000 characters of which each is escaped as a surrogate pair.
const MAX_BYTES: usize = 64 * 1024;

/// The channel on which a room's messages travel. The name is taken as the database has it, in
/// its case, so that all instances agree on it. `None` for a room that somebody created by hand
/// under a name that we would refuse (`headcount` above all): its readers are served from the
/// store.
pub(super) fn channel(room: &RoomName) -> Option<String> {
    RoomName::parse_old(room.as_str()).ok()?;
    Some(format!("{PREFIX}{room}"))
}

/// The object that readers get, plus who published it.
#[derive(Serialize)]
struct Outgoing<'a> {
    #[serde(flatten)]
    message: &'a Message,
    instance: &'a str,
}

pub(super) fn encode(message: &Message, instance: &str) -> Vec<u8> {
    let outgoing = Outgoing { message, instance };
    serde_json::to_vec(&outgoing).expect("strings and numbers are always JSON")
}

/// The same object on its way in. `instance` must be there but is not looked at: our own
/// messages come back too, and the relay drops what it has. To ignore them by name would make
/// two instances that were given one name by mistake deaf to each other.
#[derive(Deserialize)]
struct Incoming<'a> {
    id: i64,
    seq: Seq,
    #[serde(borrow)]
    room: Cow<'a, str>,
    #[serde(borrow)]
    user: Cow<'a, str>,
    #[serde(borrow)]
    content: Cow<'a, str>,
    created_at: DateTime<Utc>,
    #[serde(borrow, rename = "instance")]
    _instance: Cow<'a, str>,
}

/// Why something on a channel is no message of ours. The texts never quote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Junk {
    #[error("{0} bytes are more than any message has")]
    TooLong(usize),
    #[error("not the JSON of a message ({0:?})")]
    Json(Category),
    #[error("not of the room whose channel this is")]
    Room,
    #[error("id and seq start at 1")]
    Place,
    #[error("a nickname that nobody can have")]
    User,
    #[error("a content that nobody can send")]
    Content,
    #[error("not a number of people")]
    Headcount,
}

/// Reads what arrived on `channel`. Refuses what this program can't have committed; should it
/// be true all the same (an operator wrote it into the database), the store will tell.
pub(super) fn parse(channel: &str, payload: &[u8]) -> Result<Message, Junk> {
    if payload.len() > MAX_BYTES {
        return Err(Junk::TooLong(payload.len()));
    }
    // A derived reader would take an array of the values as well; the contract is an object.
    if !payload.trim_ascii_start().starts_with(b"{") {
        return Err(Junk::Json(Category::Syntax));
    }
    let incoming: Incoming<'_> =
        serde_json::from_slice(payload).map_err(|e| Junk::Json(e.classify()))?;
    if incoming.id < 1 || incoming.seq < 1 {
        return Err(Junk::Place);
    }
    Ok(Message {
        id: incoming.id,
        seq: incoming.seq,
        room: room(channel, &incoming.room)?,
        user: Nickname::parse_old(&incoming.user)
            .map_err(|_| Junk::User)?
            .shared(),
        content: content(&incoming.content)?,
        created_at: incoming.created_at,
    })
}

fn room(channel: &str, claimed: &str) -> Result<RoomName, Junk> {
    let room = RoomName::parse_old(claimed).map_err(|_| Junk::Room)?;
    match channel.strip_prefix(PREFIX) == Some(room.as_str()) {
        true => Ok(room),
        false => Err(Junk::Room),
    }
}

/// A text as it would have been stored, which is as it is: a stray CRLF was never committed.
fn content(claimed: &str) -> Result<Arc<str>, Junk> {
    match Content::parse(claimed, MAX_CHARS) {
        Ok(content) if *content.shared() == *claimed => Ok(content.shared()),
        _ => Err(Junk::Content),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const ROOM: &str = "room:general";

    fn object() -> Value {
        json!({
            "id": 42, "seq": 7, "room": "general", "user": "alice", "content": "hello",
            "created_at": "2024-01-15T10:30:00.000Z", "instance": "instance-1",
        })
    }

    fn with(key: &str, value: Value) -> Vec<u8> {
        let mut object = object();
        object[key] = value;
        object.to_string().into_bytes()
    }

    #[test]
    fn a_message_is_the_object_of_the_contract() {
        let payload = object().to_string().into_bytes();
        let message = parse(ROOM, &payload).expect("a message");
        let again: Value =
            serde_json::from_slice(&encode(&message, "instance-1")).expect("our own JSON");
        assert_eq!(again, object());
    }

    #[test]
    fn keys_that_a_newer_version_adds_are_no_reason_to_refuse() {
        assert!(parse(ROOM, &with("reply_to", json!(3))).is_ok());
    }

    #[test]
    fn what_nobody_can_have_committed_is_junk() {
        let array =
            br#"[42, 7, "general", "alice", "hello", "2024-01-15T10:30:00Z", "i"]"#.to_vec();
        let cases = [
            (with("room", json!("random")), Junk::Room),
            (with("room", json!("General")), Junk::Room),
            (with("room", json!("no room")), Junk::Room),
            (with("seq", json!(-1)), Junk::Place),
            (with("seq", json!(0)), Junk::Place),
            (with("id", json!(0)), Junk::Place),
            (with("user", json!("")), Junk::User),
            (with("user", json!("a\u{1b}[2J")), Junk::User),
            (with("content", json!("")), Junk::Content),
            (with("content", json!("bell\u{7}")), Junk::Content),
            (with("content", json!("a\r\nb")), Junk::Content),
            (with("content", json!("x".repeat(4_001))), Junk::Content),
            (with("seq", json!("7")), Junk::Json(Category::Data)),
            (with("seq", json!(7.5)), Junk::Json(Category::Data)),
            (with("instance", Value::Null), Junk::Json(Category::Data)),
            (with("created_at", json!(1)), Junk::Json(Category::Data)),
            (br#"{"test": true}"#.to_vec(), Junk::Json(Category::Data)),
            (b"{".to_vec(), Junk::Json(Category::Eof)),
            (b"\xff\xfe".to_vec(), Junk::Json(Category::Syntax)),
            (vec![b'['; 60_000], Junk::Json(Category::Syntax)),
            (array, Junk::Json(Category::Syntax)),
            (vec![b' '; 70_000], Junk::TooLong(70_000)),
        ];
        for (payload, junk) in cases {
            let shown = String::from_utf8_lossy(&payload[..payload.len().min(80)]).into_owned();
            assert_eq!(parse(ROOM, &payload), Err(junk), "{shown}");
        }
    }

    #[test]
    fn the_longest_message_passes_however_it_is_escaped() {
        let escaped = r"\ud83d\ude00".repeat(4_000);
        let payload = object().to_string().replace("hello", &escaped);
        let message = parse(ROOM, payload.as_bytes()).expect("a message");
        assert_eq!(message.content.chars().count(), 4_000);
    }

    #[test]
    fn a_room_called_headcount_has_no_channel() {
        assert_eq!(channel(&RoomName::stored("HEADCOUNT")), None);
        assert_eq!(channel(&RoomName::stored("a b")), None);
        let room = RoomName::stored("General");
        assert_eq!(channel(&room).as_deref(), Some("room:General"));
    }

    prop_compose! {
        fn any_message()(
            id in 1..i64::MAX,
            seq in 1..i64::MAX,
            room in "[A-Za-z0-9_.-]{1,64}",
            user in "[A-Za-z0-9_.-]{1,32}",
            content in r"[^\p{Cc}]{1,200}",
            millis in 0..253_402_300_799_999i64,
        ) -> Message {
            Message {
                id,
                seq,
                room: RoomName::stored(&room),
                user: user.into(),
                content: content.into(),
                created_at: DateTime::from_timestamp_millis(millis).expect("before year 10000"),
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_what_is_read(message in any_message(), instance in ".{0,40}") {
            prop_assume!(message.room.key() != "headcount");
            let channel = channel(&message.room).expect("a good name");
            let read = parse(&channel, &encode(&message, &instance));
            prop_assert_eq!(read.as_ref().map(|m| m.room.as_str()), Ok(message.room.as_str()));
            prop_assert_eq!(read, Ok(message));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
            let _ = parse(ROOM, &bytes);
        }

        #[test]
        fn a_damaged_message_is_read_or_refused(
            message in any_message(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
            cut in any::<bool>(),
        ) {
            let channel = format!("{PREFIX}{}", message.room);
            let mut bytes = encode(&message, "instance-1");
            let at = at.index(bytes.len());
            match cut {
                true => bytes.truncate(at),
                false => bytes[at] = byte,
            }
            if let Ok(read) = parse(&channel, &bytes) {
                prop_assert!(read.seq >= 1 && read.id >= 1);
                prop_assert!(Content::parse(&read.content, MAX_CHARS).is_ok());
            }
        }
    }
}
