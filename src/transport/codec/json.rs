//! The JSON forms: what HTTP and WebSocket take, and what they show.
use serde::{Deserialize, Serialize};

use super::words;
use crate::chat::{ChatError, Entry};
use crate::model::Seq;

/// An entry as a Server-Sent Event (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
pub(super) fn event(entry: &Entry, out: &mut Vec<u8>) {
    match entry {
        Entry::Message(message) => {
            out.extend_from_slice(b"event: message\nid: ");
            out.extend_from_slice(message.seq.to_string().as_bytes());
            out.extend_from_slice(b"\ndata: ");
            write(message, out);
        }
        Entry::Notice(notice) => {
            out.extend_from_slice(b"event: system\ndata: ");
            let (room, text) = (Some(notice.room().as_str()), &words::notice(notice));
            write(&System { room, text }, out);
        }
        Entry::Gap { room, from, to } => {
            out.extend_from_slice(b"event: gap\ndata: ");
            let (room, from, to) = (room.as_str(), *from, *to);
            write(&Gap { room, from, to }, out);
        }
    }
    out.extend_from_slice(b"\n\n");
}

/// An entry as a WebSocket frame: a JSON object.
pub(super) fn frame(entry: &Entry, out: &mut Vec<u8>) {
    match entry {
        Entry::Message(of) => write(
            &Typed {
                kind: "message",
                of,
            },
            out,
        ),
        Entry::Notice(notice) => {
            let (room, text) = (Some(notice.room().as_str()), &words::notice(notice));
            let (kind, of) = ("system", &System { room, text });
            write(&Typed { kind, of }, out);
        }
        Entry::Gap { room, from, to } => {
            let (room, from, to) = (room.as_str(), *from, *to);
            let (kind, of) = ("gap", &Gap { room, from, to });
            write(&Typed { kind, of }, out);
        }
    }
}

#[derive(Serialize)]
pub(in crate::transport) struct System<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::transport) room: Option<&'a str>,
    pub(in crate::transport) text: &'a str,
}

#[derive(Serialize)]
struct Gap<'a> {
    room: &'a str,
    from: Option<Seq>,
    to: Seq,
}

/// An object with its `type` in front, as WebSocket frames have it.
#[derive(Serialize)]
pub(in crate::transport) struct Typed<'a, T> {
    #[serde(rename = "type")]
    pub(in crate::transport) kind: &'static str,
    #[serde(flatten)]
    pub(in crate::transport) of: &'a T,
}

fn write(value: &impl Serialize, out: &mut Vec<u8>) {
    // Strings and numbers into memory: there is nothing that could fail.
    let _ = serde_json::to_writer(out, value);
}

/// What a client may ask for in its body or frame, where the type alone does not say it.
#[derive(Debug, Deserialize)]
pub(in crate::transport) struct Connect {
    pub(in crate::transport) nickname: String,
}

#[derive(Debug, Deserialize)]
pub(in crate::transport) struct Command {
    pub(in crate::transport) session_id: String,
    pub(in crate::transport) command: String,
}

#[derive(Debug, Deserialize)]
pub(in crate::transport) struct Post {
    pub(in crate::transport) session_id: String,
    pub(in crate::transport) room: String,
    pub(in crate::transport) content: String,
    pub(in crate::transport) nonce: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(in crate::transport) struct Disconnect {
    pub(in crate::transport) session_id: String,
}

/// A frame from a WebSocket client. `ref` is the client's own, given back in the reply.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(in crate::transport) enum Frame {
    Connect {
        nickname: Option<String>,
        session_id: Option<String>,
        #[serde(default)]
        rooms: std::collections::BTreeMap<String, Seq>,
        #[serde(default, rename = "ref")]
        reference: Option<serde_json::Value>,
    },
    Command {
        command: String,
        #[serde(default, rename = "ref")]
        reference: Option<serde_json::Value>,
    },
    Message {
        room: String,
        content: String,
        nonce: Option<String>,
        #[serde(default, rename = "ref")]
        reference: Option<serde_json::Value>,
    },
}

/// An error frame's or problem's fields.
#[derive(Debug, Serialize)]
pub(in crate::transport) struct ErrorFrame<'a> {
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub(in crate::transport) reference: Option<&'a serde_json::Value>,
    pub(in crate::transport) code: &'a str,
    pub(in crate::transport) detail: &'a str,
    /// Seconds after which it may be worth trying again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::transport) retry_after: Option<u64>,
}

impl<'a> ErrorFrame<'a> {
    pub(in crate::transport) fn of(
        error: &'a ChatError,
        reference: Option<&'a serde_json::Value>,
    ) -> Self {
        Self {
            reference,
            code: error.code.as_str(),
            detail: &error.detail,
            retry_after: error.retry_after.map(|after| after.as_secs().max(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Message, MessageId, RoomName};
    use proptest::prelude::*;

    fn encoded(write: fn(&Entry, &mut Vec<u8>), content: &str) -> String {
        let message = Message {
            id: MessageId::new(42),
            seq: Seq::new(7),
            room: RoomName::stored("general"),
            user: "alice".into(),
            content: content.into(),
            created_at: Default::default(),
        };
        let mut out = Vec::new();
        write(&Entry::Message(message), &mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn a_message_is_the_object_of_the_interface() {
        assert_eq!(
            encoded(event, "hi"),
            "event: message\nid: 7\ndata: {\"id\":42,\"seq\":7,\"room\":\"general\",\
             \"user\":\"alice\",\"content\":\"hi\",\"created_at\":\"1970-01-01T00:00:00.000Z\"}\n\n"
        );
        assert!(encoded(frame, "hi").starts_with("{\"type\":\"message\",\"id\":42,\"seq\":7,"));
    }

    proptest! {
        #[test]
        fn no_content_can_end_an_event(content in "(?s).*") {
            let event = encoded(event, &content);
            prop_assert_eq!(event.trim_end().lines().count(), 3);
        }

        #[test]
        fn no_frame_makes_the_parser_panic(text in "(?s).{0,200}") {
            let _ = serde_json::from_str::<Frame>(&text);
        }

        #[test]
        fn nearly_right_frames_are_refused_or_read(
            kind in "connect|command|message|x", room in ".{0,5}", reference in any::<i64>(),
        ) {
            let frame = serde_json::json!({ "type": kind, "room": room, "ref": reference });
            let read = serde_json::from_value::<Frame>(frame);
            prop_assert_eq!(read.is_ok(), kind == "connect");
        }
    }
}
