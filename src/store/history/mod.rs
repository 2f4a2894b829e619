//! The log as the archive sees it: read out in pages, deleted in ranges, and put back.
//!
//! On one connection of its own, so that it never stands between chat and the database.
mod copy;
mod erase;
mod known;
mod late;
mod more;
mod restore;
mod row;

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use sqlx::postgres::{PgPool, PgPoolCopyExt};

pub(in crate::store) use self::erase::{ERASURES, ErasureRow};
pub use self::erase::{Erased, Erasing, Erasure, Scope};
use self::known::{Ids, Names};
pub use self::late::Late;
pub use self::row::{Details, EVENTS, Reacted, Root, Row};
use self::row::{Raw, columns};
use super::session::{Database, Purpose, Session};
use super::sql::Arg;
use super::upkeep::AHEAD;
use super::{LEASE, StoreError, alive, postgres};
use crate::model::{
    Epoch, MessageId, Number, RoomId, RoomKind, RoomName, RoomRef, Seq, Uid, UserId,
};

/// How long to wait for a connection, and for another process that writes.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long one statement may take: they all look at a page, or at one room's index.
const STATEMENT: Duration = Duration::from_secs(60);

/// A room with how far it and its archive go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomStand {
    pub room: RoomRef,
    pub kind: RoomKind,
    pub last_seq: Seq,
    pub last_number: Number,
    /// The watermark: this entry and all before it are in the archive for certain.
    pub archived: Seq,
    /// The last place that was ever claimed for an entry that is put back.
    pub replayed: Seq,
}

/// A place in a room, and how many messages there are up to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spot {
    pub seq: Seq,
    pub number: Number,
}

impl Spot {
    /// So many messages further on.
    pub fn plus(self, messages: u64) -> Self {
        let number = self.number.get().saturating_add_unsigned(messages);
        Self {
            seq: self.seq.plus(messages),
            number: Number::new(number),
        }
    }

    /// So many messages before.
    pub fn minus(self, messages: u64) -> Self {
        let number = self.number.get().saturating_sub_unsigned(messages);
        Self {
            seq: self.seq.minus(messages),
            number: Number::new(number.max(0)),
        }
    }
}

/// Which places in a room are to be filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Those up to this one, which the entries name themselves.
    UpTo(Spot),
    /// Those of so many messages after the newest.
    Next(u64),
}

/// How often it is tried to change rows where an erasure and others wait for each other.
const TRIES: u32 = 10;
/// Rows in one transaction on PostgreSQL, where others read and commit beside it.
const BATCH: usize = 5_000;
/// The same on SQLite: all who write wait for it.
const BATCH_ALONE: usize = 1_000;

/// Rooms as they stand.
macro_rules! stands {
    ($which:literal) => {
        concat!(
            "SELECT r.id, r.uid, r.name, r.last_seq, coalesce(a.last_seq, 0), r.replayed_seq, r.kind,
               r.last_number
             FROM rooms r LEFT JOIN room_archive a ON a.room_id = r.id ",
            $which
        )
    };
}

/// What events after `$2` are about, up to `$3`.
const CHANGED: &str = "SELECT DISTINCT target FROM messages
     WHERE room_id = $1 AND seq > $2 AND kind >= 10 AND target <= $3 ORDER BY target";

type Stand = (RoomId, Uid, String, Seq, Seq, Seq, String, Number);

impl From<Stand> for RoomStand {
    fn from((id, uid, name, last_seq, archived, replayed, kind, last_number): Stand) -> Self {
        Self {
            room: RoomRef::stored(id, uid, &name),
            kind: RoomKind::stored(&kind),
            last_seq,
            last_number,
            archived,
            replayed,
        }
    }
}

/// Reading the log out, deleting from it, and putting back what was read out. Each call is at
/// most one transaction, and a short one.
pub struct History {
    session: Session,
    names: Names,
    ids: Ids,
}

/// Opens the database that `url` names, for a program that the database's own views call
/// `application`. The embedded one is migrated, but not made.
pub async fn open(url: &str, application: &str) -> Result<History, StoreError> {
    let purpose = Purpose {
        application,
        connections: 1,
        patience: PATIENCE,
        answer: STATEMENT,
    };
    Ok(History {
        session: Session::open(url, purpose).await?,
        names: Names::default(),
        ids: Ids::default(),
    })
}

