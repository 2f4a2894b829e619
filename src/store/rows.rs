//! Rows of the log as entries: an event is given what it was about as that is now, and a message its
//! reactions.
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::StoreError;
use super::ask::{Ask, Turn};
use super::session::{self, Session};
use super::sql::Arg;
use crate::model::{
    Details, Entry, Event, Gone, Message, MessageId, MessageKind, Number, Reaction, Reactions,
    RoomRef, Seq, What,
};

/// `messages.kind`. From this one on they are events.
pub(super) const EVENTS: i16 = 10;

/// The columns of a row, of `messages m LEFT JOIN users u`.
macro_rules! columns {
    () => {
        "m.id, m.seq, coalesce(m.number, m.seq), coalesce(u.nickname, 'deleted-user'), m.content,
         m.created_at, m.kind, m.target, m.thread, m.reply_to, m.edited_at, m.gone, m.reacted,
         m.pinned_at IS NOT NULL, u.display_name"
    };
}
pub(super) use columns;

/// Reads these columns, which are the first of a row; the id is read already.
macro_rules! read_columns {
    ($id:expr, $row:ident) => {
        (
            $id,
            $row.try_get(1)?,
            $row.try_get(2)?,
            $row.try_get(3)?,
            $row.try_get(4)?,
            $row.try_get(5)?,
            $row.try_get(6)?,
            $row.try_get(7)?,
            $row.try_get(8)?,
            $row.try_get(9)?,
            $row.try_get(10)?,
            $row.try_get(11)?,
            $row.try_get(12)?,
            $row.try_get(13)?,
            $row.try_get(14)?,
        )
    };
}
pub(super) use read_columns;

/// These columns.
pub(super) type Row = (
    MessageId,
    Seq,
    Number,
    String,
    String,
    DateTime<Utc>,
    i16,
    Option<Seq>,
    Option<Seq>,
    Option<Seq>,
    Option<DateTime<Utc>>,
    Option<i16>,
    i16,
    bool,
    Option<String>,
);

/// Messages as they are now, by what events are about.
const TARGETS: &str = "SELECT seq, content, gone, pinned_at IS NOT NULL FROM messages
    WHERE seq @in($1) AND room_id = $2";

/// Of each emoji how many gave it, and the first of them.
const REACTIONS: &str = "SELECT seq, emoji, given, nickname FROM (
      SELECT r.seq, r.emoji, u.nickname, r.user_id,
        count(*) OVER of_emoji AS given, min(r.at) OVER of_emoji AS first,
        row_number() OVER (PARTITION BY r.seq, r.emoji ORDER BY r.at, r.user_id) AS place
      FROM reactions r JOIN users u ON u.id = r.user_id
      WHERE r.seq @in($1) AND r.room_id = $2
      WINDOW of_emoji AS (PARTITION BY r.seq, r.emoji)) of_message
    WHERE place <= $3 ORDER BY seq, first, emoji, place";

/// The mentions of messages.
const MENTIONS: &str = "SELECT t.seq, u.nickname FROM mentions t JOIN users u ON u.id = t.user_id
    WHERE t.seq @in($1) AND t.room_id = $2 ORDER BY t.seq, u.id";

const TOPIC: &str = "SELECT topic FROM rooms WHERE id = $1";

