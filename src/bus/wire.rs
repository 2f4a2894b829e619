//! Messages as they travel between instances: written from what was committed, read with doubt.
use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::error::Category;

use super::channel::RoomChannel;
use super::events::Said;
use super::key::{DIGITS, Key};
use crate::model::{
    Content, Epoch, Lineage, MAX_CHARS, Message, MessageId, Nickname, RoomName, Seq, Told,
};

/// How many people are online, as a decimal number and not as JSON.
pub(super) const HEADCOUNT: &str = "room:headcount";
/// What happens in all rooms beside their messages. A room of that name has the channel as well;
/// what has no `seq` is none of its messages.
pub(super) const NOTICES: &str = "room:notices";

/// More than any message of ours: 4,000 characters of which each is escaped as a surrogate pair.
const MAX_BYTES: usize = 64 * 1024;

/// Before and after the tag, which ends every object of ours.
const MAC: &[u8] = b",\"mac\":\"";
const END: &[u8] = b"\"}";

/// The object that readers get, plus who published it.
#[derive(Serialize)]
struct Outgoing<'a, T> {
    #[serde(flatten)]
    of: &'a T,
    instance: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<&'a Epoch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeline: Option<i64>,
}

impl<'a, T> Outgoing<'a, T> {
    fn of(said: &'a Said<T>, instance: &'a str) -> Self {
        let lineage = said.lineage.as_ref();
        Self {
            of: &said.what,
            instance,
            epoch: lineage.map(|lineage| &lineage.epoch),
            timeline: lineage.and_then(|lineage| lineage.timeline),
        }
    }
}

pub(super) fn encode(said: &Said<Message>, instance: &str, channel: &str, key: &Key) -> Vec<u8> {
    let text = said.what.content.len();
    sealed(&Outgoing::of(said, instance), text, channel, key)
}

pub(super) fn encode_told(told: &Said<Told>, instance: &str, key: &Key) -> Vec<u8> {
    sealed(&Outgoing::of(told, instance), 0, NOTICES, key)
}

/// An object, in which there are so many bytes of text, with the key `mac` as its last: what it proves is every byte before it and the
/// channel, whatever keys other versions have. docs/cluster.md says how to check it.
fn sealed(of: &impl Serialize, text: usize, channel: &str, key: &Key) -> Vec<u8> {
    let mut object = Vec::with_capacity(320 + text);
    serde_json::to_writer(&mut object, of).expect("strings and numbers are always JSON");
    object.pop(); // the brace that closes it
    let signed = object.len();
    object.extend_from_slice(MAC);
    let mut tag = Vec::with_capacity(DIGITS);
    key.sign(channel, &object[..signed], &mut tag);
    object.extend_from_slice(&tag);
    object.extend_from_slice(END);
    object
}

/// Whether an instance of this database published exactly this on that channel.
fn is_sealed(payload: &[u8], channel: &str, key: &Key) -> bool {
    let signed = payload.len().checked_sub(MAC.len() + DIGITS + END.len());
    let Some((object, tail)) = signed.map(|signed| payload.split_at(signed)) else {
        return false;
    };
    let tag = tail.strip_prefix(MAC).and_then(|t| t.strip_suffix(END));
    tag.is_some_and(|tag| key.proves(channel, object, tag))
}

/// The same object on its way in. `instance` must be there but is not looked at: our own
/// messages come back too, and the relay drops what it has. To ignore them by name would make
/// two instances that were given one name by mistake deaf to each other.
#[derive(Deserialize)]
struct Incoming<'a> {
    id: MessageId,
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
    /// Which past it is of; older versions do not say.
    #[serde(default, borrow)]
    epoch: Option<Cow<'a, str>>,
    #[serde(default)]
    timeline: Option<i64>,
}

/// The same of a notice.
#[derive(Deserialize)]
struct Of<'a> {
    #[serde(default, borrow)]
    epoch: Option<Cow<'a, str>>,
    #[serde(default)]
    timeline: Option<i64>,
}

fn lineage(epoch: Option<&str>, timeline: Option<i64>) -> Option<Lineage> {
    let epoch = Epoch::named(epoch?);
    Some(Lineage { epoch, timeline })
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
    #[error("a notice without a valid mac")]
    Notice,
    #[error("not a number of people")]
    Headcount,
}

/// What a message on the bus is worth.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Heard {
    /// An instance of this database says so of the room with that channel.
    Proved(RoomChannel, Said<Message>),
    /// An instance of this database says that this happened in a room.
    Told(Said<Told>),
    /// Any client of the bus may have said so.
    Claimed,
}