impl History {
    /// The database's clock.
    pub async fn now(&mut self) -> Result<DateTime<Utc>, StoreError> {
        self.session.one("SELECT @now", &[]).await
    }

    /// Which past the database tells.
    pub async fn epoch(&mut self) -> Result<Epoch, StoreError> {
        let name: String = self.session.one("SELECT epoch FROM epoch", &[]).await?;
        Ok(Epoch::named(&name))
    }

    /// Whether instances serve this database now, whose commits must not wait.
    pub async fn served(&mut self) -> Result<bool, StoreError> {
        let sql = concat!(
            "SELECT EXISTS (SELECT 1 FROM instances WHERE ",
            alive!("heartbeat_at"),
            ")"
        );
        self.session.one(sql, &alive::args(LEASE)).await
    }

    /// How many rows one transaction may write while others wait for it.
    pub fn batch(&self) -> usize {
        self.session.either(BATCH, BATCH_ALONE)
    }

    /// All rooms, by id.
    pub async fn rooms(&mut self) -> Result<Vec<RoomStand>, StoreError> {
        let rows: Vec<Stand> = self.session.all(stands!("ORDER BY r.id"), &[]).await?;
        Ok(rows.into_iter().map(RoomStand::from).collect())
    }

    pub async fn room(&mut self, name: &RoomName) -> Result<Option<RoomStand>, StoreError> {
        let sql = stands!("WHERE @lower(r.name@c) = @lower($1@c)");
        let row: Option<Stand> = self.session.first(sql, &[name.as_str().into()]).await?;
        Ok(row.map(RoomStand::from))
    }

    /// Up to `limit` entries with `after < seq <= up_to`, ascending.
    pub async fn page(
        &mut self,
        room: RoomId,
        after: Seq,
        up_to: Seq,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let mut raw = match &self.session.database {
            Database::Postgres(pool, _) => {
                let page = copied(pool, room, after, up_to, limit);
                self.session.within(page).await?
            }
            Database::Sqlite(..) => {
                let sql = concat!(
                    "SELECT ",
                    columns!(),
                    " FROM messages
                     WHERE room_id = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4"
                );
                let args = [room.into(), after.into(), up_to.into(), limit.into()];
                self.session.all(sql, &args).await?
            }
        };
        let authors = raw.iter().filter_map(|raw| raw.user);
        self.learn_names(&authors.collect::<Vec<_>>()).await?;
        for Raw { user, row } in &mut raw {
            row.user = self.names.get(user.as_ref());
        }
        let mut rows: Vec<Row> = raw.into_iter().map(|raw| raw.row).collect();
        self.add_more(room, &mut rows).await?;
        Ok(rows)
    }

    async fn learn_names(&mut self, users: &[UserId]) -> Result<(), StoreError> {
        let unknown = self.names.unknown(users.iter());
        if !unknown.is_empty() {
            let unknown: Vec<i64> = unknown.into_iter().map(UserId::get).collect();
            let sql = "SELECT id, nickname FROM users WHERE id @in($1)";
            let found: Vec<(UserId, String)> =
                self.session.all(sql, &[Arg::Numbers(&unknown)]).await?;
            let found = found.into_iter().map(|(id, name)| (id, name.into()));
            self.names.learn(found);
        }
        Ok(())
    }

