//! The JSON forms: what HTTP and WebSocket take, and what they show.
use serde::{Deserialize, Serialize};

use serde_json::{Value, json};

use super::{Refusal, words};
use crate::chat::{
    Counted, End, Entry, History, Me, Messages, MyRoom, Online, Outcome, Receipt, RoomSummary,
    Session, SessionOf,
};
use crate::model::{Epoch, Role, RoomName, Seq, format_time};

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
        Entry::Reset {
            room,
            epoch,
            last_seq,
        } => {
            out.extend_from_slice(b"event: reset\ndata: ");
            write(&Reset::new(room, epoch, *last_seq), out);
        }
        Entry::End { room, why } => {
            out.extend_from_slice(b"event: end\ndata: ");
            write(&Ended::new(room, *why), out);
        }
    }
    out.extend_from_slice(b"\n\n");
}

/// What is said beside all rooms, as a Server-Sent Event.
pub(in crate::transport) fn system_event(text: &str) -> Vec<u8> {
    let mut out = b"event: system\ndata: ".to_vec();
    write(&System { room: None, text }, &mut out);
    out.extend_from_slice(b"\n\n");
    out
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
        Entry::Reset {
            room,
            epoch,
            last_seq,
        } => {
            let (kind, of) = ("reset", &Reset::new(room, epoch, *last_seq));
            write(&Typed { kind, of }, out);
        }
        Entry::End { room, why } => {
            let (kind, of) = ("end", &Ended::new(room, *why));
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

#[derive(Serialize)]
struct Reset<'a> {
    room: &'a str,
    epoch: &'a Epoch,
    last_seq: Seq,
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

fn write(value: &impl Serialize, out: &mut Vec<u8>) {
    // Strings and numbers into memory: there is nothing that could fail.
    let _ = serde_json::to_writer(out, value);
}

/// The answer to a command: in words, and with what programs want to know.
pub(in crate::transport) fn reply(outcome: &Outcome, reference: Option<Value>) -> Value {
    let mut answer = json!({ "success": true, "message": words::outcome(outcome) });
    if let Some(reference) = reference {
        answer["ref"] = reference;
    }
    if let Some(data) = data(outcome) {
        answer["data"] = data;
    }
    answer
}

/// What came of a command, for programs.
pub(in crate::transport) fn data(outcome: &Outcome) -> Option<Value> {
    match outcome {
        Outcome::Renamed { nickname, user } => {
            Some(json!({ "nickname": nickname.as_str(), "user_id": user.map(|user| user.id) }))
        }
        Outcome::Users(users) => Some(self::users(users)),
        Outcome::Rooms(rooms) => Some(self::rooms(rooms)),
        Outcome::Joined(joined) => {
            Some(json!({ "room": joined.room.shown().as_str(), "last_seq": joined.last_seq }))
        }
        Outcome::LoggedIn { nickname, role } => {
            Some(json!({ "nickname": nickname.as_str(), "role": role.as_str() }))
        }
        Outcome::LoggedOut { nickname, .. } => Some(json!({ "nickname": nickname.as_str() })),
        Outcome::Sessions { sessions, current } => Some(self::sessions(sessions, current)),
        Outcome::Me(me) => Some(self::me(me)),
        Outcome::Direct {
            room,
            title,
            receipt,
        } => Some(direct(room, title, receipt.as_ref())),
        Outcome::Left(room) => Some(json!({ "room": room.shown().as_str() })),
        Outcome::History(history) => self::history(history),
        _ => None,
    }
}

/// Who a client is from now on, with the secret that it comes back by; one with a token shows that.
pub(in crate::transport) fn connected(session: &Session) -> Value {
    let mut connected = json!({
        "user_id": session.user().map(|user| user.id),
        "nickname": session.nickname().as_str(),
        "role": session.account().map_or(Role::Guest, |of| of.role.unwrap_or(Role::Member)).as_str(),
    });
    if let Some(id) = session.id() {
        connected["session_id"] = id.secret().into();
    }
    connected
}

fn direct(room: &RoomName, title: &str, receipt: Option<&Receipt>) -> Value {
    let mut direct = json!({ "room": room.as_str(), "title": title });
    if let Some(receipt) = receipt {
        direct["message_id"] = json!(receipt.id);
        direct["seq"] = json!(receipt.seq);
    }
    direct
}

fn users(users: &Counted<Online>) -> Value {
    let user = |user: &Online| {
        json!({
            "nickname": user.nickname, "rooms": user.rooms,
            "transport": user.transport, "instance": user.instance,
        })
    };
    let list: Vec<_> = users.list.items.iter().map(user).collect();
    with_next(json!({ "users": list }), &users.list.next)
}

fn rooms(rooms: &Counted<RoomSummary>) -> Value {
    let room = |room: &RoomSummary| {
        json!({
            "name": room.name.as_str(), "kind": room.kind.as_str(), "topic": room.topic,
            "members": room.members, "online": room.online, "last_seq": room.last_seq,
        })
    };
    let list: Vec<_> = rooms.list.items.iter().map(room).collect();
    with_next(json!({ "rooms": list }), &rooms.list.next)
}

fn sessions(sessions: &[SessionOf], current: &str) -> Value {
    let session = |session: &SessionOf| {
        json!({
            "id": session.key, "transport": session.transport, "online": session.online,
            "address": session.address, "created_at": format_time(session.created_at),
            "last_used_at": format_time(session.last_used_at), "current": session.key == current,
        })
    };
    let list: Vec<_> = sessions.iter().map(session).collect();
    json!({ "sessions": list })
}

fn me(me: &Me) -> Value {
    let room = |room: &MyRoom| {
        json!({
            "name": room.name.as_str(), "kind": room.kind.as_str(), "role": room.role.as_str(),
            "topic": room.topic, "title": room.title, "last_seq": room.last_seq,
        })
    };
    let rooms: Vec<_> = me.rooms.iter().map(room).collect();
    json!({
        "user_id": me.user.map(|user| user.id), "nickname": me.nickname.as_str(),
        "display_name": me.display_name, "role": me.role.as_str(),
        "guest": me.role <= Role::Guest, "rooms": rooms,
    })
}

fn with_next(mut list: Value, next: &Option<String>) -> Value {
    if let Some(next) = next {
        list["next"] = next.as_str().into();
    }
    list
}

fn history(history: &History) -> Option<Value> {
    let Messages::All(messages) = &history.messages else {
        return None;
    };
    let has_more = history.span.as_ref().is_some_and(|span| span.more);
    let mut page =
        json!({ "room": history.room.as_str(), "messages": messages, "has_more": has_more });
    if let Some(epoch) = &history.epoch {
        page["epoch"] = epoch.as_str().into();
    }
    Some(page)
}

/// What a client may ask for in its body or frame, where the type alone does not say it.
#[derive(Debug, Deserialize)]
pub(in crate::transport) struct Connect {
    pub(in crate::transport) nickname: String,
    /// Whether a browser is to keep the session.
    #[serde(default)]
    pub(in crate::transport) cookie: bool,
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
        #[serde(default, rename = "ref")]
        reference: Option<Value>,
    },
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::codec::message;
    use proptest::prelude::*;

    fn encoded(write: fn(&Entry, &mut Vec<u8>), content: &str) -> String {
        let mut out = Vec::new();
        write(&message(content), &mut out);
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
