//! What came of a command, as JSON for programs.
use std::ops::Range;

use serde_json::{Value, json};

use crate::chat::{
    Audited, Counted, Found, History, Hit, Interest, Listed, Made, Me, Member, Messages, MyRoom,
    MyToken, Online, Outcome, Pins, Receipt, RoomAs, RoomSummary, Seer, Session, SessionOf, Thread,
    Threads,
};
use crate::model::{MessageId, Nickname, Role, RoomName, Seq, format_time};
use crate::transport::codec::words::title;

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
        Outcome::TokenMade(made) => Some(token_made(made)),
        Outcome::Tokens(tokens) => Some(self::tokens(tokens)),
        Outcome::Me(me) => Some(self::me(me)),
        Outcome::Seen(seen) => Some(self::seen(seen)),
        Outcome::Pins(pins) => Some(self::pins(pins)),
        Outcome::Found(found) => Some(self::found(found)),
        Outcome::Mentioned { messages, next } => Some(with_number(
            json!({ "messages": messages }),
            next.map(MessageId::get),
        )),
        Outcome::RoomMuted { room, muted } => {
            Some(json!({ "room": room.as_str(), "muted": muted }))
        }
        Outcome::Unread(rooms) => Some(json!({ "rooms": my_rooms(rooms) })),
        Outcome::Direct {
            room,
            title,
            receipt,
        } => Some(direct(room, title, receipt.as_ref())),
        Outcome::Left(room) => Some(json!({ "room": room.shown().as_str() })),
        Outcome::History(history) => self::history(history),
        Outcome::Members(members) => Some(self::members(members)),
        Outcome::Audited(lines) => Some(audit(lines)),
        Outcome::Message(entry) => serde_json::to_value(entry).ok(),
        Outcome::Changed {
            room,
            target,
            receipt,
            ..
        } => Some(json!({
            "room": room.as_str(), "target": target, "seq": receipt.seq,
            "created_at": format_time(receipt.created_at),
        })),
        Outcome::InviteMade { code, url } => Some(json!({ "code": code, "url": url })),
        Outcome::RoomSet { room, now, .. } => Some(room_as(room, now)),
        Outcome::RoomDeleted(room) => Some(json!({ "room": room.as_str() })),
        Outcome::Invited { nickname, room } | Outcome::Kicked { nickname, room } => {
            Some(in_room(room, nickname))
        }
        Outcome::Restricted {
            nickname,
            room,
            until,
            ..
        } => {
            let mut data = in_room(room, nickname);
            data["until"] = until.map(format_time).into();
            Some(data)
        }
        Outcome::Lifted { nickname, room, .. } => Some(in_room(room, nickname)),
        Outcome::RoleGiven {
            nickname,
            role,
            room,
        } => {
            let mut data = in_room(room, nickname);
            data["role"] = role.as_str().into();
            Some(data)
        }
        other => of_threads(other),
    }
}

fn of_threads(outcome: &Outcome) -> Option<Value> {
    match outcome {
        Outcome::Threads(found) => Some(threads(found)),
        Outcome::Thread {
            room,
            thread,
            replies,
            more,
            true_at,
        } => Some(json!({
            "room": room.as_str(), "thread": self::thread(thread),
            "messages": replies, "has_more": more, "true_at": true_at,
        })),
        Outcome::Stands {
            room,
            root,
            interest,
        } => {
            let mut stands = json!({ "room": room.as_str(), "root": root });
            add_interest(&mut stands, *interest);
            Some(stands)
        }
        _ => None,
    }
}

/// The identity of a client, with the secret that resumes its session; a client with a token shows that.
pub(in crate::transport) fn connected(session: &Session) -> Value {
    let mut connected = json!({
        "user_id": session.user().map(|user| user.id),
        "nickname": session.nickname().as_str(),
        "role": session.role().as_str(),
    });
    if let Some(id) = session.id() {
        connected["session_id"] = id.secret().into();
    }
    connected
}

