//! Taking words away for good, and what is known of what was taken.
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::time::{Duration, Instant, sleep};

use super::History;
use crate::model::{Number, RoomId, Seq, Uid, UserId};
use crate::store::audit::{self, Record};
use crate::store::session::{Database, Tx};
use crate::store::sql::Arg;
use crate::store::{StoreError, postgres};

/// Messages in one transaction, for which commits to their room wait.
const BATCH: usize = 250;
/// How long it is tried to empty a log that another process reads.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);
/// For all of a large table.
const VACUUM: Duration = Duration::from_secs(3_600);

/// What was erased. It says nothing of what was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    pub uid: Uid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_uid: Option<Uid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq_from: Option<Seq>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq_to: Option<Seq>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_uid: Option<Uid>,
    /// The room's name; of a person a digest of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What was said later is not meant.
    pub at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What an erasure is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The messages of a room from one place to another.
    Part { room: Uid, from: Seq, to: Seq },
    /// All of a person.
    Person(Uid),
}

impl Erasure {
    /// `None` where the row is none of ours.
    pub fn scope(&self) -> Option<Scope> {
        match (self.room_uid, self.seq_from, self.seq_to, self.user_uid) {
            (Some(room), Some(from), Some(to), None) => Some(Scope::Part { room, from, to }),
            (None, None, None, Some(user)) => Some(Scope::Person(user)),
            _ => None,
        }
    }
}

/// Which rows of a room are meant.
#[derive(Debug, Clone, Copy)]
pub struct Erasing {
    pub room: RoomId,
    pub from: Seq,
    pub to: Seq,
    /// Only those by this user, which loses its authorship.
    pub by: Option<UserId>,
    /// Only what is not later.
    pub until: DateTime<Utc>,
}

/// What one transaction did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erased {
    /// Messages that lost their text by this.
    pub messages: u64,
    /// The last row that was looked at; `None` after the last of all.
    pub last: Option<Seq>,
}

pub(in crate::store) type ErasureRow = (
    Uid,
    Option<Uid>,
    Option<Seq>,
    Option<Seq>,
    Option<Uid>,
    Option<String>,
    DateTime<Utc>,
    Option<String>,
);

impl From<ErasureRow> for Erasure {
    fn from((uid, room_uid, seq_from, seq_to, user_uid, name, at, why): ErasureRow) -> Self {
        Self {
            uid,
            room_uid,
            seq_from,
            seq_to,
            user_uid,
            name,
            at,
            why,
        }
    }
}

pub(in crate::store) const ERASURES: &str = "SELECT uid, room_uid, seq_from, seq_to, user_uid, name, at, why FROM erasures ORDER BY at, uid";
const NOTE: &str = "INSERT INTO erasures
       (uid, room_uid, seq_from, seq_to, user_uid, name, at, why, by_user)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'operator')
     ON CONFLICT (uid) DO UPDATE SET at = @greatest(erasures.at, excluded.at)";
/// A message that has its words, or a row that names its author.
const FIND: &str = "SELECT seq, CASE WHEN kind < 10 AND gone IS NULL THEN 1 ELSE 0 END
     FROM messages WHERE room_id = $1 AND seq > $2 AND seq <= $3 AND created_at <= $4
       AND (kind < 10 AND gone IS NULL AND $5 IS NULL OR user_id = $5) ORDER BY seq LIMIT $6";
const NAMELESS: &str = "UPDATE messages SET user_id = NULL WHERE seq @in($1) AND room_id = $2";
const PLACES: &str =
    "UPDATE rooms SET last_seq = last_seq + $2, events = events + $2, history_version = history_version + 1
     WHERE id = $1 RETURNING last_seq - $2, last_number";
const SCRUB: [&str; 3] = [
    "UPDATE messages SET content = '', gone = 3, edited_at = NULL, pinned_at = NULL, reacted = 0
     WHERE seq @in($1) AND room_id = $2",
    "DELETE FROM reactions WHERE seq @in($1) AND room_id = $2",
    "DELETE FROM mentions WHERE seq @in($1) AND room_id = $2",
];
/// Readers learn of it as of every deletion.
const EVENTS_IN_POSTGRES: &str =
    "INSERT INTO messages (room_id, seq, number, kind, target, content)
     SELECT $2, $3 + n, $4, 11, target, '' FROM unnest($1) WITH ORDINALITY AS t (target, n)";
