//! What other tables have of entries: reactions, mentions, and how the thread below a message stands.
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::known::Ids;
use super::{History, Reacted, Root, Row};
use crate::model::{RoomId, Seq, UserId, format_time};
use crate::store::StoreError;
use crate::store::session::Tx;
use crate::store::sql::Arg;

/// Of the room `$1`, from the place `$2` to the place `$3`: which table, the place, and what that has.
const MORE: &str = "SELECT 1 AS what, seq, user_id, emoji AS text, at, 0 AS replies, 0 AS last
       FROM reactions WHERE room_id = $1 AND seq BETWEEN $2 AND $3
     UNION ALL SELECT 2, seq, user_id, NULL, NULL, 0, 0
       FROM mentions WHERE room_id = $1 AND seq BETWEEN $2 AND $3
     UNION ALL SELECT 3, root, 0, NULL, last_at, replies, last_seq
       FROM threads WHERE room_id = $1 AND root BETWEEN $2 AND $3
     ORDER BY 2, 1, 5, 4, 3";

type More = (
    i32,
    Seq,
    UserId,
    Option<String>,
    Option<DateTime<Utc>>,
    i64,
    Seq,
);

/// Deletes what goes with entries. A thread's row stays, as a room's does: it is listed wherever its
/// messages are.
pub(super) const BESIDE: [&str; 2] = [
    "DELETE FROM reactions WHERE room_id = $1 AND seq BETWEEN $2 AND $3",
    "DELETE FROM mentions WHERE room_id = $1 AND seq BETWEEN $2 AND $3",
];

impl History {
    /// Adds to a page of a room what other tables have of it.
    pub(super) async fn add_more(
        &mut self,
        room: RoomId,
        rows: &mut [Row],
    ) -> Result<(), StoreError> {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
            return Ok(());
        };
        let args = [room.into(), first.seq.into(), last.seq.into()];
        let found: Vec<More> = self.session.all(MORE, &args).await?;
        let people = found.iter().filter(|more| more.0 != 3).map(|more| more.2);
        self.learn_names(&people.collect::<Vec<_>>()).await?;
        let mut at = 0;
        for (what, seq, user, text, time, replies, last_seq) in found {
            while rows.get(at).is_some_and(|row| row.seq < seq) {
                at += 1;
            }
            let Some(row) = rows.get_mut(at).filter(|row| row.seq == seq) else {
                continue;
            };
            let user = self.names.get(Some(&user));
            let details = row.details.get_or_insert_default();
            match (what, user, text, time) {
                (1, Some(user), Some(emoji), Some(at)) => {
                    details.reactions.push(Reacted { emoji, user, at });
                }
                (2, Some(user), ..) => details.mentions.push(user),
                (3, _, _, Some(last_at)) => {
                    details.root = Some(Root {
                        replies,
                        last_seq,
                        last_at,
                    });
                }
                // Its person was deleted since.
                _ => {}
            }
        }
        Ok(())
    }
}

/// The users that these rows name.
pub(super) fn people<'r>(rows: &'r [&Row]) -> impl Iterator<Item = &'r Arc<str>> {
    let of_details = |row: &'r &Row| {
        let details = row.details.iter();
        details.flat_map(|details| {
            let reacting = details.reactions.iter().map(|reacted| &reacted.user);
            reacting.chain(&details.mentions)
        })
    };
    let authors = rows.iter().filter_map(|row| row.user.as_ref());
    authors.chain(rows.iter().flat_map(of_details))
}

/// From a list of lists as JSON, in `$2`.
struct Insert {
    postgres: &'static str,
    sqlite: &'static str,
}

