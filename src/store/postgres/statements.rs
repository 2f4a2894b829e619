//! The statements that append a batch to the log.

/// The whole commit. In this order:
/// `turn` locks the writer's row, if this batch is its next; `known` looks whether a nonce was
/// stored before, and `strange` whether a room or a user is not the one that is meant, or a message that
/// is to be changed is not there: then nothing is done but to say so; `target` locks the messages
/// that are to be changed, and `room` the rooms, lowest first everywhere, so that no two commits wait
/// for each other; `head` moves their last_seq on.
/// What waits for a lock sees the row as it is afterwards, so places come from the row that was
/// updated. A nonce that another commit stores at this very moment is not `known`: the insert
/// waits for that commit, then violates NOT NULL, and the batch is tried again.
macro_rules! append {
    ($target:expr, $strange:expr, $stored:expr, $changes:expr) => {
        concat!("WITH turn AS MATERIALIZED (
      SELECT id FROM writers WHERE id = $1 AND batch = $2 - 1 FOR NO KEY UPDATE
    ), known AS MATERIALIZED (
      SELECT a.n, o.message_id, o.room_id, o.seq, coalesce(m.number, o.seq) AS number, o.created_at
      FROM unnest($9::text[], $10::text[]) WITH ORDINALITY AS a (session_id, nonce, n)
      JOIN nonces o ON o.session_id = a.session_id AND o.nonce = a.nonce
       AND o.created_at > now() - make_interval(secs => $13)
      LEFT JOIN messages m ON m.room_id = o.room_id AND m.seq = o.seq
    ), ",
      $target,
    "strange AS MATERIALIZED (
      SELECT 'room' AS what, a.n
      FROM unnest($3::bigint[], $14::bigint[]) WITH ORDINALITY AS a (id, uid, n)
      WHERE NOT EXISTS (SELECT FROM rooms r WHERE r.id = a.id AND r.uid = a.uid)
      UNION ALL SELECT 'user', a.n
      FROM unnest($15::bigint[], $16::bigint[]) WITH ORDINALITY AS a (id, uid, n)
      WHERE NOT EXISTS (SELECT FROM users u WHERE u.id = a.id AND u.uid = a.uid)",
      $strange,
    "), room AS MATERIALIZED (
      SELECT id FROM rooms WHERE id = ANY ($3::bigint[]) AND EXISTS (SELECT FROM turn)
        AND NOT EXISTS (SELECT FROM known) AND NOT EXISTS (SELECT FROM strange)
      ORDER BY id FOR NO KEY UPDATE
    ), head AS MATERIALIZED (
      UPDATE rooms SET last_seq = last_seq + n.count, events = events + n.count - n.said
      FROM unnest($3::bigint[], $4::bigint[], $17::bigint[]) AS n (id, count, said)
      WHERE rooms.id = ANY ($3::bigint[]) AND rooms.id = n.id AND rooms.id IN (SELECT id FROM room)
      RETURNING rooms.id, rooms.last_seq - n.count AS base, rooms.last_number - n.said AS said
    ), stored AS (",
      $stored,
    " RETURNING id, room_id, seq, number, created_at
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
    )",
      $changes,
    ", done AS (
      UPDATE writers SET batch = $2, used_at = now(),
        first_id = (SELECT min(id) FROM stored), last_id = (SELECT max(id) FROM stored)
      WHERE id = (SELECT id FROM turn)
        AND NOT EXISTS (SELECT FROM known) AND NOT EXISTS (SELECT FROM strange)
    )
    SELECT 'turn', 0::bigint, id, 0::bigint, 0::bigint, 0::bigint, now() FROM turn
    UNION ALL SELECT 'known', n, message_id, room_id, seq, number, created_at FROM known
    UNION ALL SELECT what, n, 0, 0, 0, 0, now() FROM strange
    UNION ALL SELECT 'stored', 0, id, room_id, seq, number, created_at FROM stored")
    };
}