const EVENTS_IN_SQLITE: &str = "INSERT INTO messages (room_id, seq, number, kind, target, content)
     SELECT $2, $3 + key + 1, $4, 11, value, '' FROM json_each($1)";
const REACTED_ROOMS: &str = "UPDATE rooms SET history_version = history_version + 1
     WHERE id IN (SELECT room_id FROM reactions WHERE user_id = $1 AND at <= $2)";

impl History {
    /// All that was erased.
    pub async fn erasures(&mut self) -> Result<Vec<Erasure>, StoreError> {
        let rows: Vec<ErasureRow> = self.session.all(ERASURES, &[]).await?;
        Ok(rows.into_iter().map(Erasure::from).collect())
    }

    /// Writes down what is about to be erased; `record` in the audit log, where an operator asks for it.
    pub async fn note(
        &mut self,
        erasure: &Erasure,
        record: Option<&Record<'_>>,
    ) -> Result<(), StoreError> {
        let number = |uid: Option<Uid>| Arg::Number(uid.map(Uid::get));
        let args = [
            erasure.uid.into(),
            number(erasure.room_uid),
            erasure.seq_from.into(),
            erasure.seq_to.into(),
            number(erasure.user_uid),
            erasure.name.as_deref().into(),
            erasure.at.into(),
            erasure.why.as_deref().into(),
        ];
        let noted = async {
            let mut tx = self.session.begin_to_write().await?;
            tx.run(NOTE, &args).await?;
            if let Some(record) = record {
                tx.run(audit::WRITE, &record.args()).await?;
            }
            tx.commit().await?;
            Ok(())
        };
        self.session.within(noted).await
    }

    /// A person by the nickname, as it is written.
    pub async fn person(
        &mut self,
        name: &str,
    ) -> Result<Option<(UserId, Uid, String)>, StoreError> {
        let sql = "SELECT id, uid, nickname FROM users WHERE @lower(nickname@c) = @lower($1@c)";
        self.session.first(sql, &[name.into()]).await
    }

    /// The person of that uid.
    pub async fn person_of(&mut self, uid: Uid) -> Result<Option<UserId>, StoreError> {
        let sql = "SELECT id FROM users WHERE uid = $1";
        let found: Option<(UserId,)> = self.session.first(sql, &[uid.into()]).await?;
        Ok(found.map(|(id,)| id))
    }

    /// How many messages have their words and are meant.
    pub async fn erasable(&mut self, what: &Erasing) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM messages WHERE room_id = $1 AND seq >= $2 AND seq <= $3
             AND created_at <= $4 AND kind < 10 AND gone IS NULL AND ($5 IS NULL OR user_id = $5)";
        let by = Arg::Number(what.by.map(UserId::get));
        let args = [
            what.room.into(),
            what.from.into(),
            what.to.into(),
            what.until.into(),
            by,
        ];
        let count: i64 = self.session.one(sql, &args).await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Takes the words of the first messages after `after` that are meant, with their reactions and mentions,
    /// in one transaction. Each gets its event, so that every reader learns of it, and running instances
    /// read anew what they keep.
    ///
    /// It holds the room before it looks for the rows, so that no commit under way is passed over; a commit has
    /// the rows that it changes before the room. Where the two wait for each other, PostgreSQL ends one: it is
    /// tried again.
    pub async fn erase(&mut self, what: &Erasing, after: Seq) -> Result<Erased, StoreError> {
        for tries in 1..super::TRIES {
            match self.try_to_erase(what, after).await {
                Err(StoreError::Busy) => postgres::pause(tries).await,
                outcome => return outcome,
            }
        }
        self.try_to_erase(what, after).await
    }

