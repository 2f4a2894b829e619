//! Reading packs, and the messages that they lead to.
use async_trait::async_trait;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row as _};

use super::{BlockRow, Candidate, MOST_OF_A_ROOM, MOST_OF_ALL, PackRow, Search};
use crate::model::{Entry, MessageId, PackId, RoomRef, UserId};
use crate::store::StoreError;
use crate::store::ask::{Ask, Turn};
use crate::store::rows::{self, columns, read_columns};
use crate::store::sql::Arg;

const UNINDEXED: &str = "SELECT below FROM search_state";

pub(super) const PACKS: &str =
    "SELECT id, first_id, last_id, first_at, last_at, messages, CAST(live AS bigint)
     FROM search_packs ORDER BY last_id DESC, id DESC";

const BLOCKS_IN_POSTGRES: &str = "SELECT p.id, b.key, b.data
     FROM unnest($1::bigint[]) AS p (id) CROSS JOIN unnest($2::bytea[]) AS t (term)
       CROSS JOIN LATERAL (SELECT key, data FROM search_blocks
         WHERE pack = p.id AND key <= t.term ORDER BY key DESC LIMIT 1) b";
const BLOCKS_IN_SQLITE: &str = "SELECT b.pack, b.key, b.data
     FROM json_each($1) p CROSS JOIN json_each($2) t CROSS JOIN search_blocks b
       ON b.pack = p.value AND b.key = (SELECT key FROM search_blocks
         WHERE pack = p.value AND key <= unhex(t.value) ORDER BY key DESC LIMIT 1)";

const AT_IN_POSTGRES: &str = "SELECT b.pack, b.key, b.data
     FROM unnest($1::bigint[], $2::bytea[]) AS k (pack, key) CROSS JOIN LATERAL
       (SELECT pack, key, data FROM search_blocks WHERE pack = k.pack AND key = k.key OFFSET 0) b";
const AT_IN_SQLITE: &str = "SELECT b.pack, b.key, b.data FROM json_each($1) k
     CROSS JOIN search_blocks b ON b.pack = k.value ->> 0 AND b.key = unhex(k.value ->> 1)";

const BLOCKS_FROM: &str = "SELECT pack, key, data FROM search_blocks
     WHERE pack = $1 AND key >= $2 AND key < $3 ORDER BY key LIMIT $4";
const BLOCKS_TO_THE_END: &str = "SELECT pack, key, data FROM search_blocks
     WHERE pack = $1 AND key >= $2 ORDER BY key LIMIT $3";

/// A message in a page of some: its author is looked up once that page is found, since a planner may
/// otherwise read all users first.
macro_rules! page {
    ($postgres:expr, $which:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            ", m.room_id FROM (SELECT * FROM messages WHERE ",
            $which,
            " AND kind < 10 AND gone IS NULL ORDER BY id DESC LIMIT 512) m LEFT JOIN ",
            $postgres,
            " ORDER BY m.id DESC"
        )
    };
}
macro_rules! author {
    () => {
        "LATERAL (SELECT nickname, display_name FROM users WHERE id = m.user_id OFFSET 0) u ON true"
    };
}
macro_rules! author_in_sqlite {
    () => {
        "users u ON u.id = m.user_id"
    };
}

const BEFORE_IN_POSTGRES: &str = page!(author!(), "id < $1");
const BEFORE_IN_SQLITE: &str = page!(author_in_sqlite!(), "id < $1");
const PINNED_IN_POSTGRES: &str = page!(author!(), "id < $1 AND pinned_at IS NOT NULL");
const PINNED_IN_SQLITE: &str = page!(author_in_sqlite!(), "id < $1 AND pinned_at IS NOT NULL");

