//! Appending to the log: a batch in one transaction.
use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteConnection;
use sqlx::{QueryBuilder, Sqlite};

use super::ago;
use crate::model::{MessageId, Nonce, RoomId, Seq, UserId};
use crate::store::{Appended, Draft, NONCE_LIFE, Rejected, StoreError};

type Answer = Option<Result<Appended, Rejected>>;
type Row = (MessageId, RoomId, Seq, DateTime<Utc>);

/// The drafts of a room that are to be stored, by their indices in the batch, in their order.
type Members = Vec<(RoomId, Vec<usize>)>;

pub(super) async fn append(
    connection: &mut SqliteConnection,
    batch: &[Draft],
) -> Result<Vec<Result<Appended, Rejected>>, StoreError> {
    match attempt(connection, batch, &HashSet::new()).await {
        Err(sqlx::Error::Database(e)) if e.is_unique_violation() => {
            catch_up(connection, batch).await?;
        }
        Err(sqlx::Error::Database(e)) if e.is_foreign_key_violation() => {}
        answers => return Ok(answers?),
    }
    let gone = gone(connection, batch).await?;
    Ok(attempt(connection, batch, &gone).await?)
}

/// Authors who were deleted while their messages were on the way: those are stored without one.
/// Asked only when a row was refused, since it is rare and every row would pay for it.
async fn gone(
    connection: &mut SqliteConnection,
    batch: &[Draft],
) -> Result<HashSet<UserId>, sqlx::Error> {
    let mut authors: HashSet<UserId> = batch.iter().map(|draft| draft.user).collect();
    let asked = serde_json::to_string(&authors).unwrap_or_default();
    let found: Vec<UserId> =
        sqlx::query_scalar("SELECT id FROM users WHERE id IN (SELECT value FROM json_each(?1))")
            .bind(asked)
            .fetch_all(connection)
            .await?;
    found.iter().for_each(|id| {
        authors.remove(id);
    });
    Ok(authors)
}

/// Rows that were inserted by hand without their `last_seq` hold the places that it would
/// give out next: raises it past them, or nothing could be said in that room any more.
async fn catch_up(connection: &mut SqliteConnection, batch: &[Draft]) -> Result<(), sqlx::Error> {
    for room in batch.iter().map(|d| d.room).collect::<HashSet<_>>() {
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
    gone: &HashSet<UserId>,
) -> Result<Vec<Result<Appended, Rejected>>, sqlx::Error> {
    let outcome = commit(connection, batch, gone).await;
    if outcome.is_err() {
        // Some errors have ended the transaction already, and there is nothing to roll back.
        let _ = run(connection, "ROLLBACK").await;
    }
    outcome
}

/// The whole commit is one text wherever it can be, so that it goes to the connection's thread
/// and back once: each way costs more than most statements do. Only nonces are looked for first.
async fn commit(
    connection: &mut SqliteConnection,
    batch: &[Draft],
    gone: &HashSet<UserId>,
) -> Result<Vec<Result<Appended, Rejected>>, sqlx::Error> {
    let mut answers: Vec<Answer> = vec![None; batch.len()];
    let named = batch.iter().any(|draft| draft.nonce.is_some());
    let mut twins = HashMap::new();
    if named {
        run(connection, "BEGIN IMMEDIATE").await?;
        twins = known_nonces(connection, batch, &mut answers).await?;
    }
    let members = by_room(batch, |i| answers[i].is_none() && !twins.contains_key(&i));
    let mut query = if named {
        store(batch, gone, &members, ("", ""))
    } else {
        store(batch, gone, &members, ("BEGIN IMMEDIATE; ", "COMMIT"))
    };
    let stored: Vec<Row> = query
        .build_query_as()
        .persistent(batch.len() == 1)
        .fetch_all(&mut *connection)
        .await?;
    fill(&members, stored, &mut answers);
    if named {
        remember_nonces(connection, batch, &members, &answers).await?;
        run(connection, "COMMIT").await?;
    }
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
        let known: Option<(MessageId, Seq, DateTime<Utc>)> = sqlx::query_as(
            "SELECT message_id, seq, created_at FROM nonces
             WHERE session_id = ?1 AND nonce = ?2
               AND created_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?3)",
        )
        .bind(nonce.session.as_str())
        .bind(&*nonce.value)
        .bind(ago(NONCE_LIFE))
        .fetch_optional(&mut *tx)
        .await?;
        answers[i] = known.map(|(id, seq, created_at)| {
            Ok(Appended {
                id,
                seq,
                created_at,
                fresh: false,
            })
        });
    }
    Ok(twins)
}

/// The drafts that are to be stored, by room.
fn by_room(batch: &[Draft], wanted: impl Fn(usize) -> bool) -> Members {
    let mut rooms: Members = Vec::new();
    let mut at: HashMap<RoomId, usize> = HashMap::new();
    for (i, draft) in batch.iter().enumerate().filter(|(i, _)| wanted(*i)) {
        let slot = *at.entry(draft.room).or_insert_with(|| {
            rooms.push((draft.room, Vec::new()));
            rooms.len() - 1
        });
        rooms[slot].1.push(i);
    }
    rooms
}

/// For each room: raises its `last_seq`, and inserts its rows below that. A room that is gone
/// takes none of its own and of no other.
fn store(
    batch: &[Draft],
    gone: &HashSet<UserId>,
    members: &Members,
    (begin, commit): (&str, &str),
) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(begin);
    for (room, drafts) in members {
        let count = drafts.len() as i64;
        sql.push("UPDATE rooms SET last_seq = last_seq + ")
            .push_bind(count)
            .push(" WHERE id = ")
            .push_bind(*room)
            .push("; INSERT INTO messages (room_id, seq, user_id, content) SELECT r.id, r.last_seq - ")
            .push_bind(count)
            .push(" + column1, column2, column3 FROM (");
        sql.push_values((1i64..).zip(drafts), |mut row, (place, i)| {
            let draft = &batch[*i];
            row.push_bind(place);
            row.push_bind(Some(draft.user).filter(|user| !gone.contains(user)));
            row.push_bind(draft.content.clone());
        });
        sql.push(") JOIN rooms r WHERE r.id = ")
            .push_bind(*room)
            .push(" RETURNING id, room_id, seq, created_at; ");
    }
    sql.push(commit);
    sql
}

/// Puts what was stored in the place of each draft.
fn fill(members: &Members, mut stored: Vec<Row>, answers: &mut [Answer]) {
    // SQLite promises no order for RETURNING.
    stored.sort_unstable_by_key(|(_, room, seq, _)| (*room, *seq));
    for (room, drafts) in members {
        let first = stored.partition_point(|(_, of, ..)| of < room);
        let rows = stored[first..].iter().take_while(|(_, of, ..)| of == room);
        for (i, (id, _, seq, created_at)) in drafts.iter().zip(rows) {
            answers[*i] = Some(Ok(Appended {
                id: *id,
                seq: *seq,
                created_at: *created_at,
                fresh: true,
            }));
        }
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
