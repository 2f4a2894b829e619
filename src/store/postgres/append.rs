//! One batch as one statement: laid out here, committed there, and its answers put in place.
use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};

use super::connection::Connection;
use super::seconds;
use crate::model::{MessageId, Nonce, RoomId, RoomKey, Seq, Uid, UserId, UserKey};
use crate::store::{Appended, Draft, NONCE_LIFE, Rejected};

pub(super) type Answer = Option<Result<Appended, Rejected>>;

/// The whole commit. In this order:
/// `turn` locks the writer's row, if this batch is its next; `known` looks whether a nonce was
/// stored before, and `strange` whether a room or a user is not the one that is meant: then nothing
/// is done but to say so; `room` locks the rooms, lowest id first everywhere, so that no two
/// commits wait for each other; `head` moves their last_seq on.
/// What waits for a lock sees the row as it is afterwards, so places come from the row that was
/// updated. A nonce that another commit stores at this very moment is not `known`: the insert
/// waits for that commit, then violates NOT NULL, and the batch is tried again.
const APPEND: &str = "WITH turn AS MATERIALIZED (
      SELECT id FROM writers WHERE id = $1 AND batch = $2 - 1 FOR NO KEY UPDATE
    ), known AS MATERIALIZED (
      SELECT a.n, o.message_id, o.room_id, o.seq, o.created_at
      FROM unnest($9::text[], $10::text[]) WITH ORDINALITY AS a (session_id, nonce, n)
      JOIN nonces o ON o.session_id = a.session_id AND o.nonce = a.nonce
       AND o.created_at > now() - make_interval(secs => $13)
    ), strange AS MATERIALIZED (
      SELECT 'room' AS what, a.n
      FROM unnest($3::bigint[], $14::bigint[]) WITH ORDINALITY AS a (id, uid, n)
      WHERE NOT EXISTS (SELECT FROM rooms r WHERE r.id = a.id AND r.uid = a.uid)
      UNION ALL SELECT 'user', a.n
      FROM unnest($15::bigint[], $16::bigint[]) WITH ORDINALITY AS a (id, uid, n)
      WHERE NOT EXISTS (SELECT FROM users u WHERE u.id = a.id AND u.uid = a.uid)
    ), room AS MATERIALIZED (
      SELECT id FROM rooms WHERE id = ANY ($3::bigint[]) AND EXISTS (SELECT FROM turn)
        AND NOT EXISTS (SELECT FROM known) AND NOT EXISTS (SELECT FROM strange)
      ORDER BY id FOR NO KEY UPDATE
    ), head AS MATERIALIZED (
      UPDATE rooms SET last_seq = last_seq + n.count
      FROM unnest($3::bigint[], $4::bigint[]) AS n (id, count)
      WHERE rooms.id = ANY ($3::bigint[]) AND rooms.id = n.id AND rooms.id IN (SELECT id FROM room)
      RETURNING rooms.id, rooms.last_seq - n.count AS base
    ), stored AS (
      INSERT INTO messages (room_id, seq, user_id, content)
      SELECT h.id, h.base + d.place, d.user_id, d.content
      FROM unnest($5::bigint[], $6::bigint[], $7::bigint[], $8::text[])
        AS d (room_id, place, user_id, content)
      JOIN head h ON h.id = d.room_id
      RETURNING id, room_id, seq, created_at
    ), remembered AS (
      INSERT INTO nonces (session_id, nonce, message_id, room_id, seq, created_at)
      SELECT n.session_id, n.nonce, s.id, s.room_id, s.seq, s.created_at
      FROM unnest($9::text[], $10::text[], $11::bigint[], $12::bigint[])
        AS n (session_id, nonce, room_id, place)
      JOIN head h ON h.id = n.room_id
      JOIN stored s ON s.room_id = n.room_id AND s.seq = h.base + n.place
      ON CONFLICT (session_id, nonce) DO UPDATE SET
        message_id = CASE WHEN nonces.created_at > now() - make_interval(secs => $13)
          THEN NULL ELSE excluded.message_id END,
        room_id = excluded.room_id, seq = excluded.seq, created_at = excluded.created_at
    ), done AS (
      UPDATE writers SET batch = $2, used_at = now(),
        first_id = (SELECT min(id) FROM stored), last_id = (SELECT max(id) FROM stored)
      WHERE id = (SELECT id FROM turn)
        AND NOT EXISTS (SELECT FROM known) AND NOT EXISTS (SELECT FROM strange)
    )
    SELECT 'turn', 0::bigint, id, 0::bigint, 0::bigint, now() FROM turn
    UNION ALL SELECT 'known', n, message_id, room_id, seq, created_at FROM known
    UNION ALL SELECT what, n, 0, 0, 0, now() FROM strange
    UNION ALL SELECT 'stored', 0, id, room_id, seq, created_at FROM stored";