/// What asks a database for rows, without changing any.
pub(super) trait Look: Sync {
    fn look<T: session::Row>(
        &self,
        sql: &'static str,
        args: &[Arg<'_>],
    ) -> impl Future<Output = Result<Vec<T>, StoreError>> + Send;
}

impl<A: Ask> Look for A {
    async fn look<T: session::Row>(
        &self,
        sql: &'static str,
        args: &[Arg<'_>],
    ) -> Result<Vec<T>, StoreError> {
        self.all(Turn::Read, &[(sql, args)]).await
    }
}

impl Look for Session {
    async fn look<T: session::Row>(
        &self,
        sql: &'static str,
        args: &[Arg<'_>],
    ) -> Result<Vec<T>, StoreError> {
        self.all(sql, args).await
    }
}

/// A page of rows as entries, in the same order. What events are about and what was reacted to is asked
/// for beside, once for all of the page and only where there is any.
pub(super) async fn entries(
    by: &impl Look,
    room: &RoomRef,
    rows: Vec<Row>,
) -> Result<Vec<Entry>, StoreError> {
    let targets = targets(by, room, &rows).await?;
    let reactions = reactions_of_page(by, room, &rows).await?;
    let topic = topic(by, room, &rows).await?;
    let mut mentions = mentions(by, room, &rows).await?;
    let entry = |row: Row| {
        let what = match row.6 {
            kind if kind < EVENTS => {
                What::Message(message(&row, &reactions, mentions.remove(&row.1)))
            }
            _ => What::Event(Arc::new(event(&row, &targets, &reactions, topic.as_ref()))),
        };
        self::entry(room, row, what)
    };
    Ok(rows.into_iter().map(entry).collect())
}

/// A message by its row alone: without its reactions and mentions.
pub(super) fn bare(room: &RoomRef, row: Row) -> Entry {
    let what = What::Message(message(&row, &HashMap::new(), None));
    entry(room, row, what)
}

fn entry(room: &RoomRef, row: Row, what: What) -> Entry {
    let (id, seq, number, user, _, created_at, ..) = row;
    Entry {
        id,
        seq,
        number,
        room: room.name.clone(),
        user: user.into(),
        created_at,
        what,
    }
}

fn message(
    row: &Row,
    reactions: &HashMap<Seq, Reactions>,
    mentions: Option<Vec<Arc<str>>>,
) -> Message {
    let (
        _,
        seq,
        _,
        _,
        content,
        _,
        kind,
        _,
        thread,
        reply_to,
        edited_at,
        gone,
        reacted,
        pinned,
        name,
    ) = row;
    let details = Details {
        display_name: name.as_deref().map(Arc::from),
        kind: message_kind(*kind),
        thread: *thread,
        reply_to: *reply_to,
        edited_at: *edited_at,
        gone: gone.map(reason),
        pinned: *pinned,
        mentions: mentions.unwrap_or_default(),
        reactions: if *reacted == 0 {
            Reactions::new()
        } else {
            reactions.get(seq).cloned().unwrap_or_default()
        },
    };
    Message {
        content: content.as_str().into(),
        details: (details != Details::default()).then(|| Arc::new(details)),
    }
}

fn message_kind(kind: i16) -> MessageKind {
    match kind {
        1 => MessageKind::Action,
        2 => MessageKind::Bot,
        _ => MessageKind::Text,
    }
}

fn reason(gone: i16) -> Gone {
    match gone {
        2 => Gone::Moderator,
        3 => Gone::Erased,
        _ => Gone::Author,
    }
}

fn event(
    row: &Row,
    targets: &HashMap<Seq, Target>,
    reactions: &HashMap<Seq, Reactions>,
    topic: Option<&Arc<str>>,
) -> Event {
    let now = |target: &Seq| targets.get(target);
    match (row.6, row.7) {
        (10, Some(target)) => Event::Edited {
            content: now(&target).and_then(|now| now.content.clone()),
            target,
        },
        (11, Some(target)) => Event::Deleted { target },
        (12, Some(target)) => Event::Reacted {
            reactions: reactions.get(&target).cloned().unwrap_or_default(),
            target,
        },
        (13, Some(target)) => Event::Pinned {
            pinned: now(&target).is_some_and(|now| now.pinned),
            target,
        },
        (14, _) => Event::Topic {
            topic: topic.cloned(),
        },
        _ => Event::Void,
    }
}

/// A message as it is now.
struct Target {
    /// `None` where it is gone.
    content: Option<Arc<str>>,
    pinned: bool,
}

async fn targets(
    by: &impl Look,
    room: &RoomRef,
    rows: &[Row],
) -> Result<HashMap<Seq, Target>, StoreError> {
    let wanted = rows.iter().filter(|row| matches!(row.6, 10 | 13));
    let wanted: HashSet<i64> = wanted.filter_map(|row| Some(row.7?.get())).collect();
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let wanted: Vec<i64> = wanted.into_iter().collect();
    let args = [Arg::Numbers(&wanted), room.key.id.into()];
    let found: Vec<(Seq, String, Option<i16>, bool)> = by.look(TARGETS, &args).await?;
    let target = |(seq, content, gone, pinned): (Seq, String, Option<i16>, bool)| {
        let content = gone.is_none().then(|| content.into());
        (seq, Target { content, pinned })
    };
    Ok(found.into_iter().map(target).collect())
}

async fn reactions_of_page(
    by: &impl Look,
    room: &RoomRef,
    rows: &[Row],
) -> Result<HashMap<Seq, Reactions>, StoreError> {
    let wanted = rows.iter().filter_map(|row| match (row.6, row.7) {
        (12, target) => target,
        (kind, _) if kind < EVENTS && row.12 != 0 => Some(row.1),
        _ => None,
    });
    let wanted: HashSet<Seq> = wanted.collect();
    let wanted: Vec<Seq> = wanted.into_iter().collect();
    reactions(by, room, &wanted).await
}

/// What was reacted to these messages; those without reactions are not in it.
pub(super) async fn reactions(
    by: &impl Look,
    room: &RoomRef,
    messages: &[Seq],
) -> Result<HashMap<Seq, Reactions>, StoreError> {
    if messages.is_empty() {
        return Ok(HashMap::new());
    }
    let messages: Vec<i64> = messages.iter().map(|seq| seq.get()).collect();
    let most = crate::model::MOST_REACTING;
    let args = [Arg::Numbers(&messages), room.key.id.into(), most.into()];
    let found: Vec<(Seq, String, i64, String)> = by.look(REACTIONS, &args).await?;
    let mut reactions: HashMap<Seq, Reactions> = HashMap::new();
    for (seq, emoji, given, nickname) in found {
        let of_message = reactions.entry(seq).or_default();
        let same = |(last, _): &&mut (Arc<str>, Reaction)| **last == *emoji;
        if let Some((_, reaction)) = of_message.last_mut().filter(same) {
            reaction.users.push(nickname.into());
        } else {
            let reaction = Reaction {
                count: u64::try_from(given).unwrap_or(0),
                users: vec![nickname.into()],
            };
            of_message.push((emoji.into(), reaction));
        }
    }
    Ok(reactions)
}

/// The mentions of a page's messages: asked for only where one of them has an `@`.
async fn mentions(
    by: &impl Look,
    room: &RoomRef,
    rows: &[Row],
) -> Result<HashMap<Seq, Vec<Arc<str>>>, StoreError> {
    let calls = |row: &&Row| row.6 < EVENTS && memchr::memchr(b'@', row.4.as_bytes()).is_some();
    let wanted: Vec<i64> = rows.iter().filter(calls).map(|row| row.1.get()).collect();
    let mut mentions: HashMap<Seq, Vec<Arc<str>>> = HashMap::new();
    if wanted.is_empty() {
        return Ok(mentions);
    }
    let args = [Arg::Numbers(&wanted), room.key.id.into()];
    let found: Vec<(Seq, String)> = by.look(MENTIONS, &args).await?;
    for (seq, nickname) in found {
        mentions.entry(seq).or_default().push(nickname.into());
    }
    Ok(mentions)
}

async fn topic(
    by: &impl Look,
    room: &RoomRef,
    rows: &[Row],
) -> Result<Option<Arc<str>>, StoreError> {
    if !rows.iter().any(|row| row.6 == 14) {
        return Ok(None);
    }
    let found: Vec<(Option<String>,)> = by.look(TOPIC, &[room.key.id.into()]).await?;
    let topic = found.into_iter().next().and_then(|(topic,)| topic);
    Ok(topic.map(Arc::from))
}
