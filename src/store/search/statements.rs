//! What is said to either kind of database to write packs.

/// Where the holder `$1` still writes.
macro_rules! held {
    () => {
        "EXISTS (SELECT 1 FROM search_state WHERE holder = $1)"
    };
}

/// Locks the row against a process that would take the place.
pub(super) const HELD: &str = "UPDATE search_state SET until = @now($2) WHERE holder = $1";

/// A time that ends later than it can was entered by a clock that went back since.
pub(super) const TAKE: &str = "UPDATE search_state SET holder = $1, until = @now($2), turn = 0
     WHERE holder = $1 OR holder = 0 OR until < @now OR until > @now($3)";
pub(super) const SEIZE: &str = "UPDATE search_state SET holder = $1, until = @now($2), turn = 0";
pub(super) const HOLD: &str = "UPDATE search_state SET until = @now($2), turn = turn + 1
     WHERE holder = $1 AND turn = $3";
pub(super) const LEAVE: &str = "UPDATE search_state SET holder = 0, until = @now WHERE holder = $1";

/// No row of a room that stands at a place now has an id beyond the greatest there is.
pub(super) const STAND: &str = concat!(
    "INSERT INTO search_rooms (room_id, seq) SELECT id, last_seq FROM rooms
     WHERE last_seq > 0 AND ",
    held!(),
    " ON CONFLICT (room_id) DO UPDATE SET seq = excluded.seq"
);
pub(super) const BEGIN: &str =
    "UPDATE search_state SET below = coalesce((SELECT max(id) FROM messages), 0)
     WHERE holder = $1";
pub(super) const UNLIVE: &str = concat!("UPDATE search_packs SET live = 0 WHERE ", held!());
pub(super) const UNPLACE: &str = concat!("DELETE FROM search_rooms WHERE ", held!());
pub(super) const NOT_BEGUN: &str = "UPDATE search_state SET below = NULL WHERE holder = $1";

pub(super) const NEW: &str = concat!(
    "INSERT INTO search_packs (first_id, last_id, first_at, last_at, messages)
     SELECT $2, $3, $4, $5, $6 WHERE ",
    held!(),
    " RETURNING id"
);

pub(super) const WRITE_IN_POSTGRES: &str = concat!(
    "INSERT INTO search_blocks (pack, key, data)
     SELECT $2, k, d FROM unnest($3::bytea[], $4::bytea[]) AS b (k, d) WHERE ",
    held!(),
    " ON CONFLICT (pack, key) DO UPDATE SET data = excluded.data"
);
pub(super) const WRITE_IN_SQLITE: &str = concat!(
    "INSERT INTO search_blocks (pack, key, data)
     SELECT $2, unhex(value ->> 0), unhex(value ->> 1) FROM json_each($3) WHERE ",
    held!(),
    " ON CONFLICT (pack, key) DO UPDATE SET data = excluded.data"
);
pub(super) const REMOVE_IN_POSTGRES: &str = concat!(
    "DELETE FROM search_blocks WHERE pack = $2 AND key = ANY ($3) AND ",
    held!()
);
pub(super) const REMOVE_IN_SQLITE: &str = concat!(
    "DELETE FROM search_blocks WHERE pack = $2
       AND key IN (SELECT unhex(value) FROM json_each($3)) AND ",
    held!()
);

pub(super) const LIVE: &str = "UPDATE search_packs SET live = 1 WHERE id @in($1)
       AND EXISTS (SELECT 1 FROM search_state WHERE holder = $2)";
pub(super) const DEAD: &str = "UPDATE search_packs SET live = 0 WHERE id @in($1)
       AND EXISTS (SELECT 1 FROM search_state WHERE holder = $2)";
/// Where a room was put back to meanwhile, since rows came behind that place, it stays.
pub(super) const PLACE_IN_POSTGRES: &str = "INSERT INTO search_rooms (room_id, seq)
     SELECT k.room, k.now FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS k (room, was, now)
       LEFT JOIN search_rooms s ON s.room_id = k.room
     WHERE coalesce(s.seq, 0) = k.was AND EXISTS (SELECT 1 FROM search_state WHERE holder = $1)
     ON CONFLICT (room_id) DO UPDATE SET seq = excluded.seq
       WHERE search_rooms.seq = (SELECT k.was FROM
         unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS k (room, was, now)
         WHERE k.room = excluded.room_id)";
