//! The sentences that clients are shown, the same over every transport.
mod found;
mod lists;
mod people;
mod threads;

pub(in crate::transport) use threads::title;

use super::slash;
use crate::chat::{
    Alert, Changed, ChatError, Counted, End, Giving, History, Limited, MOST_EMOJI, MOST_ROOMS,
    Online, Outcome, RoomSummary, Showing, Trouble, Unreadable,
};
use chrono::{DateTime, Datelike, Utc};

use crate::model::{Entry, Event, Notice, RoomName, Seq, format_time};

/// The last word to a connection that an operator ends.
pub(in crate::transport) const CLOSED: &str = "an operator closed this connection";
/// The last word to a connection that was opened by a token.
pub(in crate::transport) const EXPIRED: &str = "the token of this connection has expired";
/// What stands in the place of a message that was deleted.
pub(super) const DELETED: &str = "(deleted)";
/// The last word to a connection while the server stops.
pub(in crate::transport) const RESTARTING: &str =
    "the server is restarting; connect again in a moment";

/// Why something was not done, and what to do.
pub(super) fn error(error: &ChatError) -> String {
    match error {
        ChatError::BadName(error) => error.to_string(),
        ChatError::NicknameTaken(name) => {
            format!("somebody online is called '{name}'; choose another nickname")
        }
        ChatError::NoGuestName => "no guest name is free; give a nickname".into(),
        ChatError::NoSuchRoom(name) => no_such_room(name),
        ChatError::RoomGone => "the room is gone".into(),
        ChatError::NotInDatabase => {
            "cannot change that message: it is in the archive by now".into()
        }
        ChatError::NotOwn => "cannot edit that message: another person said it".into(),
        ChatError::TooManyReactions => {
            format!("cannot react: a message has {MOST_EMOJI} emoji at most; choose one of them")
        }
        ChatError::NoSuchMessage => "there is no such message here, or it was deleted".into(),
        ChatError::RoomExists(name) => format!("there is a room '{name}' already; /join {name}"),
        ChatError::InNoRoom => "you are in no room; /join one".into(),
        ChatError::NotIn(name) => format!("you are not in '{}'", name.as_str().escape_debug()),
        ChatError::InTooManyRooms => format!("you are in {MOST_ROOMS} rooms; /leave one first"),
        ChatError::RoomsFull { room, all } => format!(
            "cannot create '{room}': there are {all} rooms, as many as there may be (limits.rooms); join one"
        ),
        ChatError::RoomsToday { room, today } => format!(
            "cannot create '{room}': you have created {today} rooms in 24 hours, as many as you may"
        ),
        ChatError::HasSession => "this connection has a session already".into(),
        ChatError::NotConnected => "send a connect frame first".into(),
        ChatError::UnknownSession => "no such session, or it has expired; connect again".into(),
        ChatError::Content(error) => error.to_string(),
        ChatError::BadNonce { most } => format!("a nonce is 1 to {most} bytes of text"),
        ChatError::RateLimited { what, after } => {
            format!(
                "too many {}; try again in {} s",
                limited(*what),
                after.as_secs()
            )
        }
        ChatError::SessionsFull { most } => {
            format!("cannot begin a session: there are {most}; try again in a minute")
        }
        ChatError::QueueFull => "busy, try again in a moment".into(),
        ChatError::Database(trouble) => database(*trouble).into(),
        ChatError::Archive(why) => unreadable(*why).into(),
        ChatError::NotEntered => "database unavailable: you are not known to it yet".into(),
        ChatError::Stopping => RESTARTING.into(),
        ChatError::Internal(cause) => cause.clone(),
        other => people::refusal(other),
    }
}

pub(super) fn no_such_room(name: &RoomName) -> String {
    if name.as_str().starts_with('@') {
        return format!("there is no room '{name}'; /msg speaks to people with an account");
    }
    format!("there is no room '{name}'; /rooms lists them, /create {name} makes it")
}

/// The end of a sentence, where an end is known.
fn until_when(until: Option<DateTime<Utc>>) -> String {
    match until {
        Some(until) if until.year() < 9999 => format!(" until {}", format_time(until)),
        _ => String::new(),
    }
}

/// What is read of a room is over.
pub(super) fn end(room: &RoomName, why: End) -> String {
    match why {
        End::NoSuchRoom => no_such_room(room),
        End::Forbidden => format!("you may not read {room} any more"),
        End::ExpiredToken => format!("the token has expired: you read {room} no more"),
    }
}

/// Why the past cannot be read on.
pub(super) fn unreadable(why: Unreadable) -> &'static str {
    match why {
        Unreadable::Busy => "the archive is read by too many at once",
        Unreadable::ArchiveUnreachable => {
            "the archive, which has older messages, cannot be reached"
        }
        Unreadable::ArchiveDamaged => {
            "older messages cannot be read: a document of the archive is damaged"
        }
    }
}

/// The same to a reader of a room.
pub(super) fn waits(room: &RoomName, why: Unreadable) -> String {
    format!("cannot read on in {room}: {}", unreadable(why))
}