    /// How many entries there are with `after < seq <= up_to`.
    pub async fn count(&mut self, room: RoomId, after: Seq, up_to: Seq) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM messages WHERE room_id = $1 AND seq > $2 AND seq <= $3";
        let args = [room.into(), after.into(), up_to.into()];
        let count: i64 = self.session.one(sql, &args).await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// The first message after `after` that is not older than `time`. One that is dated later than
    /// now is as old as the next that is not, and without such a one it is young: its room's order
    /// tells more of when it was said than its date.
    pub async fn first_since(
        &mut self,
        room: RoomId,
        after: Seq,
        time: DateTime<Utc>,
    ) -> Result<Option<Seq>, StoreError> {
        /// The room's rows in order, and not those of all rooms by time.
        macro_rules! first_since {
            ($not_ahead:literal, $young:literal) => {
                concat!(
                    "SELECT seq FROM messages WHERE room_id = $1 AND seq > coalesce((
                       SELECT seq FROM messages WHERE room_id = $1 AND seq > $2 AND ", $not_ahead,
                    " AND seq < coalesce((
                           SELECT seq FROM messages WHERE room_id = $1 AND seq > $2 AND ", $young,
                    "      ORDER BY seq LIMIT 1), 9223372036854775807)
                       ORDER BY seq DESC LIMIT 1), $2)
                     ORDER BY seq LIMIT 1"
                )
            };
        }
        let sql = self.session.either(
            first_since!(
                "created_at <= @now($4)",
                "created_at BETWEEN $3 AND @now($4)"
            ),
            first_since!(
                "julianday(created_at) <= julianday('now', $4)",
                "julianday(created_at) BETWEEN julianday($3) AND julianday('now', $4)"
            ),
        );
        let args = [room.into(), after.into(), time.into(), Arg::Ahead(AHEAD)];
        let row: Option<(Seq,)> = self.session.first(sql, &args).await?;
        Ok(row.map(|(seq,)| seq))
    }

    /// The place of the newest entry.
    pub async fn newest(&mut self, room: RoomId) -> Result<Option<Seq>, StoreError> {
        let sql = "SELECT max(seq) FROM messages WHERE room_id = $1";
        self.session.one(sql, &[room.into()]).await
    }

    /// The last place before the newest `keep` messages: events do not count.
    pub async fn before_newest(
        &mut self,
        room: RoomId,
        keep: usize,
    ) -> Result<Option<Seq>, StoreError> {
        let Some(others) = keep.checked_sub(1) else {
            return self.newest(room).await;
        };
        let sql = "SELECT seq FROM messages WHERE room_id = $1 AND kind < 10
             ORDER BY seq DESC LIMIT 1 OFFSET $2";
        let row: Option<(Seq,)> = self
            .session
            .first(sql, &[room.into(), others.into()])
            .await?;
        Ok(row.map(|(oldest,)| oldest.previous()))
    }

    /// Raises the watermark: all up to `seq` is in the archive for certain.
    pub async fn archived(&mut self, room: RoomId, seq: Seq) -> Result<(), StoreError> {
        let sql = "INSERT INTO room_archive (room_id, last_seq) VALUES ($1, $2)
             ON CONFLICT (room_id) DO UPDATE SET archived_at = @now, last_seq = CASE
               WHEN excluded.last_seq > room_archive.last_seq THEN excluded.last_seq
               ELSE room_archive.last_seq END";
        self.session.run(sql, &[room.into(), seq.into()]).await?;
        Ok(())
    }

    /// Deletes the oldest rows with `seq <= up_to`, at most `limit` of them, with what else is stored of
    /// them but their threads, in one transaction. Running instances look at what is left.
    pub async fn delete(
        &mut self,
        room: RoomId,
        up_to: Seq,
        limit: usize,
    ) -> Result<u64, StoreError> {
        self.delete_archived(room, up_to, limit, Seq::MAX).await
    }

    /// The same of what was archived when `seen` was the newest entry: none of them, if an event since then
    /// is about one. It is in no document yet.
    pub async fn delete_archived(
        &mut self,
        room: RoomId,
        up_to: Seq,
        limit: usize,
        seen: Seq,
    ) -> Result<u64, StoreError> {
        for tries in 1..TRIES {
            match self.try_to_delete(room, up_to, limit, seen).await {
                Err(StoreError::Busy) => postgres::pause(tries).await,
                outcome => return outcome,
            }
        }
        self.try_to_delete(room, up_to, limit, seen).await
    }

    async fn try_to_delete(
        &mut self,
        room: RoomId,
        up_to: Seq,
        limit: usize,
        seen: Seq,
    ) -> Result<u64, StoreError> {
        // By their places: of "all up to the last of them" PostgreSQL expects a third of the
        // room, and reads the whole table for it.
        let sql = self.session.either(
            "DELETE FROM messages WHERE room_id = $1 AND seq = ANY (ARRAY(
               SELECT seq FROM messages WHERE room_id = $1 AND seq <= $2 ORDER BY seq LIMIT $3))",
            "DELETE FROM messages WHERE room_id = $1 AND seq <= (
               SELECT max(seq) FROM (SELECT seq FROM messages
                 WHERE room_id = $1 AND seq <= $2 ORDER BY seq LIMIT $3))",
        );
        let oldest = "SELECT min(seq), max(seq) FROM (SELECT seq FROM messages
             WHERE room_id = $1 AND seq <= $2 ORDER BY seq LIMIT $3) AS oldest";
        let args = [room.into(), up_to.into(), limit.into()];
        let deleted = async {
            let mut tx = self.session.begin_to_write().await?;
            // What a crash brings back is deleted by the next run.
            tx.lazily().await?;
            let ends: Vec<(Option<Seq>, Option<Seq>)> = tx.all(oldest, &args).await?;
            let deleted = tx.run(sql, &args).await?;
            if let Some((Some(first), Some(last))) = ends.first() {
                for table in more::BESIDE {
                    tx.run(table, &[room.into(), (*first).into(), (*last).into()])
                        .await?;
                }
            }
            // Last, since commits to the room wait for the holder of its row; a commit that changes one of
            // these rows waits for it before it takes the room.
            if deleted > 0 {
                tx.run(restore::TURN_VERSION, &[room.into()]).await?;
                let args = [room.into(), seen.into(), up_to.into()];
                let changed: Vec<(Seq,)> = tx.all(CHANGED, &args).await?;
                if !changed.is_empty() {
                    return Ok(0);
                }
            }
            tx.commit().await?;
            Ok(deleted)
        };
        self.session.within(deleted).await
    }

    /// Archived entries that events are about which are not archived: they may be others by now than in their
    /// documents.
    pub async fn changed(&mut self, room: RoomId, archived: Seq) -> Result<Vec<Seq>, StoreError> {
        let args = [room.into(), archived.into(), archived.into()];
        let changed: Vec<(Seq,)> = self.session.all(CHANGED, &args).await?;
        Ok(changed.into_iter().map(|(seq,)| seq).collect())
    }

    /// Of these entries, those that are stored, in whatever room.
    pub async fn stored(
        &mut self,
        ids: &[MessageId],
    ) -> Result<Vec<(MessageId, RoomId, Spot)>, StoreError> {
        let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
        let sql = "SELECT id, room_id, seq, coalesce(number, seq) FROM messages WHERE id @in($1)";
        let found: Vec<(MessageId, RoomId, Seq, Number)> =
            self.session.all(sql, &[Arg::Numbers(&ids)]).await?;
        let spot = |(id, room, seq, number)| (id, room, Spot { seq, number });
        Ok(found.into_iter().map(spot).collect())
    }

    /// Whether any message has an id in that range.
    pub async fn any_id(&mut self, from: MessageId, to: MessageId) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM messages WHERE id BETWEEN $1 AND $2)";
        self.session.one(sql, &[from.into(), to.into()]).await
    }

    /// Has running instances look at the room's rows anew.
    pub async fn refresh(&mut self, room: RoomId) -> Result<(), StoreError> {
        self.session
            .run(restore::TURN_VERSION, &[room.into()])
            .await?;
        Ok(())
    }

    pub async fn close(self) {
        self.session.close().await;
    }
}

/// A page, as it leaves PostgreSQL the fastest. COPY takes no parameters; these are numbers.
async fn copied(
    pool: &PgPool,
    room: RoomId,
    after: Seq,
    up_to: Seq,
    limit: usize,
) -> Result<Vec<Raw>, StoreError> {
    let columns = columns!();
    let sql = format!(
        "COPY (SELECT {columns} FROM messages
           WHERE room_id = {room} AND seq > {after} AND seq <= {up_to}
           ORDER BY seq LIMIT {limit}) TO STDOUT (FORMAT binary)"
    );
    let mut raw = Vec::with_capacity(limit);
    let mut stream = pool.copy_out_raw(&sql).await?;
    while let Some(data) = stream.try_next().await? {
        copy::rows(&data, &mut raw)?;
    }
    Ok(raw)
}