/// For a batch in which nothing but text is said.
pub(super) const APPEND: &str = append!(
    "",
    "",
    "INSERT INTO messages (room_id, seq, number, user_id, content)
      SELECT h.id, h.base + d.place, h.said + d.number, d.user_id, d.content
      FROM unnest($5::bigint[], $6::bigint[], $18::bigint[], $7::bigint[], $8::text[])
        AS d (room_id, place, number, user_id, content)
      JOIN head h ON h.id = d.room_id",
    ""
);

/// The same, and what is done to messages that there are. Their rows are locked before those of rooms, as by
/// retention, which takes a room last; one that another commit deletes is looked at when that is over. A
/// message's row changes in place: no batch changes one twice, but for its reactions.
macro_rules! append_all {
    ($replies:literal) => {
        append!(
    "target AS MATERIALIZED (
      SELECT m.room_id, m.seq
      FROM unnest($23::bigint[], $24::bigint[]) AS a (room_id, seq)
      JOIN messages m ON m.room_id = a.room_id AND m.seq = a.seq
      WHERE m.kind < 10 AND m.gone IS NULL AND EXISTS (SELECT FROM turn)
      ORDER BY m.room_id, m.seq FOR NO KEY UPDATE OF m
    ), ",
    " UNION ALL SELECT 'target', a.n
      FROM unnest($23::bigint[], $24::bigint[]) WITH ORDINALITY AS a (room_id, seq, n)
      WHERE NOT EXISTS (SELECT FROM target t WHERE t.room_id = a.room_id AND t.seq = a.seq)",
    "INSERT INTO messages (room_id, seq, number, user_id, content, kind, target, thread, reply_to)
      SELECT h.id, h.base + d.place, h.said + d.number, d.user_id,
        CASE WHEN d.kind < 10 THEN d.content ELSE '' END, d.kind, d.target, d.thread, d.reply_to
      FROM unnest($5::bigint[], $6::bigint[], $18::bigint[], $7::bigint[], $8::text[],
          $19::smallint[], $20::bigint[], $21::bigint[], $22::bigint[])
        AS d (room_id, place, number, user_id, content, kind, target, thread, reply_to)
      JOIN head h ON h.id = d.room_id",
    concat!(", changed AS (
      UPDATE messages m SET
        content = CASE d.kind WHEN 10 THEN d.content WHEN 11 THEN '' ELSE m.content END,
        edited_at = CASE d.kind WHEN 10 THEN s.created_at WHEN 11 THEN NULL ELSE m.edited_at END,
        gone = CASE d.kind WHEN 11 THEN d.state ELSE m.gone END,
        pinned_at = CASE WHEN d.kind = 11 OR d.kind = 13 AND d.state = 0 THEN NULL
          WHEN d.kind = 13 THEN s.created_at ELSE m.pinned_at END,
        reacted = CASE d.kind WHEN 11 THEN 0 WHEN 12 THEN 1 ELSE m.reacted END
      FROM unnest($5::bigint[], $6::bigint[], $8::text[], $19::smallint[], $20::bigint[],
          $25::smallint[]) AS d (room_id, place, content, kind, target, state)
      JOIN head h ON h.id = d.room_id
      JOIN stored s ON s.room_id = d.room_id AND s.seq = h.base + d.place
      WHERE d.target IS NOT NULL AND m.room_id = d.room_id AND m.seq = d.target
        AND m.gone IS NULL AND (d.kind <> 12 OR m.reacted = 0)
    ), deleted AS MATERIALIZED (
      SELECT d.room_id, d.target FROM unnest($5::bigint[], $19::smallint[], $20::bigint[])
        AS d (room_id, kind, target) JOIN head h ON h.id = d.room_id WHERE d.kind = 11
    ), unreacted AS (
      DELETE FROM reactions r USING deleted d WHERE r.room_id = d.room_id AND r.seq = d.target
    ), unmentioned AS (
      DELETE FROM mentions r USING deleted d WHERE r.room_id = d.room_id AND r.seq = d.target
    ), reaction AS MATERIALIZED (
      SELECT a.* FROM unnest($26::bigint[], $27::bigint[], $28::text[], $29::bigint[], $30::boolean[])
        AS a (room_id, seq, emoji, user_id, given) JOIN head h ON h.id = a.room_id
    ), given AS (
      INSERT INTO reactions (room_id, seq, emoji, user_id)
      SELECT room_id, seq, emoji, user_id FROM reaction WHERE given ON CONFLICT DO NOTHING
    ), taken_back AS (
      DELETE FROM reactions r USING reaction a WHERE NOT a.given AND r.room_id = a.room_id
        AND r.seq = a.seq AND r.emoji = a.emoji AND r.user_id = a.user_id
    ), mentioned AS (
      INSERT INTO mentions (user_id, room_id, seq, message_id)
      SELECT u.id, s.room_id, s.seq, s.id
      FROM unnest($31::bigint[], $32::bigint[], $33::bigint[], $34::bigint[])
        AS a (room_id, place, user_id, user_uid)
      JOIN head h ON h.id = a.room_id JOIN users u ON u.id = a.user_id AND u.uid = a.user_uid
      JOIN stored s ON s.room_id = h.id AND s.seq = h.base + a.place
      ON CONFLICT DO NOTHING
    )",
      $replies)
        )
    };
}

