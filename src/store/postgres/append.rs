//! One batch as one statement: laid out here, committed there, and its answers put in place.
use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};

use super::connection::Connection;
use super::operations::Changes;
use super::seconds;
use super::statements::{APPEND, APPEND_ALL, APPEND_REPLIES, STORED};
use crate::model::{MessageId, Nonce, Number, RoomId, RoomKey, Seq, Uid, UserId, UserKey};
use crate::store::{Appended, Draft, NONCE_LIFE, Rejected, draft};

pub(super) type Answer = Option<Result<Appended, Rejected>>;

type Row = (String, i64, MessageId, RoomId, Seq, Number, DateTime<Utc>);

/// A batch as the statement wants it: by column.
#[derive(Debug, Default)]
pub(super) struct Layout<'b> {
    rooms: Vec<RoomId>,
    room_uids: Vec<Uid>,
    counts: Vec<i64>,
    /// How many of these are messages.
    said: Vec<i64>,
    users: Vec<UserId>,
    user_uids: Vec<Uid>,
    /// Which draft each row is.
    drafts: Vec<usize>,
    room: Vec<RoomId>,
    place: Vec<i64>,
    user: Vec<UserId>,
    content: Vec<&'b str>,
    number: Vec<i64>,
    /// What is there only where something else than text is said.
    changes: Option<Changes<'b>>,
    /// Which row each nonce belongs to.
    named: Vec<usize>,
    session: Vec<&'b str>,
    nonce: Vec<&'b str>,
    /// Drafts that repeat the nonce of another in this batch, or of which another's entry tells, with the
    /// place of that one.
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
    number: Number,
    created_at: DateTime<Utc>,
}

impl<'b> Layout<'b> {
    /// Lays out the drafts that have no answer yet.
    pub(super) fn of(batch: &'b [Draft], answers: &[Answer]) -> Self {
        let mut layout = Self::default();
        let mut counts: BTreeMap<RoomKey, (i64, i64)> = BTreeMap::new();
        let mut users: BTreeSet<UserKey> = BTreeSet::new();
        let mut firsts: HashMap<&Nonce, usize> = HashMap::new();
        let plain = batch.iter().all(|draft| draft.operation.is_plain());
        let riders = if plain {
            HashMap::new()
        } else {
            draft::riders(batch, |i| answers[i].is_none())
        };
        layout.changes = (!plain).then(Changes::default);
        for (i, draft) in batch.iter().enumerate() {
            if let Some(nonce) = &draft.nonce {
                if let Some(first) = firsts.get(nonce) {
                    layout.twins.push((i, *first));
                    continue;
                }
                firsts.insert(nonce, i);
            }
            if answers[i].is_some() {
                continue;
            }
            users.insert(draft.user);
            if let Some(changes) = &mut layout.changes {
                changes.do_to_others(draft);
            }
            if let Some(first) = riders.get(&i) {
                layout.twins.push((i, *first));
                continue;
            }
            let (count, said) = counts.entry(draft.room).or_default();
            *count += 1;
            *said += i64::from(draft.operation.is_said());
            layout.push(i, draft, (*count, *said));
        }
        for (room, (count, said)) in counts {
            layout.rooms.push(room.id);
            layout.room_uids.push(room.uid);
            layout.counts.push(count);
            layout.said.push(said);
        }
        (layout.users, layout.user_uids) = users.into_iter().map(|u| (u.id, u.uid)).unzip();
        layout
    }

    fn push(&mut self, i: usize, draft: &'b Draft, (place, number): (i64, i64)) {
        if let Some(nonce) = &draft.nonce {
            self.named.push(self.drafts.len());
            self.session.push(nonce.session.as_str());
            self.nonce.push(&nonce.value);
        }
        self.drafts.push(i);
        self.room.push(draft.room.id);
        self.place.push(place);
        self.number.push(number);
        self.user.push(draft.user.id);
        self.content.push(draft.operation.content());
        if let Some(changes) = &mut self.changes {
            changes.push(draft.room.id, place, &draft.operation);
        }
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
        let sql = match &self.changes {
            None => APPEND,
            Some(changes) if changes.has_replies() => APPEND_REPLIES,
            Some(_) => APPEND_ALL,
        };
        let mut query = sqlx::query_as(sql)
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
            .bind(&self.user_uids)
            .bind(&self.said)
            .bind(&self.number);
        if let Some(changes) = &self.changes {
            query = changes.bind(query);
        }
        let rows: Vec<Row> = connection.all(query).await?;
        Ok(self.reply(drafts, rows))
    }

    fn of_named<T: Copy>(&self, column: &[T]) -> Vec<T> {
        self.named.iter().map(|row| column[*row]).collect()
    }

    fn reply(&self, drafts: &[Draft], rows: Vec<Row>) -> Reply {
        let (mut turn, mut answered, mut stored) = (false, Vec::new(), Vec::new());
        for (kind, n, id, room, seq, number, created_at) in rows {
            match kind.as_str() {
                "turn" => turn = true,
                "known" => answered.push((
                    self.drafts[self.named[(n - 1) as usize]],
                    Ok(Appended {
                        id,
                        seq,
                        number,
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
                "target" => {
                    let at = (n - 1) as usize;
                    let of = |draft: &Draft| {
                        let changes = self.changes.as_ref();
                        changes.is_some_and(|changes| changes.is_about(at, draft))
                    };
                    answered.extend(self.reject(drafts, of, Rejected::NoSuchMessage));
                }
                _ => stored.push(Placed {
                    id,
                    room,
                    seq,
                    number,
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
        let twins = self.twins.iter().map(|(twin, _)| *twin);
        let laid_out = self.drafts.iter().copied().chain(twins);
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
        let placed = |(_, _, id, room, seq, number, created_at): Row| Placed {
            id,
            room,
            seq,
            number,
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
        number: placed.number,
        created_at: placed.created_at,
        fresh: true,
    }
}