const REACTIONS: Insert = Insert {
    postgres: "INSERT INTO reactions (room_id, seq, emoji, user_id, at)
         SELECT $1, (v ->> 0)::bigint, v ->> 1, (v ->> 2)::bigint, (v ->> 3)::timestamptz
         FROM json_array_elements($2::json) AS v ON CONFLICT DO NOTHING",
    sqlite: "INSERT INTO reactions (room_id, seq, emoji, user_id, at)
         SELECT $1, value ->> 0, value ->> 1, value ->> 2, value ->> 3
         FROM json_each($2) WHERE true ON CONFLICT DO NOTHING",
};
const MENTIONS: Insert = Insert {
    postgres: "INSERT INTO mentions (room_id, seq, user_id, message_id)
         SELECT m.room_id, m.seq, (v ->> 1)::bigint, m.id
         FROM json_array_elements($2::json) AS v
         JOIN messages m ON m.room_id = $1 AND m.seq = (v ->> 0)::bigint ON CONFLICT DO NOTHING",
    sqlite: "INSERT INTO mentions (room_id, seq, user_id, message_id)
         SELECT m.room_id, m.seq, value ->> 1, m.id
         FROM json_each($2) JOIN messages m ON m.room_id = $1 AND m.seq = value ->> 0
         WHERE true ON CONFLICT DO NOTHING",
};
const ROOTS: Insert = Insert {
    postgres: "INSERT INTO threads (room_id, root, replies, last_seq, last_at)
         SELECT $1, (v ->> 0)::bigint, (v ->> 1)::bigint, (v ->> 2)::bigint,
           (v ->> 3)::timestamptz
         FROM json_array_elements($2::json) AS v ON CONFLICT DO NOTHING",
    sqlite: "INSERT INTO threads (room_id, root, replies, last_seq, last_at)
         SELECT $1, value ->> 0, value ->> 1, value ->> 2, value ->> 3
         FROM json_each($2) WHERE true ON CONFLICT DO NOTHING",
};
/// Threads know of their replies in whatever order those come back: they have no fewer than there are.
const COUNTED: &str = "INSERT INTO threads (room_id, root, replies, last_seq, last_at)
     SELECT m.room_id, m.thread, count(*), max(m.seq), max(m.created_at)
     FROM messages m WHERE m.thread @in($1) AND m.room_id = $2 GROUP BY m.room_id, m.thread
     ON CONFLICT (room_id, root) DO UPDATE SET
       replies = @greatest(threads.replies, excluded.replies),
       last_seq = @greatest(threads.last_seq, excluded.last_seq),
       last_at = @greatest(threads.last_at, excluded.last_at)";

/// Puts back what other tables had of these rows, which are there again.
pub(super) async fn insert(
    tx: &mut Tx,
    ids: &Ids,
    room: RoomId,
    rows: &[&Row],
) -> Result<(), sqlx::Error> {
    let (mut reactions, mut mentions, mut roots) = (Vec::new(), Vec::new(), Vec::new());
    let mut threads = Vec::new();
    for row in rows {
        let Some(details) = &row.details else {
            continue;
        };
        let seq = row.seq;
        for Reacted { emoji, user, at } in &details.reactions {
            reactions.push((seq, emoji, ids.get(Some(user)), format_time(*at)));
        }
        let mentioned = details.mentions.iter().map(|user| ids.get(Some(user)));
        mentions.extend(mentioned.map(|user| (seq, user)));
        if let Some(root) = &details.root {
            let at = format_time(root.last_at);
            roots.push((seq, root.replies, root.last_seq, at));
        }
        threads.extend(details.thread.map(Seq::get));
    }
    from_list(tx, room, &REACTIONS, &reactions).await?;
    from_list(tx, room, &MENTIONS, &mentions).await?;
    from_list(tx, room, &ROOTS, &roots).await?;
    threads.sort_unstable();
    threads.dedup();
    if !threads.is_empty() {
        tx.run(COUNTED, &[Arg::Numbers(&threads), room.into()])
            .await?;
    }
    Ok(())
}

async fn from_list<T: serde::Serialize>(
    tx: &mut Tx,
    room: RoomId,
    insert: &Insert,
    list: &[T],
) -> Result<(), sqlx::Error> {
    if list.is_empty() {
        return Ok(());
    }
    let list = serde_json::to_string(list).map_err(|e| sqlx::Error::Encode(e.into()))?;
    let sql = match tx {
        Tx::Postgres(_) => insert.postgres,
        Tx::Sqlite(_) => insert.sqlite,
    };
    tx.run(sql, &[room.into(), list.as_str().into()]).await?;
    Ok(())
}
