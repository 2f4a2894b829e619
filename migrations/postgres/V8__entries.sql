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
ALTER TABLE messages ADD COLUMN kind smallint NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN number bigint;
ALTER TABLE messages ADD COLUMN target bigint;
ALTER TABLE messages ADD COLUMN thread bigint;
ALTER TABLE messages ADD COLUMN reply_to bigint;
ALTER TABLE messages ADD COLUMN edited_at timestamptz(3);
ALTER TABLE messages ADD COLUMN gone smallint;
ALTER TABLE messages ADD COLUMN reacted smallint NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN pinned_at timestamptz(3);

-- How many of a room's entries are events; all others are messages. `seen` is 1 where
-- the room shows its readers how far each has read.
ALTER TABLE rooms ADD COLUMN events bigint NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN last_number bigint GENERATED ALWAYS AS (last_seq - events) STORED;
ALTER TABLE rooms ADD COLUMN seen smallint NOT NULL DEFAULT 0;

-- A message that is inserted without its number, by hand or by a program of before, is the next that is said.
CREATE FUNCTION messages_number() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  SELECT NEW.seq - events INTO NEW.number FROM rooms WHERE id = NEW.room_id;
  RETURN NEW;
END
$$;
CREATE TRIGGER messages_number BEFORE INSERT ON messages
  FOR EACH ROW WHEN (NEW.number IS NULL) EXECUTE FUNCTION messages_number();

CREATE TABLE reactions (
  room_id bigint NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
  seq     bigint NOT NULL,
  emoji   text NOT NULL,
  user_id bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  at      timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (room_id, seq, emoji, user_id)
);
CREATE INDEX reactions_user ON reactions (user_id);

-- A thread is the replies to one message, its root.
CREATE TABLE threads (
  room_id  bigint NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
  root     bigint NOT NULL,
  replies  bigint NOT NULL DEFAULT 0,
  last_seq bigint NOT NULL,
  last_at  timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (room_id, root)
);
CREATE INDEX threads_newest ON threads (room_id, last_seq);

-- How far a person has read, and what of it is left out of what calls.
CREATE TABLE read_marks (
  user_id     bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  room_id     bigint NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
  read_seq    bigint NOT NULL DEFAULT 0,
  read_number bigint NOT NULL DEFAULT 0,
  muted       smallint NOT NULL DEFAULT 0,
  PRIMARY KEY (user_id, room_id)
) WITH (fillfactor = 70);
CREATE INDEX read_marks_room ON read_marks (room_id);

-- The same of a thread; `interest` is 1 where a person follows it and 2 where it is muted, and `replied` the
-- last of one's own.
CREATE TABLE thread_marks (
  user_id      bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  room_id      bigint NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
  root         bigint NOT NULL,
  read_replies bigint NOT NULL DEFAULT 0,
  interest     smallint NOT NULL DEFAULT 0,
  replied      bigint,
  PRIMARY KEY (user_id, room_id, root)
) WITH (fillfactor = 70);
CREATE INDEX thread_marks_people ON thread_marks (room_id, root, replied);

-- An account that a message names. `message_id` is the message's id, by which the mentions of all rooms have an order.
CREATE TABLE mentions (
  user_id    bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  room_id    bigint NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
  seq        bigint NOT NULL,
  message_id bigint NOT NULL,
  PRIMARY KEY (user_id, room_id, seq)
);
CREATE UNIQUE INDEX mentions_newest ON mentions (user_id, message_id);
CREATE INDEX mentions_message ON mentions (room_id, seq);

-- What was erased: from which message of a room to which, or all of a person. It says nothing of what
-- was said, and is kept beside the archive too, so that no backup brings it back.
-- `name` is the room's, and of a person a digest: documents name neither by its uid.
CREATE TABLE erasures (
  uid      bigint PRIMARY KEY,
  room_uid bigint,
  seq_from bigint,
  seq_to   bigint,
  user_uid bigint,
  name     text,
  at       timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  by_user  text,
  why      text
);