    async fn try_to_erase(&mut self, what: &Erasing, after: Seq) -> Result<Erased, StoreError> {
        let events = self.session.either(EVENTS_IN_POSTGRES, EVENTS_IN_SQLITE);
        let after = after.max(what.from.previous());
        let erased = async {
            let mut tx = self.session.begin_to_write().await?;
            scrubbing(&mut tx).await?;
            // First, so that what is committed is all there.
            let room = [what.room.into(), Arg::Number(Some(0))];
            let _: Vec<(Seq, Number)> = tx.all(PLACES, &room).await?;
            let find = [
                what.room.into(),
                after.into(),
                what.to.into(),
                what.until.into(),
                Arg::Number(what.by.map(UserId::get)),
                BATCH.into(),
            ];
            let found: Vec<(Seq, i32)> = tx.all(FIND, &find).await?;
            let all: Vec<i64> = found.iter().map(|(seq, _)| seq.get()).collect();
            let spoken = found.iter().filter(|(_, words)| *words != 0);
            let spoken: Vec<i64> = spoken.map(|(seq, _)| seq.get()).collect();
            if what.by.is_some() && !all.is_empty() {
                tx.run(NAMELESS, &[Arg::Numbers(&all), what.room.into()])
                    .await?;
            }
            if !spoken.is_empty() {
                let count = i64::try_from(spoken.len()).unwrap_or(i64::MAX);
                let places: Vec<(Seq, Number)> =
                    tx.all(PLACES, &[what.room.into(), count.into()]).await?;
                let (base, number) = *places.first().ok_or(sqlx::Error::RowNotFound)?;
                let messages = [Arg::Numbers(&spoken), what.room.into()];
                for sql in SCRUB {
                    tx.run(sql, &messages).await?;
                }
                let [messages, room] = messages;
                tx.run(events, &[messages, room, base.into(), number.into()])
                    .await?;
            }
            tx.commit().await?;
            Ok(Erased {
                messages: spoken.len() as u64,
                last: found.last().filter(|_| found.len() == BATCH).map(|f| f.0),
            })
        };
        self.session.within(erased).await
    }

    /// Takes a person's reactions and what calls that person away. Returns how many reactions.
    pub async fn erase_traces(
        &mut self,
        user: UserId,
        until: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let erased = async {
            let mut tx = self.session.begin_to_write().await?;
            scrubbing(&mut tx).await?;
            let (theirs, until) = ([user.into(), until.into()], until);
            tx.run(REACTED_ROOMS, &theirs).await?;
            let reactions = "DELETE FROM reactions WHERE user_id = $1 AND at <= $2";
            let count = tx.run(reactions, &theirs).await?;
            let mentions = "DELETE FROM mentions WHERE user_id = $1 AND EXISTS (
                 SELECT 1 FROM messages m WHERE m.room_id = mentions.room_id
                   AND m.seq = mentions.seq AND m.created_at <= $2)";
            tx.run(mentions, &[user.into(), until.into()]).await?;
            tx.commit().await?;
            Ok(count)
        };
        self.session.within(erased).await
    }

    /// How many messages have that in their text.
    pub async fn with_words(&mut self, words: &str) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM messages WHERE @position(content, $1) > 0";
        let count: i64 = self.session.one(sql, &[words.into()]).await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Rewrites what rows left behind in the database's own files, as far as that can be done while
    /// others use it. Of SQLite that is everything: its free pages go, and its log is emptied. Fails where
    /// another process does not let go of the log in time.
    pub async fn clean(&mut self) -> Result<(), StoreError> {
        match &self.session.database {
            Database::Postgres(pool, _) => {
                let vacuum = "VACUUM messages, reactions, mentions, threads, search_blocks";
                let done = sqlx::raw_sql(vacuum).execute(pool);
                match tokio::time::timeout(VACUUM, done).await {
                    Ok(done) => Ok(done.map(drop)?),
                    Err(_) => Err(StoreError::Unavailable("no answer in time".into())),
                }
            }
            Database::Sqlite(pool, ..) => {
                sqlx::raw_sql("VACUUM").execute(pool).await?;
                let end = Instant::now() + PATIENCE;
                loop {
                    let (busy, ..): (i64, i64, i64) =
                        sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)")
                            .fetch_one(pool)
                            .await?;
                    if busy == 0 {
                        return Ok(());
                    }
                    if Instant::now() >= end {
                        let why =
                            "another process reads the database, and its log cannot be emptied";
                        return Err(StoreError::Locked(why.into()));
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

/// What this transaction takes away is overwritten in SQLite's pages, and not only let go of.
async fn scrubbing(tx: &mut Tx) -> Result<(), sqlx::Error> {
    if let Tx::Sqlite(tx) = tx {
        sqlx::raw_sql("PRAGMA secure_delete = ON")
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}
