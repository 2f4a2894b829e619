//! Rooms and their members, as they are printed.
use discordctl::model::{MAIN, Role, RoomName, format_time};
use discordctl::ops::people::{Imposed, Member, Room, RoomSummary};
use serde::Serialize;
use serde_json::Value;

use crate::output::table;

fn workspace(name: &RoomName) -> String {
    name.workspace().unwrap_or(MAIN).to_owned()
}

#[derive(Serialize)]
pub(super) struct List {
    rooms: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    name: String,
    workspace: String,
    kind: &'static str,
    topic: Option<String>,
    members: i64,
    online: i64,
    last_seq: i64,
}

impl List {
    pub(super) fn of(rooms: &[RoomSummary]) -> Self {
        let line = |room: &RoomSummary| Line {
            name: room.name.as_str().to_owned(),
            workspace: workspace(&room.name),
            kind: room.kind.as_str(),
            topic: room.topic.clone(),
            members: room.members,
            online: room.online,
            last_seq: room.last_seq.get(),
        };
        let rooms = rooms.iter().map(line).collect();
        Self { rooms }
    }

    pub(super) fn as_text(&self) -> String {
        if self.rooms.is_empty() {
            return "no room".into();
        }
        let row = |line: &Line| {
            [
                line.name.clone(),
                line.kind.to_owned(),
                line.members.to_string(),
                line.online.to_string(),
                line.last_seq.to_string(),
                line.topic.clone().unwrap_or_default(),
            ]
        };
        let rows = self.rooms.iter().map(row).collect();
        let heading = ["ROOM", "KIND", "MEMBERS", "ONLINE", "LAST SEQ", "TOPIC"];
        table(heading, rows)
    }
}

#[derive(Serialize)]
pub(super) struct One {
    room: Card,
}

#[derive(Serialize)]
struct Card {
    #[serde(flatten)]
    line: Line,
    /// Seconds between two messages of one person; 0 is no limit.
    slow: u32,
    /// Actions that take another role here.
    allow: Value,
    created_by: Option<String>,
    created_at: String,
    restrictions: Vec<Restriction>,
}

#[derive(Serialize)]
struct Restriction {
    kind: &'static str,
    nickname: Option<String>,
    address: Option<String>,
    /// Nothing, where it is for good.
    until: Option<String>,
    why: Option<String>,
    by: Option<String>,
    created_at: String,
}

impl From<&Imposed> for Restriction {
    fn from(imposed: &Imposed) -> Self {
        Self {
            kind: imposed.kind.as_str(),
            nickname: imposed.nickname.clone(),
            address: imposed.address.clone(),
            until: imposed.until.map(format_time),
            why: imposed.why.clone(),
            by: imposed.by.clone(),
            created_at: format_time(imposed.created_at),
        }
    }
}

impl One {
    pub(super) fn of(room: &Room) -> Self {
        let of = &room.of;
        let allow = of.allow.as_deref().map(serde_json::from_str);
        Self {
            room: Card {
                line: Line {
                    name: room.name.as_str().to_owned(),
                    workspace: workspace(&room.name),
                    kind: of.kind.as_str(),
                    topic: of.topic.clone(),
                    members: of.members,
                    online: of.online,
                    last_seq: of.last_seq.get(),
                },
                slow: of.slow,
                allow: allow
                    .and_then(Result::ok)
                    .unwrap_or_else(|| Value::Object(Default::default())),
                created_by: of.created_by.clone(),
                created_at: format_time(of.created_at),
                restrictions: room.restrictions.iter().map(Restriction::from).collect(),
            },
        }
    }

    pub(super) fn as_text(&self) -> String {
        let Card {
            line,
            slow,
            allow,
            created_by,
            created_at,
            restrictions,
        } = &self.room;
        let made = match created_by {
            Some(by) => format!("{created_at} by {by}"),
            None => created_at.clone(),
        };
        let mut rows = vec![
            ["kind".to_owned(), line.kind.to_owned()],
            ["workspace".to_owned(), line.workspace.clone()],
            ["topic".to_owned(), line.topic.clone().unwrap_or_default()],
            [
                "members".to_owned(),
                format!("{}, {} online", line.members, line.online),
            ],
            ["last seq".to_owned(), line.last_seq.to_string()],
            ["created".to_owned(), made],
        ];
        if *slow > 0 {
            rows.push(["slow".to_owned(), format!("{slow} s")]);
        }
        for (action, role) in allow.as_object().into_iter().flatten() {
            rows.push([action.clone(), role.as_str().unwrap_or_default().to_owned()]);
        }
        let mut text = table(["ROOM", &line.name], rows);
        if !restrictions.is_empty() {
            let row = |of: &Restriction| {
                [
                    of.nickname.clone().unwrap_or_default(),
                    of.kind.to_owned(),
                    of.until.clone().unwrap_or_else(|| "for good".into()),
                    of.by.clone().unwrap_or_default(),
                    of.why.clone().unwrap_or_default(),
                ]
            };
            let rows = restrictions.iter().map(row).collect();
            let heading = ["NICKNAME", "", "UNTIL", "BY", "WHY"];
            text += &format!("\n\n{}", table(heading, rows));
        }
        text
    }
}

/// A room that was deleted, or would be.
#[derive(Serialize)]
pub(super) struct Deleted {
    room: Card,
    dry_run: bool,
}

impl Deleted {
    pub(super) fn of(room: &Room, dry_run: bool) -> Self {
        let One { room } = One::of(room);
        Self { room, dry_run }
    }

    pub(super) fn as_text(&self) -> String {
        let Line {
            name,
            members,
            last_seq,
            ..
        } = &self.room.line;
        let done = if self.dry_run {
            "would be deleted"
        } else {
            "deleted"
        };
        format!("{name}: {done}, with {members} members and up to {last_seq} messages")
    }
}

#[derive(Serialize)]
pub(super) struct Members {
    members: Vec<Person>,
}

#[derive(Serialize)]
struct Person {
    nickname: String,
    display_name: Option<String>,
    role: Role,
    account: bool,
    joined_at: String,
}

impl Members {
    pub(super) fn of(members: Vec<Member>) -> Self {
        let person = |member: Member| Person {
            role: member.role(),
            nickname: member.nickname,
            display_name: member.display_name,
            account: member.has_account,
            joined_at: format_time(member.joined_at),
        };
        let members = members.into_iter().map(person).collect();
        Self { members }
    }

    pub(super) fn as_text(&self) -> String {
        if self.members.is_empty() {
            return "no member".into();
        }
        let row = |person: &Person| {
            [
                person.nickname.clone(),
                person.role.as_str().to_owned(),
                person.display_name.clone().unwrap_or_default(),
                person.joined_at.clone(),
            ]
        };
        let rows = self.members.iter().map(row).collect();
        table(["NICKNAME", "ROLE", "DISPLAY NAME", "SINCE"], rows)
    }
}
