//! The JSON forms: what HTTP and WebSocket take, and what they show.
mod data;

use std::io::Write as _;

use serde::{Deserialize, Serialize};

use serde_json::{Map, Value};

use super::request::Request;
use super::{Refusal, words};
use crate::chat::{self, End, Item, Outcome, ReadTo, Registering, Unreadable};
use crate::model::{self, Epoch, Event, Notice, Password, RoomName, Seq, What};

pub(in crate::transport) use data::{connected, data};

/// What a reader is given as a Server-Sent Event (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
pub(super) fn event(item: &Item, out: &mut Vec<u8>) {
    match item {
        Item::Entry(entry) => {
            let Some(name) = name(entry) else {
                // Without data nothing is dispatched, and the client's position moves on.
                let _ = write!(out, "id: {}\n\n", entry.seq);
                return;
            };
            let _ = write!(out, "event: {name}\nid: {}\ndata: ", entry.seq);
            json(entry, out);
        }
        Item::Notice(Notice::Typing { room, nickname }) => {
            out.extend_from_slice(b"event: typing\ndata: ");
            json(&Typing::new(room, nickname), out);
        }
        Item::Notice(notice) => {
            out.extend_from_slice(b"event: system\ndata: ");
            let (room, text) = (Some(notice.room().as_str()), &words::notice(notice));
            json(&System { room, text }, out);
        }
        Item::Gap { room, from, to } => {
            out.extend_from_slice(b"event: gap\ndata: ");
            let (room, from, to) = (room.as_str(), *from, *to);
            json(&Gap { room, from, to }, out);
        }
        Item::Reset {
            room,
            epoch,
            last_seq,
        } => {
            out.extend_from_slice(b"event: reset\ndata: ");
            json(&Reset::new(room, epoch, *last_seq), out);
        }
        Item::Unreadable { room, why } => {
            out.extend_from_slice(b"event: system\ndata: ");
            json(&Waits::new(room, *why), out);
        }
        Item::End { room, why } => {
            out.extend_from_slice(b"event: end\ndata: ");
            json(&Ended::new(room, *why), out);
        }
    }
    out.extend_from_slice(b"\n\n");
}

/// The same for one that wants messages alone: of an event its place, by which nothing is dispatched.
pub(super) fn message_event(item: &Item, out: &mut Vec<u8>) {
    match item {
        Item::Entry(entry) if !entry.is_message() => {
            let _ = write!(out, "id: {}\n\n", entry.seq);
        }
        item => event(item, out),
    }
}

/// What is said beside all rooms, as a Server-Sent Event.
pub(in crate::transport) fn system_event(text: &str) -> Vec<u8> {
    let mut out = b"event: system\ndata: ".to_vec();
    json(&System { room: None, text }, &mut out);
    out.extend_from_slice(b"\n\n");
    out
}

/// The name of an entry: of its event or frame; a void one has none.
fn name(entry: &model::Entry) -> Option<&'static str> {
    match &entry.what {
        What::Message(_) => Some("message"),
        What::Event(event) => match &**event {
            Event::Void => None,
            event => Some(event.name()),
        },
    }
}

/// What a reader is given as a WebSocket frame: a JSON object.
pub(super) fn frame(item: &Item, out: &mut Vec<u8>) {
    match item {
        Item::Entry(of) => {
            let kind = name(of).unwrap_or("void");
            json(&Typed { kind, of }, out);
        }
        Item::Notice(Notice::Typing { room, nickname }) => {
            let (kind, of) = ("typing", &Typing::new(room, nickname));
            json(&Typed { kind, of }, out);
        }
        Item::Notice(notice) => {
            let (room, text) = (Some(notice.room().as_str()), &words::notice(notice));
            let (kind, of) = ("system", &System { room, text });
            json(&Typed { kind, of }, out);
        }
        Item::Gap { room, from, to } => {
            let (room, from, to) = (room.as_str(), *from, *to);
            let (kind, of) = ("gap", &Gap { room, from, to });
            json(&Typed { kind, of }, out);
        }
        Item::Reset {
            room,
            epoch,
            last_seq,
        } => {
            let (kind, of) = ("reset", &Reset::new(room, epoch, *last_seq));
            json(&Typed { kind, of }, out);
        }
        Item::Unreadable { room, why } => {
            let (kind, of) = ("system", &Waits::new(room, *why));
            json(&Typed { kind, of }, out);
        }
        Item::End { room, why } => {
            let (kind, of) = ("end", &Ended::new(room, *why));
            json(&Typed { kind, of }, out);
        }
    }
}

