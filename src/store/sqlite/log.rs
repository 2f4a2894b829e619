//! Appending to the log: a batch in one transaction.
use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, QueryBuilder, Sqlite};

use super::ago;
use crate::model::{Nonce, RoomId, Seq, UserId};
use crate::store::{Appended, Draft, NONCE_LIFE, Rejected, StoreError};

/// Rows in one INSERT; four values each stay far below SQLite's limit of 32,766.
const ROWS: usize = 500;

type Answer = Option<Result<Appended, Rejected>>;

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

async fn attempt(
    connection: &mut SqliteConnection,
    batch: &[Draft],
    gone: &HashSet<UserId>,
) -> Result<Vec<Result<Appended, Rejected>>, sqlx::Error> {
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
    let mut answers: Vec<Answer> = vec![None; batch.len()];
    let twins = known_nonces(&mut tx, batch, &mut answers).await?;
    let placed = place(&mut tx, batch, &twins, &mut answers).await?;
    for rows in placed.chunks(ROWS) {
        insert(&mut tx, batch, gone, rows, &mut answers).await?;
    }
    remember_nonces(&mut tx, batch, &placed, &answers).await?;
    tx.commit().await?;
    for (i, first) in twins {
        answers[i] = answers[first].clone().map(|a| a.map(repeated));
    }
    Ok(answers
        .into_iter()
        .map(|a| a.unwrap_or(Err(Rejected::NoSuchRoom)))
        .collect())
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
        let known: Option<(i64, Seq, DateTime<Utc>)> = sqlx::query_as(
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

/// Gives every draft that is to be stored its `seq`, room by room; returns their indices
/// with it. A room that is gone rejects its drafts and nobody else's.
async fn place(
    tx: &mut SqliteConnection,
    batch: &[Draft],
    twins: &HashMap<usize, usize>,
    answers: &mut [Answer],
) -> Result<Vec<(usize, Seq)>, sqlx::Error> {
    let mut rooms: Vec<(RoomId, Vec<usize>)> = Vec::new();
    let mut at: HashMap<RoomId, usize> = HashMap::new();
    for (i, draft) in batch.iter().enumerate() {
        if answers[i].is_some() || twins.contains_key(&i) {
            continue;
        }
        let slot = *at.entry(draft.room).or_insert_with(|| {
            rooms.push((draft.room, Vec::new()));
            rooms.len() - 1
        });
        rooms[slot].1.push(i);
    }
    let mut placed = Vec::with_capacity(batch.len());
    for (room, members) in rooms {
        let count = members.len() as i64;
        let last: Option<Seq> = sqlx::query_scalar(
            "UPDATE rooms SET last_seq = last_seq + ?1 WHERE id = ?2 RETURNING last_seq",
        )
        .bind(count)
        .bind(room)
        .fetch_optional(&mut *tx)
        .await?;
        match last {
            Some(last) => placed.extend(members.into_iter().zip(last - count + 1..)),
            None => members
                .iter()
                .for_each(|i| answers[*i] = Some(Err(Rejected::NoSuchRoom))),
        }
    }
    Ok(placed)
}

async fn insert(
    tx: &mut SqliteConnection,
    batch: &[Draft],
    gone: &HashSet<UserId>,
    rows: &[(usize, Seq)],
    answers: &mut [Answer],
) -> Result<(), sqlx::Error> {
    let mut query: QueryBuilder<Sqlite> =
        QueryBuilder::new("INSERT INTO messages (room_id, seq, user_id, content) ");
    query.push_values(rows, |mut row, (i, seq)| {
        let draft = &batch[*i];
        row.push_bind(draft.room).push_bind(*seq);
        row.push_bind(Some(draft.user).filter(|user| !gone.contains(user)));
        row.push_bind(&*draft.content);
    });
    query.push(" RETURNING id, room_id, seq, created_at");
    let stored: Vec<(i64, RoomId, Seq, DateTime<Utc>)> = query
        .build_query_as()
        .persistent(rows.len() == 1)
        .fetch_all(&mut *tx)
        .await?;
    // SQLite promises no order for RETURNING.
    let places: HashMap<(RoomId, Seq), usize> = match rows {
        [_] => HashMap::new(),
        _ => rows
            .iter()
            .map(|(i, seq)| ((batch[*i].room, *seq), *i))
            .collect(),
    };
    for (id, room, seq, created_at) in stored {
        let i = places.get(&(room, seq)).copied().unwrap_or(rows[0].0);
        answers[i] = Some(Ok(Appended {
            id,
            seq,
            created_at,
            fresh: true,
        }));
    }
    Ok(())
}

async fn remember_nonces(
    tx: &mut SqliteConnection,
    batch: &[Draft],
    placed: &[(usize, Seq)],
    answers: &[Answer],
) -> Result<(), sqlx::Error> {
    for (i, _) in placed {
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