fn users(users: &Counted<Online>) -> Value {
    let user = |user: &Online| {
        let mut shown = json!({
            "nickname": user.nickname, "rooms": user.rooms,
            "transport": user.transport, "instance": user.instance,
        });
        if let Some(name) = &user.display_name {
            shown["display_name"] = name.as_str().into();
        }
        shown
    };
    let list: Vec<_> = users.list.items.iter().map(user).collect();
    with_next(json!({ "users": list }), &users.list.next)
}

fn rooms(rooms: &Counted<RoomSummary>) -> Value {
    let room = |room: &RoomSummary| {
        json!({
            "name": room.name.as_str(), "kind": room.kind.as_str(), "topic": room.topic,
            "members": room.members, "online": room.online, "last_seq": room.last_seq,
            "last_number": room.last_number,
        })
    };
    let list: Vec<_> = rooms.list.items.iter().map(room).collect();
    with_next(json!({ "rooms": list }), &rooms.list.next)
}

fn token_made(made: &Made) -> Value {
    json!({
        "id": made.id, "token": made.token.secret(),
        "expires_at": made.expires_at.map(format_time),
    })
}

fn tokens(tokens: &[MyToken]) -> Value {
    let names = |rooms: &Vec<RoomName>| -> Vec<String> {
        rooms.iter().map(|room| room.as_str().to_owned()).collect()
    };
    let shown = |of: &MyToken| {
        let token = &of.token;
        json!({
            "id": token.id, "name": token.name,
            "scopes": token.scopes.split(' ').collect::<Vec<_>>(),
            "rooms": of.rooms.as_ref().map(names), "created_at": format_time(token.created_at),
            "expires_at": token.expires_at.map(format_time),
            "last_used_at": token.last_used_at.map(format_time),
        })
    };
    let list: Vec<_> = tokens.iter().map(shown).collect();
    json!({ "tokens": list })
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

fn my_rooms(rooms: &[MyRoom]) -> Vec<Value> {
    let room = |room: &MyRoom| {
        json!({
            "name": room.name.as_str(), "kind": room.kind.as_str(), "role": room.role.as_str(),
            "topic": room.topic, "title": room.title, "last_seq": room.last_seq,
            "last_number": room.tally.last_number, "read_number": room.tally.read_number,
            "unread": room.tally.unread, "mentions": room.tally.mentions,
            "muted": room.tally.muted,
        })
    };
    rooms.iter().map(room).collect()
}

fn threads(found: &Threads) -> Value {
    let list: Vec<_> = found.threads.iter().map(thread).collect();
    let mut page = json!({ "room": found.room.as_str(), "threads": list });
    if let Some(next) = found.next {
        page["next"] = json!(next);
    }
    page
}

fn thread(thread: &Thread) -> Value {
    let mut value = json!({
        "root": thread.root, "title": title(thread), "replies": thread.replies,
        "unread": thread.unread, "last_seq": thread.last_seq,
        "last_at": format_time(thread.last_at), "people": thread.people,
        "root_message": thread.message,
    });
    add_interest(&mut value, thread.interest);
    value
}

fn add_interest(thread: &mut Value, interest: Interest) {
    thread["following"] = (interest == Interest::Follows).into();
    thread["muted"] = (interest == Interest::Muted).into();
}

fn seen(seen: &Counted<Seer>) -> Value {
    let user = |seer: &Seer| {
        let mut user = json!({ "nickname": seer.nickname });
        if let Some(name) = &seer.display_name {
            user["display_name"] = name.as_str().into();
        }
        user
    };
    let users: Vec<_> = seen.list.items.iter().map(user).collect();
    json!({ "users": users, "count": seen.total })
}

fn me(me: &Me) -> Value {
    json!({
        "user_id": me.user.map(|user| user.id), "nickname": me.nickname.as_str(),
        "display_name": me.display_name, "role": me.role.as_str(),
        "guest": me.role <= Role::Guest, "rooms": my_rooms(&me.rooms),
    })
}

fn with_next(mut list: Value, next: &Option<String>) -> Value {
    if let Some(next) = next {
        list["next"] = next.as_str().into();
    }
    list
}

fn with_number(mut list: Value, next: Option<i64>) -> Value {
    if let Some(next) = next {
        list["next"] = next.into();
    }
    list
}

fn pins(pins: &Pins) -> Value {
    let page = json!({
        "room": pins.room.as_str(), "messages": pins.messages, "true_at": pins.true_at,
    });
    with_number(page, pins.next.map(Seq::get))
}

fn found(found: &Found) -> Value {
    let hit = |hit: &Hit| {
        let text = hit.entry.text();
        let ranges: Vec<[usize; 2]> = chars(text, &hit.ranges).collect();
        json!({ "message": hit.entry, "room": hit.room.shown().as_str(), "ranges": ranges })
    };
    let hits: Vec<_> = found.hits.iter().map(hit).collect();
    let next = found.next.map(|next| next.to_string());
    with_next(json!({ "hits": hits, "complete": found.complete }), &next)
}

/// Ranges of bytes, in order and apart, as ranges of characters (code points).
fn chars<'a>(text: &'a str, ranges: &'a [Range<usize>]) -> impl Iterator<Item = [usize; 2]> + 'a {
    let (mut byte, mut count) = (0, 0);
    ranges.iter().map(move |range| {
        let mut up_to = |end: usize| {
            let part = text.get(byte..end).unwrap_or_default();
            count += part.chars().count();
            byte = end;
            count
        };
        [up_to(range.start), up_to(range.end)]
    })
}

fn history(history: &History) -> Option<Value> {
    let Messages::All(messages) = &history.messages else {
        return None;
    };
    let has_more = history.span.as_ref().is_some_and(|span| span.more);
    let mut page =
        json!({ "room": history.room.as_str(), "messages": messages, "has_more": has_more });
    page["true_at"] = history.true_at.get().into();
    if let Some(epoch) = &history.epoch {
        page["epoch"] = epoch.as_str().into();
    }
    Some(page)
}

fn in_room(room: &RoomName, nickname: &Nickname) -> Value {
    json!({ "room": room.as_str(), "nickname": nickname.as_str() })
}

fn room_as(room: &RoomName, now: &RoomAs) -> Value {
    let allow = now.allow.to_json();
    let allow = allow.and_then(|json| serde_json::from_str(&json).ok());
    json!({
        "name": room.as_str(), "kind": now.kind.as_str(), "topic": now.topic, "slow": now.slow,
        "allow": allow.unwrap_or_else(|| json!({})), "seen": now.seen,
    })
}

fn members(members: &Listed<Member>) -> Value {
    let member = |member: &Member| {
        json!({
            "nickname": member.nickname, "display_name": member.display_name,
            "role": member.role().as_str(), "guest": !member.has_account,
            "joined_at": format_time(member.joined_at),
        })
    };
    let list: Vec<_> = members.items.iter().map(member).collect();
    with_next(json!({ "members": list }), &members.next)
}

fn audit(lines: &Listed<Audited>) -> Value {
    let line = |line: &Audited| {
        json!({
            "id": line.id, "at": format_time(line.at), "actor": line.actor, "action": line.action,
            "target": line.target, "room": line.room, "why": line.why, "detail": line.detail,
        })
    };
    let list: Vec<_> = lines.items.iter().map(line).collect();
    with_next(json!({ "audit": list }), &lines.next)
}

fn direct(room: &RoomName, title: &str, receipt: Option<&Receipt>) -> Value {
    let mut direct = json!({ "room": room.as_str(), "title": title });
    if let Some(receipt) = receipt {
        direct["message_id"] = json!(receipt.id);
        direct["seq"] = json!(receipt.seq);
    }
    direct
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_counted_in_characters() {
        let text = "é設定 x 😀y";
        let byte = |part: &str| text.find(part).expect("it is there");
        let ranges = [byte("設")..byte(" x"), byte("😀")..byte("y")];
        let found: Vec<[usize; 2]> = chars(text, &ranges).collect();
        assert_eq!(found, [[1, 3], [6, 7]]);
        assert_eq!(chars("", &[]).count(), 0);
    }
}