/// What a batch of a writer stored, from the ids that its row names. In the batch's rooms no
/// other id lies between them: they were given while those rooms were locked.
const STORED: &str = "SELECT 'stored', 0::bigint, coalesce(m.id, 0), coalesce(m.room_id, 0),
      coalesce(m.seq, 0), coalesce(m.created_at, now())
    FROM writers w LEFT JOIN messages m
      ON m.id BETWEEN w.first_id AND w.last_id AND m.room_id = ANY ($3::bigint[])
    WHERE w.id = $1 AND w.batch = $2";

type Row = (String, i64, MessageId, RoomId, Seq, DateTime<Utc>);

/// A batch as the statement wants it: by column.
#[derive(Debug, Default)]
pub(super) struct Layout<'b> {
    rooms: Vec<RoomId>,
    room_uids: Vec<Uid>,
    counts: Vec<i64>,
    users: Vec<UserId>,
    user_uids: Vec<Uid>,
    /// Which draft each row is.
    drafts: Vec<usize>,
    room: Vec<RoomId>,
    place: Vec<i64>,
    user: Vec<UserId>,
    content: Vec<&'b str>,
    /// Which row each nonce belongs to.
    named: Vec<usize>,
    session: Vec<&'b str>,
    nonce: Vec<&'b str>,
    /// Drafts that repeat the nonce of another in this batch, with the place of that one.
    twins: Vec<(usize, usize)>,
}

/// What the database answered.
pub(super) enum Reply {
    /// It is committed.
    Stored(Vec<Placed>),
    /// Answers to some drafts: their nonces are known, or their room or user is not theirs. Nothing
    /// was stored.
    Answered(Vec<(usize, Result<Appended, Rejected>)>),
    /// This was not the writer's next batch.
    NotItsTurn,
}

pub(super) struct Placed {
    id: MessageId,
    room: RoomId,
    seq: Seq,
    created_at: DateTime<Utc>,
}

impl<'b> Layout<'b> {
    /// Lays out the drafts that have no answer yet.
    pub(super) fn of(batch: &'b [Draft], answers: &[Answer]) -> Self {
        let mut layout = Self::default();
        let mut counts: BTreeMap<RoomKey, i64> = BTreeMap::new();
        let mut users: BTreeSet<UserKey> = BTreeSet::new();
        let mut firsts: HashMap<&Nonce, usize> = HashMap::new();
        for (i, draft) in batch.iter().enumerate() {
            if let Some(nonce) = &draft.nonce {
                if let Some(first) = firsts.get(nonce) {
                    layout.twins.push((i, *first));
                    continue;
                }
                firsts.insert(nonce, i);
            }
            if answers[i].is_none() {
                let count = counts.entry(draft.room).or_default();
                *count += 1;
                layout.push(i, draft, *count);
                users.insert(draft.user);
            }
        }
        for (room, count) in counts {
            layout.rooms.push(room.id);
            layout.room_uids.push(room.uid);
            layout.counts.push(count);
        }
        (layout.users, layout.user_uids) = users.into_iter().map(|u| (u.id, u.uid)).unzip();
        layout
    }

    fn push(&mut self, i: usize, draft: &'b Draft, place: i64) {
        if let Some(nonce) = &draft.nonce {
            self.named.push(self.drafts.len());
            self.session.push(nonce.session.as_str());
            self.nonce.push(&nonce.value);
        }
        self.drafts.push(i);
        self.room.push(draft.room.id);
        self.place.push(place);
        self.user.push(draft.user.id);
        self.content.push(&draft.content);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.drafts.is_empty()
    }

    /// Commits it as number `batch` of `writer`.
    pub(super) async fn commit(
        &self,
        connection: &mut Connection,
        drafts: &[Draft],
        (writer, batch): (i64, i64),
    ) -> Result<Reply, sqlx::Error> {
        let query = sqlx::query_as(APPEND)
            .bind(writer)
            .bind(batch)
            .bind(&self.rooms)
            .bind(&self.counts)
            .bind(&self.room)
            .bind(&self.place)
            .bind(&self.user)
            .bind(&self.content)
            .bind(&self.session)
            .bind(&self.nonce)
            .bind(self.of_named(&self.room))
            .bind(self.of_named(&self.place))
            .bind(seconds(NONCE_LIFE))
            .bind(&self.room_uids)
            .bind(&self.users)
            .bind(&self.user_uids);
        let rows: Vec<Row> = connection.all(query).await?;
        Ok(self.reply(drafts, rows))
    }

