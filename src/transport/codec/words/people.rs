//! What clients are told of themselves.
use super::until_when;
use crate::chat::{
    Action, Audited, ChatError, MOST_TOKENS, Me, MyRoom, NotVouched, Outcome, SessionOf,
};
use crate::model::{RoomName, format_time};

pub(super) fn sessions(sessions: &[SessionOf], current: &str) -> String {
    let mut text = super::counted(sessions.len(), "session");
    for session in sessions {
        let this = if session.key == current {
            ", this one"
        } else {
            ""
        };
        let state = if session.online { "online" } else { "away" };
        let from = session.address.as_deref().unwrap_or("unknown address");
        text.push_str(&format!(
            "\n{}: {} from {from}, {state}, last used {}{this}",
            session.key,
            session.transport,
            format_time(session.last_used_at)
        ));
    }
    text
}

pub(super) fn me(me: &Me) -> String {
    let rooms: Vec<String> = me.rooms.iter().map(|room| room.name.to_string()).collect();
    let rooms = if rooms.is_empty() {
        "in no room".to_owned()
    } else {
        format!("in {}", rooms.join(", "))
    };
    format!("you are {} ({}), {rooms}", me.nickname, me.role.as_str())
}

pub(super) fn room_set(room: &RoomName, topic: Option<&str>, slow: Option<u32>) -> String {
    match (topic, slow) {
        (Some(""), _) => format!("{room} has no topic any more"),
        (Some(topic), _) => format!("the topic of {room} is: {topic}"),
        (None, Some(0)) => format!("{room} is not slow any more"),
        (None, Some(slow)) => format!("{room} takes one message of each person in {slow} s"),
        (None, None) => format!("{room} has changed"),
    }
}

/// What came of a command about people in rooms.
pub(super) fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Invited { nickname, room } => format!("{nickname} may join {room} now"),
        Outcome::Kicked { nickname, room } => format!("{nickname} was removed from {room}"),
        Outcome::Restricted {
            kind,
            nickname,
            room,
            until,
        } => format!(
            "{nickname} is {} in {room}{}",
            kind.participle(),
            until_when(*until)
        ),
        Outcome::Lifted {
            kind,
            nickname,
            room,
        } => format!("{nickname} is not {} in {room} any more", kind.participle()),
        Outcome::RoleGiven {
            nickname,
            role,
            room,
        } => format!("{nickname} is {} in {room} now", role.as_str()),
        Outcome::Direct { room, receipt, .. } => match receipt {
            Some(_) => format!("said in {room}"),
            None => format!("{room} is open"),
        },
        Outcome::RoomDeleted(room) => format!("{room} was deleted"),
        Outcome::RoomSet {
            room, topic, slow, ..
        } => room_set(room, topic.as_deref(), *slow),
        Outcome::Members(members) => {
            let mut text = super::counted(members.items.len(), "member");
            for member in &members.items {
                text.push_str(&format!(
                    "\n{} ({})",
                    member.nickname,
                    member.role().as_str()
                ));
            }
            text
        }
        Outcome::Audited(lines) => {
            let mut text = super::counted(lines.items.len(), "line");
            for line in &lines.items {
                text.push_str(&format!("\n{}", audited(line)));
            }
            text
        }
        Outcome::Unread(rooms) => unread(rooms),
        Outcome::Read(read) => match read.as_slice() {
            [read] => {
                let of = read.thread.map(|root| format!("thread #{root} of "));
                let (of, room) = (of.unwrap_or_default(), read.room.shown());
                format!("{of}{room} is read up to message {}", read.seq)
            }
            read => format!("{} are written", super::counted(read.len(), "mark")),
        },
        Outcome::RoomMuted { room, muted: true } => {
            format!("{room} calls you no more, but for mentions")
        }
        Outcome::RoomMuted { room, .. } => format!("{room} calls you again"),
        Outcome::Typing(room) => format!("{room} is told"),
        Outcome::Seen(seen) => {
            let names = seen
                .list
                .items
                .iter()
                .map(|seer| format!("\n{}", seer.nickname));
            let names: String = names.collect();
            format!("{} read it{names}", super::counted(seen.total, "reader"))
        }
        Outcome::InviteMade { code, .. } => format!("invite {code}"),
        _ => "done".to_owned(),
    }
}

fn unread(rooms: &[MyRoom]) -> String {
    if rooms.is_empty() {
        return "you have read everything".into();
    }
    let mut text = format!("{} to read", super::counted(rooms.len(), "room"));
    for room in rooms {
        let (name, tally) = (&room.name, &room.tally);
        text.push_str(&format!("\n{name}: {} unread", tally.unread));
        if tally.mentions > 0 {
            let mentions = usize::try_from(tally.mentions).unwrap_or(usize::MAX);
            text.push_str(&format!(", {}", super::counted(mentions, "mention")));
        }
    }
    text
}