fn limited(what: Limited) -> &'static str {
    match what {
        Limited::Requests => "requests",
        Limited::Messages => "messages",
        Limited::Sessions => "new sessions from your address",
        Limited::SlowMode => "messages for this room, which is slow",
        Limited::Logins => "failed logins",
    }
}

fn database(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::Busy => "the database is busy",
        Trouble::Gone => "the database's file was taken away or replaced under the server",
        Trouble::Damaged => "the database is damaged",
        Trouble::ReadOnly => "the database cannot be written to",
        Trouble::Full => "the database has no space left",
        Trouble::OutcomeUnknown => {
            "the database went away during the commit; try again with the same nonce"
        }
        Trouble::Unavailable => "database unavailable",
        Trouble::Refused => "the database refused; the server's log says more",
    }
}

/// What came of a command; may have several lines.
pub(in crate::transport) fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Help => slash::help(),
        Outcome::Showing(showing) => shows(*showing),
        Outcome::Goodbye => "goodbye".into(),
        Outcome::Renamed { nickname, .. } => format!("you are now {nickname}"),
        Outcome::Users(users) => who_is_online(users),
        Outcome::Rooms(rooms) => which_rooms(rooms),
        Outcome::Joined(joined) => format!("{} joined {}", joined.nickname, joined.room.shown()),
        Outcome::AlreadyIn(room) => format!(
            "you are in {} already; it is your current room now",
            room.shown()
        ),
        Outcome::Left(room) => format!("you left {}", room.shown()),
        Outcome::History(history) => what_is_shown(history),
        Outcome::LoggedIn { nickname, role } => {
            format!("you are logged in as {nickname} ({})", role.as_str())
        }
        Outcome::LoggedOut { nickname, .. } => format!("logged out; you are {nickname} now"),
        Outcome::PasswordChanged => "password changed; all your other sessions have ended".into(),
        Outcome::Sessions { sessions, current } => people::sessions(sessions, current),
        Outcome::SessionEnded => "the session has ended".into(),
        Outcome::TokenMade(_) => "the token is made; its secret is shown this once".into(),
        Outcome::Tokens(tokens) => counted(tokens.len(), "token"),
        Outcome::TokenRevoked => "the token is revoked".into(),
        Outcome::Me(me) => people::me(me),
        Outcome::Message(entry) => shown(entry),
        Outcome::Mentioned { messages, next } => lists::mentions(messages, *next),
        Outcome::Pins(pins) => lists::pins(pins),
        Outcome::Found(found) => found::list(found),
        Outcome::Changed { what, target, .. } => changed(*what, *target),
        Outcome::Threads(found) => threads::list(found),
        Outcome::Thread {
            room,
            thread,
            replies,
            ..
        } => threads::one(room, thread, replies),
        Outcome::Stands { root, interest, .. } => threads::stands(*root, *interest),
        other => people::outcome(other),
    }
}

fn shows(showing: Showing) -> String {
    let all = [
        (showing.time, "the time"),
        (showing.seq, "the number of each message"),
        (showing.events, "what is done to messages"),
    ];
    let some: Vec<&str> = all.iter().filter(|of| of.0).map(|of| of.1).collect();
    match some.as_slice() {
        [] => "lines show what is said, and no more".into(),
        some => format!("lines show {}", some.join(", ")),
    }
}

fn shown(entry: &Entry) -> String {
    let text = match entry.text() {
        "" => DELETED,
        text => text,
    };
    format!("#{} {}: {text}", entry.seq, entry.user)
}

fn changed(what: Changed, target: Seq) -> String {
    let done = match what {
        Changed::Edited => "edited",
        Changed::Deleted => "deleted",
        Changed::Reacted(Giving::Given) => "reacted to",
        Changed::Reacted(Giving::TakenBack) => "took the reaction back from",
        Changed::Pinned(true) => "pinned",
        Changed::Pinned(false) => "unpinned",
        Changed::Answered => "answered",
    };
    format!("{done} #{target}")
}

fn who_is_online(users: &Counted<Online>) -> String {
    let mut text = format!("{} online", counted(users.total, "user"));
    text.push_str(&shown_of("/list", users));
    for user in &users.list.items {
        let rooms = if user.rooms.is_empty() {
            "in no room".to_owned()
        } else {
            format!("in {}", user.rooms.join(", "))
        };
        text.push_str(&format!(
            "\n{} {rooms} ({}, {})",
            user.nickname, user.transport, user.instance
        ));
    }
    text
}

fn which_rooms(rooms: &Counted<RoomSummary>) -> String {
    let mut text = if rooms.total == 0 && !rooms.filtered {
        "no rooms yet; /join general, or /create one".to_owned()
    } else {
        counted(rooms.total, "room")
    };
    text.push_str(&shown_of("/rooms", rooms));
    for room in &rooms.list.items {
        let members = counted(room.members as usize, "member");
        text.push_str(&format!(
            "\n{}: {members}, {} online",
            room.name, room.online
        ));
    }
    text
}

/// What is said of a list that is longer than what is shown of it.
fn shown_of<T>(command: &str, counted: &Counted<T>) -> String {
    let shown = counted.list.items.len();
    if shown >= counted.total {
        return String::new();
    }
    format!("; the first {shown} are shown, {command} <part of a name> shows those that have it")
}