const BY_ID_IN_POSTGRES: &str = concat!(
    "SELECT ",
    columns!(),
    ", m.room_id FROM messages m LEFT JOIN ",
    author!(),
    " WHERE m.id = ANY ($1) AND m.kind < 10 AND m.gone IS NULL"
);
const BY_ID_IN_SQLITE: &str = concat!(
    "SELECT ",
    columns!(),
    ", m.room_id FROM json_each($1) k CROSS JOIN messages m ON m.id = k.value
       LEFT JOIN users u ON u.id = m.user_id WHERE m.kind < 10 AND m.gone IS NULL"
);

/// Entries `e` beyond what is packed, each with the message `m` that it is, or that it edited. Both are looked
/// up by their places, one by one: of a room nothing tells a planner how few there are.
const UNPACKED_IN_POSTGRES: &str = concat!(
    "SELECT ",
    columns!(),
    ", m.room_id FROM rooms r LEFT JOIN search_rooms s ON s.room_id = r.id
       CROSS JOIN LATERAL (SELECT seq, kind, target FROM messages
         WHERE room_id = r.id AND seq > greatest(coalesce(s.seq, 0), r.last_seq - $1)
         ORDER BY seq DESC OFFSET 0) e
       CROSS JOIN LATERAL (SELECT * FROM messages
         WHERE room_id = r.id AND seq = CASE WHEN e.kind = 10 THEN e.target ELSE e.seq END
         OFFSET 0) m
       LEFT JOIN ",
    author!(),
    " WHERE r.last_seq > coalesce(s.seq, 0) AND e.kind <= 10 AND m.kind < 10 AND m.gone IS NULL
     ORDER BY m.id DESC LIMIT $2"
);
const UNPACKED_IN_SQLITE: &str = concat!(
    "SELECT ",
    columns!(),
    ", m.room_id FROM rooms r LEFT JOIN search_rooms s ON s.room_id = r.id
       CROSS JOIN messages e ON e.room_id = r.id AND e.seq > max(coalesce(s.seq, 0), r.last_seq - $1)
       CROSS JOIN messages m ON m.room_id = r.id
         AND m.seq = CASE WHEN e.kind = 10 THEN e.target ELSE e.seq END
       LEFT JOIN users u ON u.id = m.user_id
     WHERE r.last_seq > coalesce(s.seq, 0) AND e.kind <= 10 AND m.kind < 10 AND m.gone IS NULL
     ORDER BY m.id DESC LIMIT $2"
);

