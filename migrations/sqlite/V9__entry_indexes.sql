-- floor: 1
-- Replies by thread, those of them that are gone, and what is pinned: of few messages, in tables that may
-- be large.
CREATE INDEX messages_thread ON messages (room_id, thread, seq) WHERE thread IS NOT NULL;
CREATE INDEX messages_thread_gone ON messages (room_id, thread) WHERE thread IS NOT NULL AND gone IS NOT NULL;
CREATE INDEX messages_pinned ON messages (room_id, seq) WHERE pinned_at IS NOT NULL;