fn audited(line: &Audited) -> String {
    let (at, actor, action) = (format_time(line.at), &line.actor, &line.action);
    let rest = [&line.target, &line.room, &line.why, &line.detail];
    let rest: Vec<&str> = rest.into_iter().flatten().map(String::as_str).collect();
    format!("{at} {actor} {action} {}", rest.join(", "))
}

/// An action, as a verb with its object.
fn doing(action: Action) -> &'static str {
    match action {
        Action::See => "see that room",
        Action::Thread => "reply in a thread",
        Action::CreateRoom => "create a room",
        Action::EditOwn => "edit your own messages",
        Action::DeleteOwn => "delete your own messages",
        Action::Pin => "pin messages",
        Action::Topic => "set the topic",
        Action::Slow => "set slow mode",
        Action::DeleteAny => "delete messages of other people",
        Action::ManageRoom => "change that room",
        Action::ManageRoles => "give roles",
        Action::ManageTokens => "make tokens for others",
        Action::Audit => "read the audit log",
        plain => plain.as_str(),
    }
}

/// Why something of people's was not done.
pub(super) fn refusal(error: &ChatError) -> String {
    match error {
        ChatError::NeedsAccount => {
            "that is for people with an account: /login NAME PASSWORD, or /register PASSWORD".into()
        }
        ChatError::Forbidden { action, least } => format!(
            "cannot {}: it takes the role {} here",
            doing(*action),
            least.as_str()
        ),
        ChatError::BeyondToken(action) => format!(
            "cannot {}: the token is not for it; make one with another scope or for all rooms",
            doing(*action)
        ),
        ChatError::NotByToken => {
            "cannot do that by a token: log in with the account's password".into()
        }
        ChatError::TooManyTokens => {
            format!("cannot make a token: an account has {MOST_TOKENS} at most; revoke one")
        }
        ChatError::NoSuchToken => "you have no such token; list them to see yours".into(),
        ChatError::NotInDirect(action) => format!("cannot {} in a direct room", doing(*action)),
        ChatError::AboveOwn(role) => format!(
            "cannot do that to the role {}: it is above your own",
            role.as_str()
        ),
        ChatError::Banned { room, until } => {
            format!("you are banned from '{room}'{}", until_when(*until))
        }
        ChatError::Muted { room, until } => {
            format!("you are muted in '{room}'{}", until_when(*until))
        }
        ChatError::NotShown(room) if room.as_str().starts_with('@') => {
            "cannot tell who has read it: direct rooms do not show that".into()
        }
        ChatError::NotShown(room) => {
            format!(
                "cannot tell who has read it: '{room}' does not show that; an admin turns it on"
            )
        }
        ChatError::NicknameOwned(name) => {
            format!("'{name}' is registered: /login {name} PASSWORD, or choose another nickname")
        }
        ChatError::NameIsForGood => "an account keeps its nickname; /logout first".into(),
        ChatError::WrongCredentials => "wrong name or password".into(),
        ChatError::PasswordsWait { after } => format!(
            "too many log in at the moment; try again in {} s",
            after.as_secs()
        ),
        ChatError::BadPassword(why) | ChatError::BadDisplayName(why) => why.clone(),
        ChatError::BadInvite => {
            "registering takes an invite that is not used up: ask an admin for one".into()
        }
        ChatError::RegistrationClosed => {
            "registration is closed here: an operator makes accounts".into()
        }
        ChatError::ClearText => {
            "a password would be readable on its way: use TLS, or connect from \
             this machine (access.plaintext_login allows it)"
                .into()
        }
        ChatError::NoSuchUser(name) => format!("there is no account '{name}'"),
        ChatError::NoSuchSession => "you have no such session; list them to see yours".into(),
        ChatError::NoSuchWorkspace(name) => {
            format!("there is no workspace '{}'", name.escape_debug())
        }
        ChatError::BadRequest(why) => why.clone(),
        ChatError::BadQuery(why) => why.to_string(),
        ChatError::SearchDisabled => "search is turned off on this server".into(),
        ChatError::SearchBusy => "too many search at the moment; try again in a moment".into(),
        ChatError::NotVouched(why) => not_vouched(why).into(),
        other => other.code().as_str().replace('_', " "),
    }
}

/// What is told of a token of another server: nothing that helps to make one.
fn not_vouched(why: &NotVouched) -> &'static str {
    match why {
        NotVouched::NoVoucher => "tokens of other servers are not taken here",
        NotVouched::NoSignIn => "no identity provider is set up here: log in with a password",
        NotVouched::NotBegun => {
            "signing in took too long, or was begun in another browser; begin again"
        }
        NotVouched::Denied => "the identity provider did not let you sign in; begin again",
        NotVouched::Token => "this token is not taken here",
        NotVouched::Expired => "this token has expired; get another",
        NotVouched::Unavailable { .. } => {
            "the server that vouches for you does not answer; try again later"
        }
        NotVouched::NoAccount => "you have no account here; ask an operator for one",
    }
}
