-- floor: 1
-- Users, rooms and their log of messages; who is online, and through which instance.
-- Names are compared without case; times are RFC 3339 in UTC with milliseconds.
CREATE TABLE users (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  nickname   TEXT NOT NULL UNIQUE COLLATE NOCASE,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

CREATE TABLE rooms (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  name       TEXT NOT NULL UNIQUE COLLATE NOCASE,
  created_by INTEGER REFERENCES users (id) ON DELETE SET NULL,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  last_seq   INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE room_members (
  room_id   INTEGER NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
  user_id   INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  joined_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  PRIMARY KEY (room_id, user_id)
) WITHOUT ROWID;
CREATE INDEX room_members_user ON room_members (user_id);

-- AUTOINCREMENT: an id is never given twice, also after the newest rows were archived.
CREATE TABLE messages (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  room_id    INTEGER NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
  seq        INTEGER NOT NULL,
  user_id    INTEGER REFERENCES users (id) ON DELETE SET NULL,
  content    TEXT NOT NULL,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  UNIQUE (room_id, seq)
);
CREATE INDEX messages_created_at ON messages (created_at);

-- What a client's nonce was answered with, so that asking again stores nothing twice.
CREATE TABLE nonces (
  session_id TEXT NOT NULL,
  nonce      TEXT NOT NULL,
  message_id INTEGER NOT NULL,
  room_id    INTEGER NOT NULL,
  seq        INTEGER NOT NULL,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  PRIMARY KEY (session_id, nonce)
) WITHOUT ROWID;
CREATE INDEX nonces_created_at ON nonces (created_at);

-- A row per process that serves; it is alive while its heartbeat is young.
CREATE TABLE instances (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  name         TEXT NOT NULL,
  pid          INTEGER NOT NULL,
  version      TEXT NOT NULL,
  tcp_port     INTEGER NOT NULL,
  http_port    INTEGER NOT NULL,
  started_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  heartbeat_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

-- `id` is a digest of the client's secret. `online` holds the nickname, while the instance lives.
CREATE TABLE sessions (
  id           TEXT PRIMARY KEY,
  user_id      INTEGER REFERENCES users (id) ON DELETE SET NULL,
  nickname     TEXT NOT NULL COLLATE NOCASE,
  transport    TEXT NOT NULL,
  instance_id  INTEGER REFERENCES instances (id) ON DELETE SET NULL,
  online       INTEGER NOT NULL DEFAULT 0,
  created_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  last_used_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) WITHOUT ROWID;
CREATE UNIQUE INDEX sessions_online_nickname ON sessions (nickname) WHERE online = 1;
CREATE INDEX sessions_last_used ON sessions (last_used_at);
CREATE INDEX sessions_instance ON sessions (instance_id);

CREATE TABLE session_rooms (
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  room_id    INTEGER NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
  PRIMARY KEY (session_id, room_id)
) WITHOUT ROWID;
CREATE INDEX session_rooms_room ON session_rooms (room_id);