/// Reads what arrived on `channel`. Refuses what this program cannot have committed; should it
/// be true all the same (an operator wrote it into the database), the store will tell.
pub(super) fn parse(channel: &str, payload: &[u8], key: &Key) -> Result<Heard, Junk> {
    let sealed = is_sealed(payload, channel, key);
    if channel == NOTICES
        && payload.len() <= MAX_BYTES
        && let Ok(what) = serde_json::from_slice(payload)
    {
        let of = serde_json::from_slice::<Of<'_>>(payload).ok();
        let lineage = of.and_then(|of| lineage(of.epoch.as_deref(), of.timeline));
        return if sealed {
            Ok(Heard::Told(Said { what, lineage }))
        } else {
            Err(Junk::Notice)
        };
    }
    let (of, message) = message(channel, payload)?;
    if sealed {
        Ok(Heard::Proved(of, message))
    } else {
        Ok(Heard::Claimed)
    }
}

fn message(channel: &str, payload: &[u8]) -> Result<(RoomChannel, Said<Message>), Junk> {
    if payload.len() > MAX_BYTES {
        return Err(Junk::TooLong(payload.len()));
    }
    // A derived reader would take an array of the values as well; the contract is an object.
    if !payload.trim_ascii_start().starts_with(b"{") {
        return Err(Junk::Json(Category::Syntax));
    }
    let incoming: Incoming<'_> =
        serde_json::from_slice(payload).map_err(|e| Junk::Json(e.classify()))?;
    if incoming.id.get() < 1 || incoming.seq < Seq::FIRST {
        return Err(Junk::Place);
    }
    let (of, room) = room(channel, &incoming.room)?;
    let what = Message {
        id: incoming.id,
        seq: incoming.seq,
        room,
        user: Nickname::parse_old(&incoming.user)
            .map_err(|_| Junk::User)?
            .shared(),
        content: content(&incoming.content)?,
        created_at: incoming.created_at,
    };
    let lineage = lineage(incoming.epoch.as_deref(), incoming.timeline);
    Ok((of, Said { what, lineage }))
}

