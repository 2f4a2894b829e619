//! What a batch does to messages that there are, in the transaction in which it is appended.
use std::collections::HashSet;

use sqlx::sqlite::SqliteConnection;
use sqlx::{QueryBuilder, Sqlite};

use crate::model::{Mention, RoomId, Seq};
use crate::store::{Draft, Giving, Operation};

/// The messages that drafts are about and that are not there, or gone.
pub(super) async fn missing(
    connection: &mut SqliteConnection,
    batch: &[Draft],
) -> Result<HashSet<(RoomId, Seq)>, sqlx::Error> {
    let about = |draft: &Draft| Some((draft.room.id, draft.operation.target()?));
    let asked: HashSet<(RoomId, Seq)> = batch.iter().filter_map(about).collect();
    if asked.is_empty() {
        return Ok(asked);
    }
    let asked = serde_json::to_string(&asked).unwrap_or_default();
    let missing: Vec<(RoomId, Seq)> = sqlx::query_as(
        "SELECT value ->> 0, value ->> 1 FROM json_each(?1) WHERE NOT EXISTS
         (SELECT 1 FROM messages WHERE room_id = value ->> 0 AND seq = value ->> 1
            AND kind < 10 AND gone IS NULL)",
    )
    .bind(asked)
    .fetch_all(connection)
    .await?;
    Ok(missing.into_iter().collect())
}

/// A place in a room, counted from its end after the batch.
pub(super) struct Place {
    pub(super) room: RoomId,
    pub(super) before_end: i64,
}

/// Puts what a draft does behind the statement that inserts its entry. The time of an edit and of a pin is
/// that entry's.
pub(super) fn push(sql: &mut QueryBuilder<Sqlite>, draft: &Draft, place: &Place) {
    let room = place.room;
    match &draft.operation {
        Operation::Say { thread, .. } => {
            if let Some(root) = thread {
                push_reply(sql, draft, place, *root);
            }
            call(sql, draft.operation.mentions(), place);
        }
        Operation::Topic { .. } => {}
        Operation::Edit { target, content } => {
            sql.push("UPDATE messages SET content = ")
                .push_bind(content.clone())
                .push(", edited_at = ");
            push_time(sql, place);
            of_message(sql, room, *target);
        }
        Operation::Delete { target, .. } => {
            sql.push("UPDATE messages SET content = '', edited_at = NULL, pinned_at = NULL,")
                .push(" reacted = 0, gone = ")
                .push_bind(draft.operation.state());
            of_message(sql, room, *target);
            sql.push("DELETE FROM reactions");
            of_message(sql, room, *target);
            sql.push("DELETE FROM mentions");
            of_message(sql, room, *target);
        }
        Operation::React {
            target,
            emoji,
            reaction: Giving::Given,
        } => {
            sql.push("INSERT OR IGNORE INTO reactions (room_id, seq, emoji, user_id) VALUES (")
                .push_bind(room)
                .push(", ")
                .push_bind(*target)
                .push(", ")
                .push_bind(emoji.clone())
                .push(", ")
                .push_bind(draft.user.id)
                .push("); UPDATE messages SET reacted = 1");
            of_message(sql, room, *target);
        }
        Operation::React {
            target,
            emoji,
            reaction: Giving::TakenBack,
        } => {
            sql.push("DELETE FROM reactions WHERE user_id = ")
                .push_bind(draft.user.id)
                .push(" AND emoji = ")
                .push_bind(emoji.clone())
                .push(" AND room_id = ")
                .push_bind(room)
                .push(" AND seq = ")
                .push_bind(*target)
                .push("; ");
        }
        Operation::Pin { target, pinned } => {
            sql.push("UPDATE messages SET pinned_at = ");
            if *pinned {
                push_time(sql, place);
            } else {
                sql.push("NULL");
            }
            of_message(sql, room, *target);
        }
    }
}

/// Enters the mentions of the message in that place.
fn call(sql: &mut QueryBuilder<Sqlite>, mentions: &[Mention], place: &Place) {
    for mention in mentions {
        sql.push("INSERT OR IGNORE INTO mentions (user_id, room_id, seq, message_id)")
            .push(" SELECT u.id, m.room_id, m.seq, m.id FROM users u, messages m WHERE u.id = ")
            .push_bind(mention.user.id)
            .push(" AND u.uid = ")
            .push_bind(mention.user.uid)
            .push(" AND m.room_id = ")
            .push_bind(place.room)
            .push(" AND m.seq = (SELECT last_seq FROM rooms WHERE id = ")
            .push_bind(place.room)
            .push(") - ")
            .push_bind(place.before_end)
            .push("; ");
    }
}

/// A reply counts in its thread; an account that replies has read it up to there, and follows it unless it
/// muted it.
fn push_reply(sql: &mut QueryBuilder<Sqlite>, draft: &Draft, place: &Place, root: Seq) {
    sql.push(
        "INSERT INTO threads (room_id, root, replies, last_seq, last_at)
         SELECT m.room_id, m.thread, 1, m.seq, m.created_at FROM rooms r
         JOIN messages m ON m.room_id = r.id AND m.seq = r.last_seq - ",
    )
    .push_bind(place.before_end)
    .push(" WHERE r.id = ")
    .push_bind(place.room)
    .push(
        " ON CONFLICT (room_id, root) DO UPDATE SET replies = replies + 1,
            last_seq = excluded.last_seq, last_at = excluded.last_at;
         INSERT INTO thread_marks (user_id, room_id, root, read_replies, interest, replied)
         SELECT u.id, t.room_id, t.root, t.replies, 1, t.last_seq FROM threads t
         JOIN users u ON u.registered_at IS NOT NULL AND u.id = ",
    )
    .push_bind(draft.user.id)
    .push(" WHERE t.room_id = ")
    .push_bind(place.room)
    .push(" AND t.root = ")
    .push_bind(root)
    .push(
        " ON CONFLICT (user_id, room_id, root) DO UPDATE SET read_replies = excluded.read_replies,
            interest = max(thread_marks.interest, 1), replied = excluded.replied; ",
    );
}

fn push_time(sql: &mut QueryBuilder<Sqlite>, place: &Place) {
    sql.push("(SELECT created_at FROM messages WHERE room_id = ")
        .push_bind(place.room)
        .push(" AND seq = (SELECT last_seq FROM rooms WHERE id = ")
        .push_bind(place.room)
        .push(") - ")
        .push_bind(place.before_end)
        .push(")");
}

fn of_message(sql: &mut QueryBuilder<Sqlite>, room: RoomId, seq: Seq) {
    sql.push(" WHERE room_id = ")
        .push_bind(room)
        .push(" AND seq = ")
        .push_bind(seq)
        .push("; ");
}
