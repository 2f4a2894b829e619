//! Appending to the log: a batch in one transaction.
use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sqlx::error::ErrorKind;
use sqlx::sqlite::SqliteConnection;
use sqlx::{QueryBuilder, Sqlite};

use super::ago;
use super::operations::{self, Place};
use crate::model::{MessageId, Nonce, Number, RoomKey, Seq};
use crate::store::{Appended, Draft, NONCE_LIFE, Operation, Rejected, StoreError, draft};

type Answer = Option<Result<Appended, Rejected>>;
type Row = (MessageId, Seq, Number, DateTime<Utc>);

/// The drafts of a room that get a place of their own, by their indices in the batch, in their order.
type Members = Vec<(RoomKey, Vec<usize>)>;
/// Drafts with a room or a user that is not the one meant, and their answers.
type Strange = HashMap<usize, Rejected>;

pub(super) async fn append(
    connection: &mut SqliteConnection,
    batch: &[Draft],
) -> Result<Vec<Result<Appended, Rejected>>, StoreError> {
    match attempt(connection, batch, &Strange::new()).await {
        Err(sqlx::Error::Database(e)) if e.is_unique_violation() => {
            catch_up(connection, batch).await?;
        }
        Err(sqlx::Error::Database(e))
            if e.is_foreign_key_violation() || e.kind() == ErrorKind::NotNullViolation => {}
        answers => return Ok(answers?),
    }
    let strange = strange(connection, batch).await?;
    Ok(attempt(connection, batch, &strange).await?)
}