pub(super) const PLACE_IN_SQLITE: &str = "INSERT INTO search_rooms (room_id, seq)
     SELECT k.value ->> 0, k.value ->> 2 FROM json_each($2) k
       LEFT JOIN search_rooms s ON s.room_id = k.value ->> 0
     WHERE coalesce(s.seq, 0) = k.value ->> 1
       AND EXISTS (SELECT 1 FROM search_state WHERE holder = $1)
     ON CONFLICT (room_id) DO UPDATE SET seq = excluded.seq";
pub(super) const BELOW: &str =
    "UPDATE search_state SET below = coalesce($2, below) WHERE holder = $1";

pub(super) const DELETE_BLOCKS: &str = concat!(
    "DELETE FROM search_blocks WHERE pack = $2 AND key IN
       (SELECT key FROM search_blocks WHERE pack = $2 ORDER BY key LIMIT 128)
       AND EXISTS (SELECT 1 FROM search_packs WHERE id = $2 AND live = 0) AND ",
    held!()
);
pub(super) const DELETE_PACK: &str = concat!(
    "DELETE FROM search_packs WHERE id = $2 AND live = 0
       AND NOT EXISTS (SELECT 1 FROM search_blocks WHERE pack = $2) AND ",
    held!()
);

pub(super) const BEHIND: &str = "SELECT r.id, coalesce(s.seq, 0), r.last_seq
       FROM rooms r LEFT JOIN search_rooms s ON s.room_id = r.id
       WHERE r.last_seq > coalesce(s.seq, 0)
     UNION ALL SELECT s.room_id, s.seq, NULL FROM search_rooms s
       WHERE NOT EXISTS (SELECT 1 FROM rooms r WHERE r.id = s.room_id)";
pub(super) const FORGET: &str = "DELETE FROM search_rooms WHERE room_id @in($1)
     AND EXISTS (SELECT 1 FROM search_state WHERE holder = $2)";

macro_rules! spoken {
    ($by:literal, $from:literal) => {
        concat!(
            "SELECT ",
            $by,
            ", m.id, m.room_id, m.seq, m.user_id, m.content, m.created_at, m.thread FROM ",
            $from
        )
    };
}
pub(super) const SPOKEN_IN_POSTGRES: &str = spoken!(
    "e.seq",
    "unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS k (room, after, up_to)
       CROSS JOIN LATERAL (SELECT seq, kind, target FROM messages
         WHERE room_id = k.room AND seq > k.after AND seq <= k.up_to AND kind <= 10 OFFSET 0) e
       CROSS JOIN LATERAL (SELECT * FROM messages
         WHERE room_id = k.room AND seq = CASE WHEN e.kind = 10 THEN e.target ELSE e.seq END
         OFFSET 0) m"
);
pub(super) const SPOKEN_IN_SQLITE: &str = spoken!(
    "e.seq",
    "json_each($1) k
       CROSS JOIN messages e ON e.room_id = k.value ->> 0 AND e.seq > k.value ->> 1
         AND e.seq <= k.value ->> 2 AND e.kind <= 10
       CROSS JOIN messages m ON m.room_id = k.value ->> 0
         AND m.seq = CASE WHEN e.kind = 10 THEN e.target ELSE e.seq END"
);
pub(super) const SPOKEN_BEFORE: &str = spoken!(
    "m.seq",
    "messages m WHERE m.id <= $1 AND m.kind < 10 ORDER BY m.id DESC LIMIT $2"
);

pub(super) const CHANGED_IN_POSTGRES: &str =
    "SELECT k.room, e.target, (SELECT id FROM messages m WHERE m.room_id = k.room AND m.seq = e.target)
     FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS k (room, after, up_to)
       CROSS JOIN LATERAL (SELECT target FROM messages WHERE room_id = k.room
         AND seq > k.after AND seq <= k.up_to AND kind IN (10, 11) AND target IS NOT NULL OFFSET 0) e";
pub(super) const CHANGED_IN_SQLITE: &str = "SELECT k.value ->> 0, e.target,
       (SELECT id FROM messages m WHERE m.room_id = k.value ->> 0 AND m.seq = e.target)
     FROM json_each($1) k CROSS JOIN messages e ON e.room_id = k.value ->> 0
       AND e.seq > k.value ->> 1 AND e.seq <= k.value ->> 2
       AND e.kind IN (10, 11) AND e.target IS NOT NULL";
pub(super) const COUNT: &str =
    "SELECT count(*) FROM messages WHERE id BETWEEN $1 AND $2 AND kind < 10";
pub(super) const EXISTING: &str = "SELECT id FROM messages WHERE id @in($1)";
