//! The table of requests: what is asked for by a WebSocket frame of a name, and by the HTTP request
//! of that name alike. A frame has as its fields what an HTTP request has in its path, query and body.
mod lists;
mod thread;

use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use self::lists::{Mentions, PagedFrom, Pins, Search};
use self::thread::{InThread, ThreadsOf};
use super::Refusal;
use super::slash::order::duration;
use crate::chat::{
    Code, Command, Giving, Interest, Inviting, Length, Lifting, MakeToken, Restraint, Restricting,
    Settings, Stance, Target, Total,
};
use crate::model::{Password, Role, RoomKind, Seq};

/// Messages in one answer about the past where nothing is asked.
const PAGE: usize = 50;

/// A request, by the name of its frame.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(in crate::transport) enum Request {
    Me,
    Read { marks: Vec<Mark> },
    Seen(Mark),
    Typing { room: String },
    Password(Change),
    Sessions,
    EndSession { id: String },
    CreateToken(NewToken),
    Tokens { user: Option<String> },
    RevokeToken { id: Number },
    Rooms(List),
    Users(List),
    History(Past),
    CreateRoom(NewRoom),
    Room { room: String },
    ChangeRoom(Changes),
    DeleteRoom { room: String },
    Members(List),
    SetMember(Membership),
    RemoveMember(Membership),
    Ban(Imposing),
    Unban(Membership),
    Mute(Imposing),
    Unmute(Membership),
    Invite(Invite),
    Audit(List),
    Direct { nicknames: Vec<String> },
    GetMessage(Of),
    Edit(Edited),
    Delete(Of),
    React(Reacted),
    Unreact(Reacted),
    Pin(Of),
    Unpin(Of),
    Pins(Pins),
    Mentions(Mentions),
    Search(Search),
    MuteRoom { room: String },
    UnmuteRoom { room: String },
    Threads(ThreadsOf),
    Thread(InThread),
    FollowThread(Of),
    UnfollowThread(Of),
    MuteThread(Of),
    UnmuteThread(Of),
}

#[derive(Debug, Deserialize)]
pub(in crate::transport) struct Change {
    old: Password,
    new: Password,
}

/// How far a room was read.
#[derive(Debug, Deserialize)]
pub(in crate::transport) struct Mark {
    room: String,
    seq: Number,
    /// A message, whose thread was read and not the room.
    thread: Option<Number>,
}

#[derive(Debug, Deserialize)]
pub(in crate::transport) struct NewToken {
    name: String,
    scopes: Vec<String>,
    rooms: Option<Vec<String>>,
    /// A length of time, or a time.
    expires: Option<String>,
}

/// Which part of a list: of a room's, or of a workspace's.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::transport) struct List {
    room: String,
    workspace: Option<String>,
    filter: Option<String>,
    cursor: Option<String>,
    limit: Option<Number>,
}

#[derive(Debug, Deserialize)]
pub(in crate::transport) struct Past {
    room: String,
    #[serde(flatten)]
    from: PagedFrom,
    limit: Option<Number>,
}

