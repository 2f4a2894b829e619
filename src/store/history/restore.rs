//! Putting rows back.
use std::collections::HashSet;
use std::sync::Arc;

use sqlx::query_builder::Separated;
use sqlx::{QueryBuilder, Sqlite};

use super::copy::{Form, Input};
use super::known::Ids;
use super::{Claim, Details, History, Row, Spot, more};
use crate::model::{MessageId, Number, RoomId, RoomKind, RoomName, Seq, UserId, format_time};
use crate::store::StoreError;
use crate::store::session::{Session, Tx};

/// Tells running instances that rows came or went.
pub(super) const TURN_VERSION: &str =
    "UPDATE rooms SET history_version = history_version + 1 WHERE id = $1";

/// Rows in one INSERT; fifteen values each stay far below SQLite's limit of 32,766.
const ROWS: usize = 250;
/// How often it is tried while users are deleted that were just looked up.
const TRIES: u32 = 3;

const MAKE_ROOM: &str = "INSERT INTO rooms (name, kind, workspace_id)
     SELECT $1, $2, coalesce((SELECT id FROM workspaces WHERE @lower(name@c) = @lower($3@c)), 1)
     WHERE NOT EXISTS (SELECT 1 FROM rooms WHERE @lower(name@c) = @lower($1@c))
     ON CONFLICT DO NOTHING";
/// A workspace that is gone is a wall again, with no people behind it.
const MAKE_WORKSPACE: &str =
    "INSERT INTO workspaces (name) SELECT $1 WHERE $1 IS NOT NULL AND NOT EXISTS
     (SELECT 1 FROM workspaces WHERE @lower(name@c) = @lower($1@c)) ON CONFLICT DO NOTHING";
/// Places that are claimed were never given to anything that was said.
pub(super) const CLAIM: &str = "UPDATE rooms SET history_version = history_version + 1,
       events = @greatest(last_seq + $2, $3) - @greatest(last_number + $2, $4),
       last_seq = @greatest(last_seq + $2, $3), replayed_seq = CASE
         WHEN @greatest(last_seq + $2, $3) > last_seq THEN @greatest(last_seq + $2, $3)
         ELSE replayed_seq END
     WHERE @lower(name@c) = @lower($1@c) RETURNING id, last_seq - $2, last_number - $2";
/// The index of words is behind there.
const UNPACKED: &str = "UPDATE search_rooms SET seq = $2 WHERE room_id = $1 AND seq > $2";
const MAKE_USER: &str = "INSERT INTO users (nickname) SELECT $1 WHERE NOT EXISTS
     (SELECT 1 FROM users WHERE @lower(nickname@c) = @lower($1@c)) ON CONFLICT DO NOTHING";
const FIND_USER: &str = "SELECT id FROM users WHERE @lower(nickname@c) = @lower($1@c)";

/// Has ids that the database gives begin beyond one. Of SQLite's it is AUTOINCREMENT's own table, in
/// which a table appears with its first row.
const BEYOND_IN_POSTGRES: &str = "SELECT setval(s.name, $1)
     FROM pg_get_serial_sequence('messages', 'id') AS s (name)
     WHERE $1 > coalesce(pg_sequence_last_value(s.name), 0)";
const BEYOND_IN_SQLITE: &str =
    "UPDATE sqlite_sequence SET seq = max(seq, $1) WHERE name = 'messages';
     INSERT INTO sqlite_sequence (name, seq) SELECT 'messages', $1
     WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'messages')";

/// Makes the room if there is none: of that kind and in its workspace, so that messages that are put back
/// are behind the walls behind which they were said.
pub(super) async fn make_room(
    tx: &mut Tx,
    name: &RoomName,
    kind: RoomKind,
) -> Result<(), sqlx::Error> {
    let workspace = name.workspace();
    tx.run(MAKE_WORKSPACE, &[workspace.into()]).await?;
    let args = [name.as_str().into(), kind.as_str().into(), workspace.into()];
    tx.run(MAKE_ROOM, &args).await.map(drop)
}

impl History {
    /// Makes ready for entries that are put back: the room, which is made if there is none,
    /// their places in it, of which no reader is told as if they were new, and ids beyond theirs
    /// for what is said next. `unarchived` lowers the watermark: that message and those after
    /// it may not be in the archive. Returns the room and the spot before the first of `Next`.
    pub async fn claim(
        &mut self,
        (name, kind): (&RoomName, RoomKind),
        claim: Claim,
        highest_id: MessageId,
        unarchived: Option<Seq>,
    ) -> Result<(RoomId, Spot), StoreError> {
        let beyond = self.session.either(BEYOND_IN_POSTGRES, BEYOND_IN_SQLITE);
        let (up_to, count) = match claim {
            Claim::UpTo(spot) => (spot, 0),
            Claim::Next(count) => (Spot::default(), i64::try_from(count).unwrap_or(i64::MAX)),
        };
        let claimed = async {
            let mut tx = self.session.begin_to_write().await?;
            make_room(&mut tx, name, kind).await?;
            let (room, base) = claim_places(&mut tx, name, count, up_to).await?;
            if let Some(seq) = unarchived {
                let lower = "UPDATE room_archive SET last_seq = $2
                     WHERE room_id = $1 AND last_seq > $2";
                tx.run(lower, &[room.into(), seq.previous().into()]).await?;
            }
            tx.run(beyond, &[highest_id.into()]).await?;
            tx.commit().await?;
            Ok((room, base))
        };
        self.session.within(claimed).await
    }

