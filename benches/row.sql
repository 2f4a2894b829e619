-- The least that a durable message can cost: one row, one transaction.
INSERT INTO messages (room_id, seq, user_id, content)
VALUES (1, nextval('messages_id_seq') + 1000000000, 1, repeat('x', 100));