#[derive(Debug, Deserialize)]
pub(in crate::transport) struct NewRoom {
    name: String,
    kind: Option<String>,
    topic: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(in crate::transport) struct Changes {
    room: String,
    topic: Option<String>,
    slow: Option<Number>,
    kind: Option<String>,
    allow: Option<Value>,
    seen: Option<bool>,
}

/// A message.
#[derive(Debug, Deserialize)]
pub(in crate::transport) struct Of {
    room: String,
    seq: Number,
}

#[derive(Debug, Deserialize)]
pub(in crate::transport) struct Edited {
    #[serde(flatten)]
    of: Of,
    content: String,
}

#[derive(Debug, Deserialize)]
pub(in crate::transport) struct Reacted {
    #[serde(flatten)]
    of: Of,
    emoji: String,
}

/// A person in a room.
#[derive(Debug, Deserialize)]
pub(in crate::transport) struct Membership {
    room: String,
    nickname: String,
    role: Option<String>,
    why: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(in crate::transport) struct Imposing {
    room: String,
    nickname: String,
    until: Option<String>,
    why: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(in crate::transport) struct Invite {
    room: Option<String>,
    role: Option<String>,
    uses: Option<Number>,
    expires: Option<String>,
}

/// A whole number, which a query has as a text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(in crate::transport) enum Number {
    Whole(u64),
    Text(String),
    Other(IgnoredAny),
}

/// A field that holds what it cannot.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{field}' is {wanted}")]
pub(in crate::transport) struct Wrong {
    field: &'static str,
    wanted: &'static str,
}

impl From<Wrong> for Refusal {
    fn from(wrong: Wrong) -> Self {
        Self::new(Code::BadRequest, wrong.to_string())
    }
}

impl Request {
    /// What it asks chat for.
    pub(in crate::transport) fn command(self) -> Result<Command, Wrong> {
        Ok(match self {
            Self::Me => Command::Me,
            Self::Read { marks } => thread::mark_read(marks)?,
            Self::Seen(Mark { room, seq, .. }) => Command::Seen {
                room: Target::Named(room),
                seq: whole("seq", Some(seq))?.unwrap_or_default(),
            },
            Self::Typing { room } => Command::Typing {
                room: Target::Named(room),
            },
            Self::Password(Change { old, new }) => Command::ChangePassword { old, new },
            Self::Sessions => Command::Sessions,
            Self::EndSession { id } => Command::EndSession { id },
            Self::CreateToken(new) => Command::MakeToken(MakeToken {
                length: new.expires.map_or(Ok(Length::Forever), length)?,
                name: new.name,
                scopes: new.scopes,
                rooms: new.rooms,
            }),
            Self::Tokens { user } => Command::Tokens { of: user },
            Self::RevokeToken { id } => Command::RevokeToken {
                id: whole("id", Some(id))?.unwrap_or_default(),
            },
            Self::Rooms(list) => Command::Rooms {
                page: list.page()?,
                total: Total::Unknown,
            },
            Self::Users(list) => Command::Users {
                page: list.page()?,
                total: Total::Unknown,
            },
            Self::History(past) => past.command()?,
            Self::CreateRoom(new) => Command::Create {
                kind: kind(new.kind)?.unwrap_or(RoomKind::Public),
                room: new.name,
                topic: new.topic,
            },
            Self::Room { room } => set(room, Settings::default()),
            Self::ChangeRoom(changes) => changes.command()?,
            Self::DeleteRoom { room } => Command::DeleteRoom {
                room: Target::Named(room),
            },
            Self::Members(mut list) => Command::Members {
                room: Target::Named(std::mem::take(&mut list.room)),
                page: list.page()?,
            },
            Self::SetMember(of) => of.set(),
            Self::RemoveMember(of) => Command::Remove {
                room: Target::Named(of.room),
                nickname: of.nickname,
                why: of.why,
            },
            Self::Ban(of) => of.command(Restraint::Ban)?,
            Self::Unban(of) => of.lift(Restraint::Ban),
            Self::Mute(of) => of.command(Restraint::Mute)?,
            Self::Unmute(of) => of.lift(Restraint::Mute),
            Self::Invite(invite) => invite.command()?,
            Self::Direct { nicknames } => direct(nicknames),
            Self::Audit(list) => list.audit()?,
            Self::GetMessage(of) => of.get()?,
            Self::Edit(edited) => edited.command()?,
            Self::Delete(of) => of.delete()?,
            Self::React(reacted) => reacted.command(Giving::Given)?,
            Self::Unreact(reacted) => reacted.command(Giving::TakenBack)?,
            Self::Pin(of) => of.pin(true)?,
            Self::Unpin(of) => of.pin(false)?,
            Self::Pins(pins) => pins.command()?,
            Self::Mentions(mentions) => mentions.command()?,
            Self::Search(search) => search.command()?,
            Self::MuteRoom { room } => mute(room, true),
            Self::UnmuteRoom { room } => mute(room, false),
            Self::Threads(threads) => threads.command()?,
            Self::Thread(thread) => thread.command()?,
            Self::FollowThread(of) => of.stand(Stance::Takes(Interest::Follows))?,
            Self::UnfollowThread(of) => of.stand(Stance::Leaves(Interest::Follows))?,
            Self::MuteThread(of) => of.stand(Stance::Takes(Interest::Muted))?,
            Self::UnmuteThread(of) => of.stand(Stance::Leaves(Interest::Muted))?,
        })
    }
}

impl Of {
    fn message(self) -> Result<(Target, Seq), Wrong> {
        let seq = whole("seq", Some(self.seq))?.unwrap_or_default();
        Ok((Target::Named(self.room), seq))
    }

    fn get(self) -> Result<Command, Wrong> {
        let (room, seq) = self.message()?;
        Ok(Command::Message { room, seq })
    }

    fn delete(self) -> Result<Command, Wrong> {
        let (room, seq) = self.message()?;
        Ok(Command::Delete { room, seq })
    }