    /// Puts rows back, ascending, but those whose places are taken. Returns how many. They are on
    /// the disk for certain after the next [`History::refresh`].
    pub async fn restore(&mut self, room: RoomId, rows: &[Row]) -> Result<u64, StoreError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let (session, ids) = (&self.session, &mut self.ids);
            let mut deleted = false;
            let restored = session.within(async {
                let restored = restore(session, ids, room, rows).await;
                deleted = matches!(&restored,
                    Err(sqlx::Error::Database(e)) if e.is_foreign_key_violation());
                Ok(restored?)
            });
            let restored = restored.await;
            // A user was deleted since it was looked up.
            if !deleted || tries >= TRIES {
                return restored;
            }
            self.ids.clear();
        }
    }
}

async fn restore(
    session: &Session,
    ids: &mut Ids,
    room: RoomId,
    rows: &[Row],
) -> Result<u64, sqlx::Error> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return Ok(0);
    };
    let mut tx = session.begin_to_write().await?;
    // The commit that has instances look anew waits for the disk, and with it for all before it.
    tx.lazily().await?;
    let taken = "SELECT seq FROM messages WHERE room_id = $1 AND seq BETWEEN $2 AND $3";
    let args = [room.into(), first.seq.into(), last.seq.into()];
    let taken: Vec<(Seq,)> = tx.all(taken, &args).await?;
    let taken: HashSet<Seq> = taken.into_iter().map(|(seq,)| seq).collect();
    let missing: Vec<&Row> = rows.iter().filter(|r| !taken.contains(&r.seq)).collect();
    for name in ids.unknown(more::people(&missing)) {
        let id = user(&mut tx, &name).await?;
        ids.learn([(name, id)]);
    }
    let (plain, detailed): (Vec<&Row>, Vec<&Row>) =
        missing.iter().partition(|row| row.details.is_none());
    if !missing.is_empty() {
        tx.run(UNPACKED, &[room.into(), first.seq.previous().into()])
            .await?;
    }
    insert(&mut tx, (ids, Form::Plain), room, &plain).await?;
    insert(&mut tx, (ids, Form::Detailed), room, &detailed).await?;
    more::insert(&mut tx, ids, room, &detailed).await?;
    tx.commit().await?;
    Ok(missing.len() as u64)
}

/// Raises how far a room goes, and says which room that is and where its new places begin.
pub(super) async fn claim_places(
    tx: &mut Tx,
    name: &RoomName,
    count: i64,
    up_to: Spot,
) -> Result<(RoomId, Spot), sqlx::Error> {
    let (seq, number) = (up_to.seq.into(), up_to.number.into());
    let args = [name.as_str().into(), count.into(), seq, number];
    let places: Vec<(RoomId, Seq, Number)> = tx.all(CLAIM, &args).await?;
    let (room, seq, number) = *places.first().ok_or(sqlx::Error::RowNotFound)?;
    Ok((room, Spot { seq, number }))
}

async fn insert(
    tx: &mut Tx,
    (ids, form): (&Ids, Form),
    room: RoomId,
    missing: &[&Row],
) -> Result<(), sqlx::Error> {
    if missing.is_empty() {
        return Ok(());
    }
    match tx {
        Tx::Postgres(tx) => {
            let mut input = Input::new(form, missing.len());
            for row in missing {
                let pushed = input.push(room, row, ids.get(row.user.as_ref()));
                pushed.map_err(|e: StoreError| sqlx::Error::Encode(e.into()))?;
            }
            let mut sink = tx.copy_in_raw(form.target()).await?;
            sink.send(input.finish()).await?;
            sink.finish().await?;
        }
        Tx::Sqlite(tx) => {
            let others = match form {
                Form::Plain => "",
                Form::Detailed => {
                    ", kind, target, thread, reply_to, edited_at, gone, reacted, pinned_at"
                }
            };
            for rows in missing.chunks(ROWS) {
                let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
                    "INSERT INTO messages (id, room_id, seq, number, user_id, content, created_at",
                );
                query.push(others).push(") ");
                query.push_values(rows, |mut values, row| {
                    values
                        .push_bind(row.id)
                        .push_bind(room)
                        .push_bind(row.seq)
                        .push_bind(row.number)
                        .push_bind(ids.get(row.user.as_ref()))
                        .push_bind(row.content.as_str())
                        .push_bind(format_time(row.created_at));
                    if let (Form::Detailed, Some(details)) = (form, &row.details) {
                        bind_details(&mut values, details);
                    }
                });
                query.build().execute(&mut **tx).await?;
            }
        }
    }
    Ok(())
}

fn bind_details(values: &mut Separated<'_, Sqlite, &'static str>, details: &Details) {
    values
        .push_bind(details.kind)
        .push_bind(details.target)
        .push_bind(details.thread)
        .push_bind(details.reply_to)
        .push_bind(details.edited_at.map(format_time))
        .push_bind(details.gone)
        .push_bind(i16::from(details.reacted))
        .push_bind(details.pinned_at.map(format_time));
}

/// The user of that nickname, made if there is none.
pub(super) async fn user(tx: &mut Tx, name: &Arc<str>) -> Result<UserId, sqlx::Error> {
    let args = [(&**name).into()];
    tx.run(MAKE_USER, &args).await?;
    let found: Vec<(UserId,)> = tx.all(FIND_USER, &args).await?;
    found
        .first()
        .map(|(id,)| *id)
        .ok_or(sqlx::Error::RowNotFound)
}