/// The room that a message says it is of, on that channel. Of a hidden room the channel does not tell
/// the name.
fn room(channel: &str, claimed: &str) -> Result<(RoomChannel, RoomName), Junk> {
    let of = RoomChannel::named(channel).ok_or(Junk::Room)?;
    let room = RoomName::asked(claimed).0.ok_or(Junk::Room)?;
    match &of {
        // To the letter: all instances call a room as the database does.
        RoomChannel::Public(named) if named.as_str() != claimed => Err(Junk::Room),
        _ => Ok((of, room)),
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

    fn key() -> Key {
        Key::new(&[7; 32])
    }

    /// What is believed of a payload.
    fn proved(channel: &str, payload: &[u8]) -> Option<Message> {
        match parse(channel, payload, &key()) {
            Ok(Heard::Proved(_, said)) => Some(said.what),
            _ => None,
        }
    }

    fn said<T: Clone>(what: &T) -> Said<T> {
        Said {
            what: what.clone(),
            lineage: None,
        }
    }

    fn proof(said: Said<Message>) -> Heard {
        Heard::Proved(RoomChannel::Public(RoomName::stored("general")), said)
    }

    fn message(channel: &str, payload: &[u8]) -> Result<Message, Junk> {
        super::message(channel, payload).map(|(_, said)| said.what)
    }

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
        let read = message(ROOM, object().to_string().as_bytes()).expect("a message");
        let payload = encode(&said(&read), "instance-1", ROOM, &key());
        let mut again: Value = serde_json::from_slice(&payload).expect("our own JSON");
        let tag = again.as_object_mut().and_then(|keys| keys.remove("mac"));
        let digits = tag.as_ref().and_then(Value::as_str).map(str::len);
        assert_eq!((again, digits), (object(), Some(DIGITS)));
        assert_eq!(proved(ROOM, &payload), Some(read));
    }

    #[test]
    fn an_object_says_of_which_past_it_is() {
        let read = message(ROOM, object().to_string().as_bytes()).expect("a message");
        let of = |timeline| Lineage {
            epoch: Epoch::named("e1"),
            timeline,
        };
        for lineage in [None, Some(of(None)), Some(of(Some(2)))] {
            let said = Said {
                what: read.clone(),
                lineage,
            };
            let payload = encode(&said, "instance-1", ROOM, &key());
            assert_eq!(parse(ROOM, &payload, &key()), Ok(proof(said)));
        }
    }

    #[test]
    fn what_is_not_proved_is_no_more_than_a_hint() {
        let payload = object().to_string().into_bytes();
        let read = message(ROOM, &payload).expect("a message");
        let sealed = encode(&said(&read), "instance-1", ROOM, &key());
        let text = String::from_utf8(sealed.clone()).expect("JSON");
        let of_others = encode(&said(&read), "instance-1", ROOM, &Key::new(&[8; 32]));
        let changed = text.replace("hello", "hullo").into_bytes();
        let longer = text.replace(",\"mac\"", ",\"x\":1,\"mac\"").into_bytes();
        for claimed in [
            payload,
            of_others,
            changed,
            longer,
            [&sealed[..], b" "].concat(),
        ] {
            assert_eq!(parse(ROOM, &claimed, &key()), Ok(Heard::Claimed));
        }
        assert_eq!(proved(ROOM, &sealed), Some(read), "as it was");
        // Of another room it is not even that.
        assert_eq!(parse("room:random", &sealed, &key()), Err(Junk::Room));
        let moved = text.replace("\"general\"", "\"random\"").into_bytes();
        assert_eq!(parse("room:random", &moved, &key()), Ok(Heard::Claimed));
    }

    #[test]
    fn a_notice_is_believed_only_if_it_is_proved() {
        let told = Told {
            origin: 7,
            n: 3,
            notice: crate::model::Notice::joined(
                &RoomName::stored("general"),
                &Nickname::parse("alice").expect("a good name"),
            ),
        };
        let payload = encode_told(&said(&told), "instance-1", &key());
        assert_eq!(
            parse(NOTICES, &payload, &key()),
            Ok(Heard::Told(said(&told)))
        );
        assert_eq!(
            parse(NOTICES, &payload, &Key::new(&[8; 32])),
            Err(Junk::Notice)
        );
        let junk = parse(ROOM, &payload, &key());
        assert!(
            matches!(junk, Err(Junk::Json(_))),
            "on a room's channel it is none"
        );
        // A room may be called like the channel.
        let payload = with("room", json!("notices"));
        let read = message(NOTICES, &payload).expect("a message");
        let sealed = encode(&said(&read), "instance-1", NOTICES, &key());
        assert_eq!(proved(NOTICES, &sealed), Some(read));
        assert_eq!(parse(NOTICES, &payload, &key()), Ok(Heard::Claimed));
    }

    #[test]
    fn what_a_newer_version_adds_is_proved_as_well() {
        let mut newer = object();
        newer["reply_to"] = json!(3);
        let payload = sealed(&newer, 0, ROOM, &key());
        assert_eq!(proved(ROOM, &payload).map(|m| m.seq), Some(Seq::new(7)));
    }

    #[test]
    fn keys_that_a_newer_version_adds_are_no_reason_to_refuse() {
        assert!(message(ROOM, &with("reply_to", json!(3))).is_ok());
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
            assert_eq!(message(ROOM, &payload), Err(junk), "{shown}");
        }
    }

    #[test]
    fn the_longest_message_passes_however_it_is_escaped() {
        let escaped = r"\ud83d\ude00".repeat(4_000);
        let payload = object().to_string().replace("hello", &escaped);
        let message = message(ROOM, payload.as_bytes()).expect("a message");
        assert_eq!(message.content.chars().count(), 4_000);
    }

    #[test]
    fn of_a_hidden_room_the_channel_does_not_tell_the_name() {
        let payload = with("room", json!("@3+7"));
        let hidden =
            |channel| super::message(channel, &payload).map(|(of, said)| (of, said.what.room));
        let room = RoomName::stored("@3+7");
        let uid = crate::model::Uid::new(9);
        assert_eq!(hidden("room:uid:9"), Ok((RoomChannel::Hidden(uid), room)));
        assert_eq!(hidden("room:@3+7"), Err(Junk::Room));
        assert_eq!(hidden("room:uid:nine"), Err(Junk::Room));
        let unnamed = with("room", json!("a\u{1b}"));
        assert_eq!(message("room:uid:9", &unnamed), Err(Junk::Room));
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
                id: MessageId::new(id),
                seq: Seq::new(seq),
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
            let channel = RoomChannel::Public(message.room.clone()).name().expect("a good name");
            let payload = encode(&said(&message), &instance, &channel, &key());
            let read = proved(&channel, &payload);
            let room = read.as_ref().map(|m| m.room.as_str());
            prop_assert_eq!(room, Some(message.room.as_str()));
            prop_assert_eq!(read, Some(message));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
            let _ = parse(ROOM, &bytes, &key());
        }

        #[test]
        fn a_damaged_message_is_never_believed(
            message in any_message(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
            cut in any::<bool>(),
        ) {
            let channel = format!("room:{}", message.room);
            let whole = encode(&said(&message), "instance-1", &channel, &key());
            let mut bytes = whole.clone();
            let at = at.index(bytes.len());
            if cut { bytes.truncate(at) } else { bytes[at] = byte }
            let read = proved(&channel, &bytes);
            prop_assert!(read.is_none() || bytes == whole);
        }
    }
}
