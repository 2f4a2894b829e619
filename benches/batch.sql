-- What a commit of 200 messages costs at least: a room's number raised under its lock, and rows.
\set room random(1, 10)
BEGIN;
UPDATE rooms SET last_seq = last_seq + 200 WHERE id = :room;
INSERT INTO messages (room_id, seq, user_id, content)
SELECT id, last_seq - 200 + n, 1, repeat('x', 100) FROM rooms, generate_series(1, 200) n WHERE id = :room;
COMMIT;