const USERS_IN_POSTGRES: &str = "SELECT id FROM unnest($1::text[]) AS k (name)
     CROSS JOIN LATERAL (SELECT id FROM users
       WHERE lower(nickname COLLATE \"C\") = lower(k.name COLLATE \"C\")) u";
const USERS_IN_SQLITE: &str =
    "SELECT u.id FROM json_each($1) k CROSS JOIN users u ON u.nickname = k.value";

macro_rules! read_from {
    ($row:ty) => {
        impl FromRow<'_, $row> for Candidate {
            fn from_row(row: &$row) -> Result<Self, sqlx::Error> {
                let room = row.try_get(15)?;
                let row = read_columns!(row.try_get(0)?, row);
                Ok(Self { room, row })
            }
        }
    };
}

read_from!(PgRow);
read_from!(SqliteRow);

pub(super) type Pack = (PackId, i64, i64, i64, i64, i64, i64);

impl From<Pack> for PackRow {
    fn from((id, first_id, last_id, first_at, last_at, messages, live): Pack) -> Self {
        Self {
            id,
            ids: (first_id, last_id),
            times: (first_at, last_at),
            messages,
            live: live != 0,
        }
    }
}

fn block((pack, key, data): (PackId, Vec<u8>, Vec<u8>)) -> BlockRow {
    BlockRow { pack, key, data }
}

#[async_trait]
impl<A: Ask> Search for A {
    async fn unindexed(&self) -> Result<Option<MessageId>, StoreError> {
        self.value(Turn::Read, &[(UNINDEXED, &[])]).await
    }

    async fn packs(&self) -> Result<Vec<PackRow>, StoreError> {
        let rows: Vec<Pack> = self.all(Turn::Read, &[(PACKS, &[])]).await?;
        Ok(rows.into_iter().map(PackRow::from).collect())
    }

    async fn blocks_of(
        &self,
        packs: &[PackId],
        terms: &[&[u8]],
    ) -> Result<Vec<BlockRow>, StoreError> {
        let packs: Vec<i64> = packs.iter().map(|pack| pack.get()).collect();
        let args = [Arg::Numbers(&packs), Arg::Blobs(terms)];
        let sql = self.either(BLOCKS_IN_POSTGRES, BLOCKS_IN_SQLITE);
        let rows: Vec<_> = self.all(Turn::Read, &[(sql, &args)]).await?;
        Ok(rows.into_iter().map(block).collect())
    }

    async fn blocks_at(&self, keys: &[(PackId, Vec<u8>)]) -> Result<Vec<BlockRow>, StoreError> {
        let rows = keys.iter().map(|(pack, key)| (pack.get(), key.as_slice()));
        let rows: Vec<_> = rows.collect();
        let sql = self.either(AT_IN_POSTGRES, AT_IN_SQLITE);
        let rows: Vec<_> = self.all(Turn::Read, &[(sql, &[Arg::Keyed(&rows)])]).await?;
        Ok(rows.into_iter().map(block).collect())
    }

    async fn blocks_from(
        &self,
        pack: PackId,
        from: &[u8],
        to: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<BlockRow>, StoreError> {
        let mut args = vec![pack.into(), Arg::Bytes(from)];
        args.extend(to.map(Arg::Bytes));
        args.push(limit.into());
        let sql = to.map_or(BLOCKS_TO_THE_END, |_| BLOCKS_FROM);
        let rows: Vec<_> = self.all(Turn::Read, &[(sql, &args)]).await?;
        Ok(rows.into_iter().map(block).collect())
    }

    async fn candidates(&self, ids: &[i64]) -> Result<Vec<Candidate>, StoreError> {
        let sql = self.either(BY_ID_IN_POSTGRES, BY_ID_IN_SQLITE);
        self.all(Turn::Read, &[(sql, &[Arg::Numbers(ids)])]).await
    }

    async fn candidates_before(&self, id: MessageId) -> Result<Vec<Candidate>, StoreError> {
        let sql = self.either(BEFORE_IN_POSTGRES, BEFORE_IN_SQLITE);
        self.all(Turn::Read, &[(sql, &[id.into()])]).await
    }

    async fn unpacked(&self) -> Result<Vec<Candidate>, StoreError> {
        let sql = self.either(UNPACKED_IN_POSTGRES, UNPACKED_IN_SQLITE);
        let args = [MOST_OF_A_ROOM.into(), MOST_OF_ALL.into()];
        self.all(Turn::Read, &[(sql, &args)]).await
    }

    async fn pinned_before(&self, id: MessageId) -> Result<Vec<Candidate>, StoreError> {
        let sql = self.either(PINNED_IN_POSTGRES, PINNED_IN_SQLITE);
        self.all(Turn::Read, &[(sql, &[id.into()])]).await
    }

    async fn users_named(&self, names: &[&str]) -> Result<Vec<UserId>, StoreError> {
        let sql = self.either(USERS_IN_POSTGRES, USERS_IN_SQLITE);
        let rows: Vec<(UserId,)> = self.all(Turn::Read, &[(sql, &[Arg::Texts(names)])]).await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    async fn found(
        &self,
        room: &RoomRef,
        candidates: Vec<Candidate>,
    ) -> Result<Vec<Entry>, StoreError> {
        let rows = candidates.into_iter().map(|of| of.row).collect();
        let mut entries = rows::entries(self, room, rows).await?;
        if let Some(label) = room.label() {
            for entry in &mut entries {
                entry.room = label.clone();
            }
        }
        Ok(entries)
    }
}