/// A reader cannot read on for now.
#[derive(Serialize)]
struct Waits<'a> {
    room: &'a str,
    text: String,
    code: &'static str,
}

impl<'a> Waits<'a> {
    fn new(room: &'a RoomName, why: Unreadable) -> Self {
        Self {
            room: room.as_str(),
            text: words::waits(room, why),
            code: why.as_str(),
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

#[derive(Serialize)]
struct Reset<'a> {
    room: &'a str,
    epoch: &'a Epoch,
    last_seq: Seq,
}

/// A person is writing something.
#[derive(Serialize)]
struct Typing<'a> {
    room: &'a str,
    user: &'a str,
}

impl<'a> Typing<'a> {
    fn new(room: &'a RoomName, user: &'a str) -> Self {
        let room = room.as_str();
        Self { room, user }
    }
}

/// How far one's account has read a room, or a thread there, through another connection.
#[derive(Serialize)]
pub(in crate::transport) struct Read<'a> {
    room: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread: Option<Seq>,
    seq: Seq,
}

impl<'a> Read<'a> {
    pub(in crate::transport) fn new(to: &'a ReadTo) -> Self {
        Self {
            room: to.room.as_str(),
            thread: to.thread,
            seq: to.seq,
        }
    }
}

/// The same as a Server-Sent Event.
pub(in crate::transport) fn read_event(to: &ReadTo) -> Vec<u8> {
    let mut out = b"event: read\ndata: ".to_vec();
    json(&Read::new(to), &mut out);
    out.extend_from_slice(b"\n\n");
    out
}

/// What is read of a room is over.
#[derive(Serialize)]
pub(in crate::transport) struct Ended<'a> {
    room: &'a str,
    code: &'static str,
}

impl<'a> Ended<'a> {
    pub(in crate::transport) fn new(room: &'a RoomName, why: End) -> Self {
        let (room, code) = (room.as_str(), why.as_str());
        Self { room, code }
    }
}

impl<'a> Reset<'a> {
    fn new(room: &'a RoomName, epoch: &'a Epoch, last_seq: Seq) -> Self {
        let room = room.as_str();
        Self {
            room,
            epoch,
            last_seq,
        }
    }
}

/// An object with its `type` in front, as WebSocket frames have it.
#[derive(Serialize)]
pub(in crate::transport) struct Typed<'a, T> {
    #[serde(rename = "type")]
    pub(in crate::transport) kind: &'static str,
    #[serde(flatten)]
    pub(in crate::transport) of: &'a T,
}

fn json(value: &impl Serialize, out: &mut Vec<u8>) {
    // Strings and numbers into memory: there is nothing that could fail.
    let _ = serde_json::to_writer(out, value);
}

/// The answer to a command: in words, and with what programs want to know.
pub(in crate::transport) fn reply(outcome: &Outcome, reference: Option<Value>) -> Value {
    let mut answer = serde_json::json!({ "success": true, "message": words::outcome(outcome) });
    if let Some(reference) = reference {
        answer["ref"] = reference;
    }
    if let Some(data) = data(outcome) {
        answer["data"] = data;
    }
    answer
}

/// What a client may ask for in its body or frame, where the type alone does not say it.
#[derive(Debug, Deserialize)]
pub(in crate::transport) struct Connect {
    pub(in crate::transport) nickname: String,
    /// Whether a browser is to keep the session.
    #[serde(default)]
    pub(in crate::transport) cookie: bool,
}

/// A new account.
#[derive(Debug, Deserialize)]
pub(in crate::transport) struct Register {
    nickname: String,
    password: Password,
    invite: Option<String>,
    display_name: Option<String>,
    #[serde(default)]
    pub(in crate::transport) cookie: bool,
}

impl Register {
    pub(in crate::transport) fn verb(self) -> chat::Register {
        chat::Register(Registering {
            nickname: Some(self.nickname),
            password: self.password,
            invite: self.invite,
            display_name: self.display_name,
        })
    }
}

#[derive(Debug, Deserialize)]
pub(in crate::transport) struct Login {
    nickname: String,
    password: Password,
    #[serde(default)]
    pub(in crate::transport) cookie: bool,
}

impl Login {
    pub(in crate::transport) fn verb(self) -> chat::Login {
        let (nickname, password) = (self.nickname, self.password);
        chat::Login { nickname, password }
    }
}

#[derive(Debug, Deserialize)]
pub(in crate::transport) struct Line {
    pub(in crate::transport) session_id: Option<String>,
    pub(in crate::transport) command: String,
}