/// For a batch in which something else is said or done.
pub(super) const APPEND_ALL: &str = append_all!("");

/// For one with replies in threads, which few are: each part of a statement costs time, whatever it finds to
/// do. An account that replies has read the thread up to there, and follows it unless it muted it.
pub(super) const APPEND_REPLIES: &str = append_all!(
    ", replied AS MATERIALIZED (
      SELECT s.room_id, d.thread AS root, d.user_id, s.seq, s.created_at,
        row_number() OVER (PARTITION BY s.room_id, d.thread ORDER BY s.seq DESC) - 1 AS later
      FROM unnest($5::bigint[], $6::bigint[], $7::bigint[], $21::bigint[])
        AS d (room_id, place, user_id, thread)
      JOIN head h ON h.id = d.room_id
      JOIN stored s ON s.room_id = d.room_id AND s.seq = h.base + d.place
      WHERE d.thread IS NOT NULL
    ), threaded AS (
      INSERT INTO threads (room_id, root, replies, last_seq, last_at)
      SELECT room_id, root, count(*), max(seq), max(created_at) FROM replied GROUP BY room_id, root
      ON CONFLICT (room_id, root) DO UPDATE SET replies = threads.replies + excluded.replies,
        last_seq = excluded.last_seq, last_at = excluded.last_at
      RETURNING room_id, root, replies
    ), followed AS (
      INSERT INTO thread_marks (user_id, room_id, root, read_replies, interest, replied)
      SELECT u.id, r.room_id, r.root, t.replies - min(r.later), 1, max(r.seq)
      FROM replied r JOIN threaded t ON t.room_id = r.room_id AND t.root = r.root
      JOIN users u ON u.id = r.user_id AND u.registered_at IS NOT NULL
      GROUP BY u.id, r.room_id, r.root, t.replies ORDER BY u.id, r.room_id, r.root
      ON CONFLICT (user_id, room_id, root) DO UPDATE SET read_replies = excluded.read_replies,
        interest = greatest(thread_marks.interest, 1), replied = excluded.replied
    )"
);

/// What a batch of a writer stored, from the ids that its row names. In the batch's rooms no
/// other id lies between them: they were given while those rooms were locked.
pub(super) const STORED: &str =
    "SELECT 'stored', 0::bigint, coalesce(m.id, 0), coalesce(m.room_id, 0),
      coalesce(m.seq, 0), coalesce(m.number, 0), coalesce(m.created_at, now())
    FROM writers w LEFT JOIN messages m
      ON m.id BETWEEN w.first_id AND w.last_id AND m.room_id = ANY ($3::bigint[])
    WHERE w.id = $1 AND w.batch = $2";
