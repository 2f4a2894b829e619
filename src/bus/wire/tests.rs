//! What is said on the bus, and what is believed of it.
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use std::sync::Arc;

use chrono::DateTime;

use crate::model::{Details, Event, Message, MessageId, MessageKind, Nickname, Reaction, Seq};

const ROOM: &str = "room:general";

fn key() -> Key {
    Key::new(&[7; 32])
}

/// What is believed of a payload.
fn proved(channel: &str, payload: &[u8]) -> Option<Entry> {
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

fn proof(said: Said<Entry>) -> Heard {
    Heard::Proved(RoomChannel::Public(RoomName::stored("general")), said)
}

fn message(channel: &str, payload: &[u8]) -> Result<Entry, Junk> {
    super::entry(channel, payload).map(|(_, said)| said.what)
}

fn object() -> Value {
    json!({
        "id": 42, "seq": 7, "room": "general", "user": "alice", "content": "hello",
        "created_at": "2024-01-15T10:30:00.000Z", "number": 5, "instance": "instance-1",
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
        news: crate::model::Notice::joined(
            &RoomName::stored("general"),
            &Nickname::parse("alice").expect("a good name"),
        )
        .into(),
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
fn that_rights_changed_is_believed_only_if_it_is_proved() {
    let payload = encode_rights("instance-1", &key());
    assert_eq!(parse(NOTICES, &payload, &key()), Ok(Heard::Rights));
    let other = Key::new(&[8; 32]);
    assert_eq!(parse(NOTICES, &payload, &other), Err(Junk::Notice));
    assert!(
        parse(ROOM, &payload, &key()).is_err(),
        "on a room's channel it is none"
    );
}

#[test]
fn what_a_newer_version_adds_is_proved_as_well() {
    let mut newer = object();
    newer["novelty"] = json!(3);
    let payload = sealed(&newer, 0, ROOM, &key());
    assert_eq!(proved(ROOM, &payload).map(|m| m.seq), Some(Seq::new(7)));
}

/// What one that does not number its messages says is looked up.
#[test]
fn a_message_without_its_number_is_a_hint() {
    let mut older = object();
    older.as_object_mut().map(|keys| keys.remove("number"));
    let payload = sealed(&older, 0, ROOM, &key());
    assert_eq!(parse(ROOM, &payload, &key()), Ok(Heard::Claimed));
}

#[test]
fn what_an_event_is_about_travels_with_it() {
    let reaction = |users: &[&str]| Reaction {
        count: users.len() as u64,
        users: users.iter().map(|user| Arc::from(*user)).collect(),
    };
    let target = Seq::new(3);
    let reactions = vec![
        ("👍".into(), reaction(&["bob", "alice"])),
        ("🎉".into(), reaction(&["carol"])),
    ];
    for event in [
        Event::Edited {
            target,
            content: Some("two\nlines".into()),
        },
        Event::Edited {
            target,
            content: None,
        },
        Event::Deleted { target },
        Event::Reacted { target, reactions },
        Event::Pinned {
            target,
            pinned: true,
        },
        Event::Pinned {
            target,
            pinned: false,
        },
        Event::Topic { topic: None },
        Event::Topic {
            topic: Some("tea".into()),
        },
    ] {
        let mut entry = message(ROOM, object().to_string().as_bytes()).expect("a message");
        entry.what = What::Event(Arc::new(event));
        let payload = encode(&said(&entry), "instance-1", ROOM, &key());
        assert_eq!(proved(ROOM, &payload), Some(entry));
    }
    let mut entry = message(ROOM, object().to_string().as_bytes()).expect("a message");
    entry.what = What::Message(Message {
        content: "a reply".into(),
        details: Some(Arc::new(Details {
            display_name: Some("Ālice".into()),
            kind: MessageKind::Bot,
            thread: Some(target),
            reply_to: Some(Seq::new(5)),
            mentions: vec!["bob".into()],
            ..Details::default()
        })),
    });
    let payload = encode(&said(&entry), "instance-1", ROOM, &key());
    assert_eq!(proved(ROOM, &payload), Some(entry));
    for wrong in [
        json!({"event": "novelty"}),
        json!({"event": "edit"}),
        json!({"event": "edit", "target": 0}),
        json!({"event": "edit", "target": 3, "content": "bell\u{7}"}),
        json!({"kind": "novelty"}),
        json!({"display_name": "Ali\u{202e}ce"}),
    ] {
        let mut object = object();
        let keys = wrong.as_object().into_iter().flatten();
        keys.for_each(|(key, value)| object[key] = value.clone());
        assert!(
            message(ROOM, object.to_string().as_bytes()).is_err(),
            "{wrong}"
        );
    }
}

#[test]
fn keys_that_a_newer_version_adds_are_no_reason_to_refuse() {
    assert!(message(ROOM, &with("novelty", json!(3))).is_ok());
}

#[test]
fn what_nobody_can_have_committed_is_junk() {
    let array = br#"[42, 7, "general", "alice", "hello", "2024-01-15T10:30:00Z", "i"]"#.to_vec();
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
    assert_eq!(message.text().chars().count(), 4_000);
}

#[test]
fn of_a_hidden_room_the_channel_does_not_tell_the_name() {
    let payload = with("room", json!("@3+7"));
    let hidden = |channel| super::entry(channel, &payload).map(|(of, said)| (of, said.what.room));
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
    ) -> Entry {
        Entry {
            id: MessageId::new(id),
            seq: Seq::new(seq),
            room: RoomName::stored(&room),
            user: user.into(),
            number: Number::new(seq),
            what: content.as_str().into(),
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