    fn pin(self, pinned: bool) -> Result<Command, Wrong> {
        let (room, seq) = self.message()?;
        Ok(Command::Pin { room, seq, pinned })
    }
}

impl Edited {
    fn command(self) -> Result<Command, Wrong> {
        let (room, seq) = self.of.message()?;
        let content = self.content;
        Ok(Command::Edit { room, seq, content })
    }
}

impl Reacted {
    fn command(self, reaction: Giving) -> Result<Command, Wrong> {
        let (room, seq) = self.of.message()?;
        let emoji = self.emoji;
        Ok(Command::React {
            room,
            seq,
            emoji,
            reaction,
        })
    }
}

impl Past {
    fn command(self) -> Result<Command, Wrong> {
        Ok(Command::History {
            from: self.from.page()?,
            limit: whole("limit", self.limit)?.or(Some(PAGE)),
            room: Target::Named(self.room),
        })
    }
}

impl Changes {
    fn command(self) -> Result<Command, Wrong> {
        let settings = Settings {
            topic: self.topic,
            slow: whole("slow", self.slow)?,
            kind: kind(self.kind)?,
            allow: self.allow,
            seen: self.seen,
        };
        Ok(set(self.room, settings))
    }
}

impl Membership {
    /// Without a role the person is let in, as what it is.
    fn set(self) -> Command {
        let (room, nickname) = (Target::Named(self.room), self.nickname);
        match self.role {
            Some(role) => Command::Role {
                room,
                nickname,
                role,
            },
            None => Command::Invite { room, nickname },
        }
    }

    fn lift(self, kind: Restraint) -> Command {
        Command::Lift {
            room: Target::Named(self.room),
            what: Lifting {
                kind,
                nickname: self.nickname,
            },
        }
    }
}

impl Imposing {
    fn command(self, kind: Restraint) -> Result<Command, Wrong> {
        let until = time("until", self.until)?;
        Ok(Command::Restrict {
            room: Target::Named(self.room),
            what: Restricting {
                kind,
                nickname: self.nickname,
                length: until.map_or(Length::Forever, Length::Until),
                why: self.why,
            },
        })
    }
}

impl Invite {
    fn command(self) -> Result<Command, Wrong> {
        let role = match self.role {
            None => Role::Member,
            Some(name) => Role::named(&name).ok_or(Wrong {
                field: "role",
                wanted: "member, moderator, admin or owner",
            })?,
        };
        Ok(Command::MakeInvite(Inviting {
            room: self.room,
            role,
            uses: whole("uses", self.uses)?.unwrap_or(1),
            expires_at: time("expires", self.expires)?,
        }))
    }
}

fn set(room: String, settings: Settings) -> Command {
    let room = Target::Named(room);
    Command::Set { room, settings }
}

fn direct(nicknames: Vec<String>) -> Command {
    Command::Direct {
        nicknames,
        content: None,
    }
}

fn mute(room: String, muted: bool) -> Command {
    let room = Target::Named(room);
    Command::MuteRoom { room, muted }
}

fn whole<T: FromStr>(field: &'static str, number: Option<Number>) -> Result<Option<T>, Wrong> {
    let text = match number {
        None => return Ok(None),
        Some(Number::Whole(number)) => number.to_string(),
        Some(Number::Text(text)) => text,
        Some(Number::Other(_)) => String::new(),
    };
    let wanted = "a whole number";
    text.parse().map(Some).map_err(|_| Wrong { field, wanted })
}

/// `90d`, or a time.
fn length(text: String) -> Result<Length, Wrong> {
    if let Ok(length) = duration(&text) {
        return Ok(Length::For(length));
    }
    let at = time("expires", Some(text)).ok().flatten();
    at.map(Length::Until).ok_or(Wrong {
        field: "expires",
        wanted: "a length of time as 90d, or a time as 2030-01-31T12:00:00Z",
    })
}

fn time(field: &'static str, text: Option<String>) -> Result<Option<DateTime<Utc>>, Wrong> {
    let wanted = "a time as 2030-01-31T12:00:00Z";
    let read = |text: String| DateTime::parse_from_rfc3339(&text).map(|time| time.to_utc());
    text.map(read)
        .transpose()
        .map_err(|_| Wrong { field, wanted })
}

fn kind(name: Option<String>) -> Result<Option<RoomKind>, Wrong> {
    match name.as_deref() {
        None => Ok(None),
        Some("public") => Ok(Some(RoomKind::Public)),
        Some("private") => Ok(Some(RoomKind::Private)),
        Some(_) => Err(Wrong {
            field: "kind",
            wanted: "public or private",
        }),
    }
}

#[cfg(test)]
mod tests;