/// Whether each row of a table that is asked for, by id and uid, is not there.
macro_rules! absent {
    ($table:literal) => {
        concat!(
            "SELECT value ->> 0, value ->> 1 FROM json_each(?1) WHERE NOT EXISTS
             (SELECT 1 FROM ",
            $table,
            " WHERE id = value ->> 0 AND uid = value ->> 1)"
        )
    };
}

/// The drafts with a room or a user that was deleted, or is another one by now, while they were on the
/// way. Asked only when a row was refused, since it is rare and every row would pay for it.
async fn strange(
    connection: &mut SqliteConnection,
    batch: &[Draft],
) -> Result<Strange, sqlx::Error> {
    let room = |draft: &Draft| (draft.room.id.get(), draft.room.uid.get());
    let user = |draft: &Draft| (draft.user.id.get(), draft.user.uid.get());
    let (rooms, users) = (batch.iter().map(room), batch.iter().map(user));
    let rooms = absent(connection, absent!("rooms"), rooms).await?;
    let users = absent(connection, absent!("users"), users).await?;
    let why = |draft: &Draft| {
        if rooms.contains(&room(draft)) {
            Some(Rejected::NoSuchRoom)
        } else if users.contains(&user(draft)) {
            Some(Rejected::NoSuchUser)
        } else {
            None
        }
    };
    let strange = batch.iter().map(why).enumerate();
    Ok(strange.filter_map(|(i, why)| Some((i, why?))).collect())
}

/// Those of the asked, each an id and a uid, that `sql` says are not there.
async fn absent(
    connection: &mut SqliteConnection,
    sql: &'static str,
    asked: impl Iterator<Item = (i64, i64)>,
) -> Result<HashSet<(i64, i64)>, sqlx::Error> {
    let asked: HashSet<(i64, i64)> = asked.collect();
    let asked = serde_json::to_string(&asked).unwrap_or_default();
    let absent: Vec<(i64, i64)> = sqlx::query_as(sql)
        .bind(asked)
        .fetch_all(connection)
        .await?;
    Ok(absent.into_iter().collect())
}

/// Rows that were inserted by hand without their `last_seq` hold the places that it would
/// give out next: raises it past them, or nothing could be said in that room any more.
async fn catch_up(connection: &mut SqliteConnection, batch: &[Draft]) -> Result<(), sqlx::Error> {
    for room in batch.iter().map(|d| d.room.id).collect::<HashSet<_>>() {
        sqlx::query(
            "UPDATE rooms SET last_seq =
               max(last_seq, (SELECT coalesce(max(seq), 0) FROM messages WHERE room_id = ?1))
             WHERE id = ?1",
        )
        .bind(room)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Commits the batch, or nothing of it. The caller lets go of the connection if this is given up
/// half way: it may be in the middle of the transaction.
async fn attempt(
    connection: &mut SqliteConnection,
    batch: &[Draft],
    strange: &Strange,
) -> Result<Vec<Result<Appended, Rejected>>, sqlx::Error> {
    let outcome = commit(connection, batch, strange).await;
    if outcome.is_err() {
        // Some errors have ended the transaction already, and there is nothing to roll back.
        let _ = run(connection, "ROLLBACK").await;
    }
    outcome
}

/// The whole commit is one text wherever it can be, so that it goes to the connection's thread
/// and back once: each way costs more than most statements do. Only nonces, and messages that are to be
/// changed, are looked for first.
async fn commit(
    connection: &mut SqliteConnection,
    batch: &[Draft],
    strange: &Strange,
) -> Result<Vec<Result<Appended, Rejected>>, sqlx::Error> {
    let rejected = |i| strange.get(&i).copied().map(Err);
    let mut answers: Vec<Answer> = (0..batch.len()).map(rejected).collect();
    let looks = |draft: &Draft| draft.nonce.is_some() || draft.operation.target().is_some();
    let looks_first = batch.iter().any(looks);
    let mut twins = HashMap::new();
    if looks_first {
        run(connection, "BEGIN IMMEDIATE").await?;
        twins = known_nonces(connection, batch, &mut answers).await?;
        let missing = operations::missing(connection, batch).await?;
        draft::refuse_missing(batch, &missing, &mut answers);
    }
    let open = |i: usize| answers[i].is_none() && !twins.contains_key(&i);
    let riders = draft::riders(batch, open);
    let members = by_room(batch, |i| open(i) && !riders.contains_key(&i));
    let mut query = if looks_first {
        store(batch, &members, &riders, ("", ""))
    } else {
        store(batch, &members, &riders, ("BEGIN IMMEDIATE; ", "COMMIT"))
    };
    let stored: Vec<Row> = query
        .build_query_as()
        .persistent(batch.len() == 1)
        .fetch_all(&mut *connection)
        .await?;
    fill(&members, stored, &mut answers);
    if looks_first {
        remember_nonces(connection, batch, &members, &answers).await?;
        run(connection, "COMMIT").await?;
    }
    twins.extend(riders);
    for (i, first) in twins {
        answers[i] = answers[first].clone().map(|a| a.map(repeated));
    }
    Ok(answers
        .into_iter()
        .map(|a| a.unwrap_or(Err(Rejected::NoSuchRoom)))
        .collect())
}

async fn run(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::query(sql).execute(connection).await.map(drop)
}

fn repeated(first: Appended) -> Appended {
    Appended {
        fresh: false,
        ..first
    }
}

/// Answers drafts whose nonce was stored before, and finds those whose nonce comes twice in
/// this very batch (as its place and the place of the first).
async fn known_nonces(
    tx: &mut SqliteConnection,
    batch: &[Draft],
    answers: &mut [Answer],
) -> Result<HashMap<usize, usize>, sqlx::Error> {
    let mut firsts: HashMap<&Nonce, usize> = HashMap::new();
    let mut twins = HashMap::new();
    for (i, draft) in batch.iter().enumerate() {
        let Some(nonce) = &draft.nonce else { continue };
        if let Some(first) = firsts.get(nonce) {
            twins.insert(i, *first);
            continue;
        }
        firsts.insert(nonce, i);
        let known: Option<(MessageId, Seq, Number, DateTime<Utc>)> = sqlx::query_as(
            "SELECT n.message_id, n.seq, coalesce(m.number, n.seq), n.created_at
             FROM nonces n LEFT JOIN messages m ON m.id = n.message_id
             WHERE n.session_id = ?1 AND n.nonce = ?2
               AND n.created_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?3)",
        )
        .bind(nonce.session.as_str())
        .bind(&*nonce.value)
        .bind(ago(NONCE_LIFE))
        .fetch_optional(&mut *tx)
        .await?;
        if let Some((id, seq, number, created_at)) = known {
            answers[i] = Some(Ok(Appended {
                id,
                seq,
                number,
                created_at,
                fresh: false,
            }));
        }
    }
    Ok(twins)
}

/// The drafts that are to be stored, by room.
fn by_room(batch: &[Draft], wanted: impl Fn(usize) -> bool) -> Members {
    let mut rooms: Members = Vec::new();
    let mut at: HashMap<RoomKey, usize> = HashMap::new();
    for (i, draft) in batch.iter().enumerate().filter(|(i, _)| wanted(*i)) {
        let slot = *at.entry(draft.room).or_insert_with(|| {
            rooms.push((draft.room, Vec::new()));
            rooms.len() - 1
        });
        rooms[slot].1.push(i);
    }
    rooms
}

/// For each room: raises its `last_seq`, and inserts its rows below that. Where the room
/// is not there under that uid, a row has no place; where the user is not, it has a user that there cannot
/// be: either way it is refused, and with it all of this. Then what the drafts do to other messages.
fn store(
    batch: &[Draft],
    members: &Members,
    riders: &HashMap<usize, usize>,
    (begin, commit): (&str, &str),
) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(begin);
    for (room, drafts) in members {
        insert(&mut sql, batch, *room, drafts);
        let count = drafts.len() as i64;
        for (place, i) in (1i64..).zip(drafts) {
            let room = room.id;
            let before_end = count - place;
            operations::push(&mut sql, &batch[*i], &Place { room, before_end });
        }
    }
    for i in riders.keys() {
        let (room, before_end) = (batch[*i].room.id, 0);
        operations::push(&mut sql, &batch[*i], &Place { room, before_end });
    }
    sql.push(commit);
    sql
}

fn insert(sql: &mut QueryBuilder<Sqlite>, batch: &[Draft], room: RoomKey, drafts: &[usize]) {
    let operation = |i: &usize| &batch[*i].operation;
    let plain = drafts.iter().map(operation).all(|of| of.is_plain());
    let count = drafts.len() as i64;
    let said = drafts.iter().map(operation).filter(|of| of.is_said());
    let said = said.count() as i64;
    sql.push("UPDATE rooms SET last_seq = last_seq + ")
        .push_bind(count)
        .push(", events = events + ")
        .push_bind(count - said)
        .push(" WHERE id = ")
        .push_bind(room.id)
        .push(" AND uid = ")
        .push_bind(room.uid)
        .push("; INSERT INTO messages (room_id, seq, user_id, content, number")
        .push(if plain {
            ""
        } else {
            ", kind, target, thread, reply_to"
        })
        .push(") SELECT ")
        .push_bind(room.id)
        .push(", r.last_seq - ")
        .push_bind(count)
        .push(
            " + column1, coalesce((SELECT id FROM users WHERE id = column2 AND uid = column3), 0),
               column4, r.last_number - ",
        )
        .push_bind(said)
        .push(if plain {
            " + column1"
        } else {
            " + column5, column6, column7, column8, column9"
        })
        .push(" FROM (");
    let mut number = 0i64;
    sql.push_values((1i64..).zip(drafts), |mut row, (place, i)| {
        let draft = &batch[*i];
        let of = &draft.operation;
        number += i64::from(of.is_said());
        row.push_bind(place);
        row.push_bind(draft.user.id);
        row.push_bind(draft.user.uid);
        if let Operation::Say { content, .. } = of {
            row.push_bind(content.clone());
        } else {
            row.push_bind("");
        }
        if !plain {
            row.push_bind(number);
            row.push_bind(of.kind());
            row.push_bind(of.target());
            row.push_bind(of.thread());
            row.push_bind(of.reply_to());
        }
    });
    sql.push(") LEFT JOIN rooms r ON r.id = ")
        .push_bind(room.id)
        .push(" AND r.uid = ")
        .push_bind(room.uid)
        .push(" RETURNING id, seq, number, created_at; ");
}

/// Puts what was stored in the place of each draft. Each room is a statement, and each row's id is greater
/// than all before it, so the ids tell the rooms apart; SQLite promises no order for RETURNING.
fn fill(members: &Members, mut stored: Vec<Row>, answers: &mut [Answer]) {
    stored.sort_unstable_by_key(|(id, ..)| *id);
    let mut rest = &mut stored[..];
    for (_, drafts) in members {
        let (rows, others) = rest.split_at_mut(drafts.len().min(rest.len()));
        rows.sort_unstable_by_key(|(_, seq, ..)| *seq);
        for (i, (id, seq, number, created_at)) in drafts.iter().zip(rows) {
            answers[*i] = Some(Ok(Appended {
                id: *id,
                seq: *seq,
                number: *number,
                created_at: *created_at,
                fresh: true,
            }));
        }
        rest = others;
    }
}

async fn remember_nonces(
    tx: &mut SqliteConnection,
    batch: &[Draft],
    members: &Members,
    answers: &[Answer],
) -> Result<(), sqlx::Error> {
    for i in members.iter().flat_map(|(_, drafts)| drafts) {
        if let (Some(nonce), Some(Ok(stored))) = (&batch[*i].nonce, &answers[*i]) {
            sqlx::query(
                "INSERT OR REPLACE INTO nonces
                   (session_id, nonce, message_id, room_id, seq, created_at)
                 SELECT ?1, ?2, id, room_id, seq, created_at FROM messages WHERE id = ?3",
            )
            .bind(nonce.session.as_str())
            .bind(&*nonce.value)
            .bind(stored.id)
            .execute(&mut *tx)
            .await?;
        }
    }
    Ok(())
}