    fn of_named<T: Copy>(&self, column: &[T]) -> Vec<T> {
        self.named.iter().map(|row| column[*row]).collect()
    }

    fn reply(&self, drafts: &[Draft], rows: Vec<Row>) -> Reply {
        let (mut turn, mut answered, mut stored) = (false, Vec::new(), Vec::new());
        for (kind, n, id, room, seq, created_at) in rows {
            match kind.as_str() {
                "turn" => turn = true,
                "known" => answered.push((
                    self.drafts[self.named[(n - 1) as usize]],
                    Ok(Appended {
                        id,
                        seq,
                        created_at,
                        fresh: false,
                    }),
                )),
                "room" => {
                    let at = (n - 1) as usize;
                    let (id, uid) = (self.rooms[at], self.room_uids[at]);
                    let of = |draft: &Draft| draft.room == RoomKey { id, uid };
                    answered.extend(self.reject(drafts, of, Rejected::NoSuchRoom));
                }
                "user" => {
                    let at = (n - 1) as usize;
                    let (id, uid) = (self.users[at], self.user_uids[at]);
                    let of = |draft: &Draft| draft.user == UserKey { id, uid };
                    answered.extend(self.reject(drafts, of, Rejected::NoSuchUser));
                }
                _ => stored.push(Placed {
                    id,
                    room,
                    seq,
                    created_at,
                }),
            }
        }
        match (turn, answered.is_empty()) {
            (false, _) => Reply::NotItsTurn,
            (true, false) => Reply::Answered(answered),
            (true, true) => Reply::Stored(stored),
        }
    }

    /// The same answer to each of these drafts that is laid out.
    fn reject(
        &self,
        drafts: &[Draft],
        which: impl Fn(&Draft) -> bool,
        why: Rejected,
    ) -> Vec<(usize, Result<Appended, Rejected>)> {
        let laid_out = self.drafts.iter().copied();
        let of = laid_out.filter(|draft| which(&drafts[*draft]));
        of.map(|draft| (draft, Err(why))).collect()
    }

    /// Looks up what number `batch` of `writer` stored; `None` if it is not that writer's last.
    pub(super) async fn look_up(
        &self,
        connection: &mut Connection,
        (writer, batch): (i64, i64),
    ) -> Result<Option<Vec<Placed>>, sqlx::Error> {
        let query = sqlx::query_as(STORED)
            .bind(writer)
            .bind(batch)
            .bind(&self.rooms);
        let rows: Vec<Row> = connection.all(query).await?;
        let placed = |(_, _, id, room, seq, created_at): Row| Placed {
            id,
            room,
            seq,
            created_at,
        };
        Ok((!rows.is_empty()).then(|| rows.into_iter().map(placed).collect()))
    }

    /// Rows that were inserted by hand without their `last_seq` hold the places that it would
    /// give out next: raises it past them, or nothing could be said in that room any more.
    pub(super) async fn catch_up(&self, connection: &mut Connection) -> Result<(), sqlx::Error> {
        let query = sqlx::query(
            "UPDATE rooms SET last_seq = greatest(last_seq,
               (SELECT max(seq) FROM messages WHERE room_id = rooms.id))
             WHERE id IN (SELECT id FROM rooms WHERE id = ANY ($1::bigint[])
               ORDER BY id FOR NO KEY UPDATE)",
        );
        connection.run(query.bind(&self.rooms)).await?;
        Ok(())
    }

    /// Puts what was stored, and what is told again, into the place of each draft.
    pub(super) fn fill(&self, stored: Vec<Placed>, answers: &mut [Answer]) {
        let mut rooms: HashMap<RoomId, Vec<Placed>> = HashMap::new();
        for placed in stored {
            rooms.entry(placed.room).or_default().push(placed);
        }
        for places in rooms.values_mut() {
            places.sort_unstable_by_key(|p| p.seq);
        }
        for (row, draft) in self.drafts.iter().enumerate() {
            let places = rooms.get(&self.room[row]);
            let placed = places.and_then(|p| p.get((self.place[row] - 1) as usize));
            answers[*draft] = Some(placed.map(fresh).ok_or(Rejected::NoSuchRoom));
        }
        for (twin, first) in &self.twins {
            answers[*twin] = answers[*first].clone().map(|a| {
                a.map(|first| Appended {
                    fresh: false,
                    ..first
                })
            });
        }
    }
}

fn fresh(placed: &Placed) -> Appended {
    Appended {
        id: placed.id,
        seq: placed.seq,
        created_at: placed.created_at,
        fresh: true,
    }
}