#[derive(Debug, Deserialize)]
pub(in crate::transport) struct Post {
    pub(in crate::transport) session_id: Option<String>,
    pub(in crate::transport) room: String,
    pub(in crate::transport) content: String,
    pub(in crate::transport) nonce: Option<String>,
    pub(in crate::transport) thread: Option<Seq>,
    pub(in crate::transport) reply_to: Option<Seq>,
    pub(in crate::transport) kind: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(in crate::transport) struct Disconnect {
    pub(in crate::transport) session_id: Option<String>,
}

/// A frame from a WebSocket client. `ref` is the client's own, given back in the reply.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(in crate::transport) enum Frame {
    Connect {
        nickname: Option<String>,
        session_id: Option<String>,
        token: Option<String>,
        #[serde(default)]
        rooms: std::collections::BTreeMap<String, Seq>,
        epoch: Option<String>,
        #[serde(default, rename = "ref")]
        reference: Option<Value>,
    },
    Command {
        command: String,
        #[serde(default, rename = "ref")]
        reference: Option<Value>,
    },
    Message {
        room: String,
        content: String,
        nonce: Option<String>,
        thread: Option<Seq>,
        reply_to: Option<Seq>,
        kind: Option<String>,
        #[serde(default, rename = "ref")]
        reference: Option<Value>,
    },
    /// Begin a session of a new account.
    Register {
        #[serde(flatten)]
        new: Register,
        #[serde(default, rename = "ref")]
        reference: Option<Value>,
    },
    /// Begin a session of an account.
    Login {
        #[serde(flatten)]
        account: Login,
        #[serde(default, rename = "ref")]
        reference: Option<Value>,
    },
    /// Any other, to be read as [`Asking`]: messages are not read for what they are not.
    #[serde(other)]
    Other,
}

/// A frame that asks for what an HTTP request asks for, too.
#[derive(Debug, Deserialize)]
pub(in crate::transport) struct Asking {
    #[serde(default, rename = "ref")]
    pub(in crate::transport) reference: Option<Value>,
    #[serde(flatten)]
    pub(in crate::transport) request: Request,
}

/// An error frame's or problem's fields.
#[derive(Debug, Serialize)]
pub(in crate::transport) struct ErrorFrame<'a> {
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub(in crate::transport) reference: Option<&'a Value>,
    pub(in crate::transport) code: &'a str,
    pub(in crate::transport) detail: &'a str,
    /// Seconds after which it may be worth trying again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::transport) retry_after: Option<u64>,
}

impl<'a> ErrorFrame<'a> {
    pub(in crate::transport) fn of(refusal: &'a Refusal, reference: Option<&'a Value>) -> Self {
        Self {
            reference,
            code: refusal.code.as_str(),
            detail: &refusal.detail,
            retry_after: refusal.retry_seconds(),
        }
    }

    /// Says that a frame is none of this protocol.
    pub(in crate::transport) fn bad(detail: &'a str, reference: Option<&'a Value>) -> Self {
        Self {
            reference,
            code: "bad_frame",
            detail,
            retry_after: None,
        }
    }
}

/// What the answer to a frame has to give back, also of one that is none of this protocol.
pub(in crate::transport) fn reference(text: &str) -> Option<Value> {
    let mut fields: Map<String, Value> = serde_json::from_str(text).ok()?;
    fields.remove("ref").filter(|given| !given.is_null())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::codec::message;
    use proptest::prelude::*;

    fn encoded(write: fn(&Item, &mut Vec<u8>), content: &str) -> String {
        let mut out = Vec::new();
        write(&message(content), &mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn a_message_is_the_object_of_the_interface() {
        assert_eq!(
            encoded(event, "hi"),
            "event: message\nid: 7\ndata: {\"id\":42,\"seq\":7,\"room\":\"general\",\
             \"user\":\"alice\",\"content\":\"hi\",\"created_at\":\"1970-01-01T00:00:00.000Z\",\"number\":7}\n\n"
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
            let _ = serde_json::from_str::<Asking>(&text);
        }

        #[test]
        fn nearly_right_frames_are_refused_or_read(
            kind in "connect|command|message|login|x", room in ".{0,5}", reference in any::<i64>(),
        ) {
            let frame = serde_json::json!({ "type": kind, "room": room, "ref": reference });
            let read = serde_json::from_value::<Frame>(frame);
            prop_assert_eq!(read.is_ok(), kind == "connect" || kind == "x");
        }
    }
}
