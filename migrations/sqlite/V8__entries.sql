-- floor: 1
-- A room's log holds entries: messages, and events about one of them or about the room. Their order is
-- `seq`; what people said is counted by `number`. An event says the operation, its target, its author
-- and its time; text and state stand once, in the message's own row.

-- `kind` is 0 text, 1 action, 2 bot; 10 edited, 11 deleted, 12 reacted, 13 pinned, 14 topic; 99 void: an
-- event that a later one made superfluous. `number` is how many messages there are up to here; rows of
-- before, which are all messages, have none, and theirs is `seq`. `target` is the message that an event is
-- about, `thread` the first message of a reply's thread, `reply_to` the message that is answered, each by
-- its `seq`. `gone` is why the text is not there any more: 1 its author, 2 a moderator, 3 erased.
-- `reacted` is 1 where there is or was a reaction.
ALTER TABLE messages ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN number INTEGER;
ALTER TABLE messages ADD COLUMN target INTEGER;
ALTER TABLE messages ADD COLUMN thread INTEGER;
ALTER TABLE messages ADD COLUMN reply_to INTEGER;
ALTER TABLE messages ADD COLUMN edited_at TEXT;
ALTER TABLE messages ADD COLUMN gone INTEGER;
ALTER TABLE messages ADD COLUMN reacted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN pinned_at TEXT;

-- How many of a room's entries are events; all others are messages. `seen` is 1 where
-- the room shows its readers how far each has read.
ALTER TABLE rooms ADD COLUMN events INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN last_number INTEGER GENERATED ALWAYS AS (last_seq - events) VIRTUAL;
ALTER TABLE rooms ADD COLUMN seen INTEGER NOT NULL DEFAULT 0;

-- A message that is inserted without its number, by hand or by a program of before, is the next that is said.
CREATE TRIGGER messages_number AFTER INSERT ON messages WHEN NEW.number IS NULL
BEGIN
  UPDATE messages SET number = seq - (SELECT events FROM rooms WHERE id = NEW.room_id) WHERE id = NEW.id;
END;

CREATE TABLE reactions (
  room_id INTEGER NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
  seq     INTEGER NOT NULL,
  emoji   TEXT NOT NULL,
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  at      TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  PRIMARY KEY (room_id, seq, emoji, user_id)
) WITHOUT ROWID;
CREATE INDEX reactions_user ON reactions (user_id);

-- A thread is the replies to one message, its root.
CREATE TABLE threads (
  room_id  INTEGER NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
  root     INTEGER NOT NULL,
  replies  INTEGER NOT NULL DEFAULT 0,
  last_seq INTEGER NOT NULL,
  last_at  TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  PRIMARY KEY (room_id, root)
) WITHOUT ROWID;
CREATE INDEX threads_newest ON threads (room_id, last_seq);

-- How far a person has read, and what of it is left out of what calls.
CREATE TABLE read_marks (
  user_id     INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  room_id     INTEGER NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
  read_seq    INTEGER NOT NULL DEFAULT 0,
  read_number INTEGER NOT NULL DEFAULT 0,
  muted       INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (user_id, room_id)
) WITHOUT ROWID;
CREATE INDEX read_marks_room ON read_marks (room_id);

-- The same of a thread; `interest` is 1 where a person follows it and 2 where it is muted, and `replied` the
-- last of one's own.
CREATE TABLE thread_marks (
  user_id      INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  room_id      INTEGER NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
  root         INTEGER NOT NULL,
  read_replies INTEGER NOT NULL DEFAULT 0,
  interest     INTEGER NOT NULL DEFAULT 0,
  replied      INTEGER,
  PRIMARY KEY (user_id, room_id, root)
) WITHOUT ROWID;
CREATE INDEX thread_marks_people ON thread_marks (room_id, root, replied);

-- An account that a message names. `message_id` is the message's id, by which the mentions of all rooms have an order.
CREATE TABLE mentions (
  user_id    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  room_id    INTEGER NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
  seq        INTEGER NOT NULL,
  message_id INTEGER NOT NULL,
  PRIMARY KEY (user_id, room_id, seq)
) WITHOUT ROWID;
CREATE UNIQUE INDEX mentions_newest ON mentions (user_id, message_id);
CREATE INDEX mentions_message ON mentions (room_id, seq);

-- What was erased: from which message of a room to which, or all of a person. It says nothing of what
-- was said, and is kept beside the archive too, so that no backup brings it back.
-- `name` is the room's, and of a person a digest: documents name neither by its uid.
CREATE TABLE erasures (
  uid      INTEGER PRIMARY KEY,
  room_uid INTEGER,
  seq_from INTEGER,
  seq_to   INTEGER,
  user_uid INTEGER,
  name     TEXT,
  at       TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  by_user  TEXT,
  why      TEXT
);