fn what_is_shown(history: &History) -> String {
    let (name, limit) = (&history.room, history.limit);
    let Some(span) = &history.span else {
        return format!("{name}: no older messages");
    };
    let (first, last) = (span.first, span.last);
    let mut text = format!(
        "{name}: {}, {first} to {last}",
        counted(span.count, "message")
    );
    if span.more {
        text.push_str(&format!("; more with /history {limit} {first}"));
    }
    text
}

/// From when to when the messages were said that follow.
pub(in crate::transport) fn period(
    room: &RoomName,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> String {
    let (from, to) = (format_time(from), format_time(to));
    format!("{room}: what follows was said from {from} to {to}")
}

/// The plural of a counted thing, in English.
fn counted(count: usize, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

/// What a session alone is told.
pub(in crate::transport) fn alert(alert: &Alert) -> String {
    match alert {
        Alert::NicknameLost { before, now } => format!(
            "the nickname '{before}' was taken while this server was away: you are {now} now; \
             to change that, /nick <name>"
        ),
        Alert::RoomGone { room } => no_such_room(room),
    }
}

/// The topic that a room has by an entry.
pub(super) fn topic(entry: &Entry, topic: Option<&str>) -> String {
    let (room, by) = (&entry.room, &entry.user);
    match topic {
        Some(topic) => format!("{by} set the topic of {room}: {topic}"),
        None => format!("{by} took the topic of {room} away"),
    }
}

/// What was done to a message.
pub(super) fn event(event: &Event) -> String {
    match event {
        Event::Edited {
            target,
            content: Some(content),
        } => format!("edited #{target}: {content}"),
        Event::Edited { target, .. } => format!("edited #{target}"),
        Event::Deleted { target } => format!("deleted #{target}"),
        Event::Reacted { target, reactions } if reactions.is_empty() => {
            format!("took the reaction back from #{target}")
        }
        Event::Reacted { target, reactions } => {
            let each = reactions
                .iter()
                .map(|(emoji, of)| format!("{emoji} {}", of.count));
            let each: Vec<String> = each.collect();
            format!("reacted to #{target}: {}", each.join(" "))
        }
        Event::Pinned {
            target,
            pinned: true,
        } => format!("pinned #{target}"),
        Event::Pinned { target, .. } => format!("unpinned #{target}"),
        Event::Topic { .. } | Event::Void => String::new(),
    }
}

/// What happened in a room, beside its messages.
pub(super) fn notice(notice: &Notice) -> String {
    match notice {
        Notice::Joined { room, nickname } => format!("{nickname} joined {room}"),
        Notice::Left { room, nickname } => format!("{nickname} left {room}"),
        Notice::Renamed {
            nickname, before, ..
        } => format!("{before} is now {nickname}"),
        Notice::Removed { room, nickname, by } => {
            format!("{nickname} was removed from {room} by {by}")
        }
        Notice::Typing { room, nickname } => format!("{nickname} is writing in {room}"),
        Notice::Crowd {
            room,
            joined,
            left,
            renamed,
        } => {
            let all = [(joined, "joined"), (left, "left"), (renamed, "renamed")];
            let mut some = all.into_iter().filter(|(count, _)| **count > 0);
            let first = some.next().map(|(count, verb)| {
                let whom = if verb == "renamed" { " in" } else { "" };
                format!("{count} more {verb}{whom} {room}")
            });
            let rest: Vec<String> = some
                .map(|(count, verb)| format!("{count} {verb}"))
                .collect();
            let rest = match rest.as_slice() {
                [] => String::new(),
                [one] => format!(" and {one}"),
                [one, other, ..] => format!(", {one} and {other}"),
            };
            first.unwrap_or_default() + &rest
        }
    }
}

/// Messages that are not shown since they are not there, or whose reader named no position.
pub(super) fn gap(room: &RoomName, from: Option<Seq>, to: Seq) -> String {
    match from {
        Some(from) => format!("messages {from} to {to} of {room} are not stored here any more"),
        None => format!("{room} stands at message {to}; earlier ones: /history"),
    }
}

/// The past is another one than was shown.
pub(super) fn reset(room: &RoomName, last: Seq) -> String {
    format!(
        "the past of {room} has changed: what was shown after message {last} is not stored any more; \
         what is stored follows"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(joined: u64, left: u64, renamed: u64) -> String {
        let room = RoomName::stored("general");
        notice(&Notice::Crowd {
            room,
            joined,
            left,
            renamed,
        })
    }

    #[test]
    fn a_crowd_is_told_as_a_sum() {
        assert_eq!(crowd(12, 0, 0), "12 more joined general");
        assert_eq!(crowd(0, 3, 0), "3 more left general");
        assert_eq!(crowd(12, 3, 0), "12 more joined general and 3 left");
        assert_eq!(
            crowd(12, 3, 1),
            "12 more joined general, 3 left and 1 renamed"
        );
        assert_eq!(crowd(0, 0, 2), "2 more renamed in general");
    }
}
