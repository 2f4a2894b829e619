-- floor: 1
-- People: accounts, workspaces, roles, restrictions, invites, tokens and the audit log.
-- Roles, kinds and scopes are the names that clients see.

-- An account is a user that was registered. One without a password signs in by other means.
ALTER TABLE users ADD COLUMN registered_at TEXT;
ALTER TABLE users ADD COLUMN password TEXT;
ALTER TABLE users ADD COLUMN display_name TEXT;
ALTER TABLE users ADD COLUMN disabled_at TEXT;
-- Issuer and subject at an identity provider.
ALTER TABLE users ADD COLUMN subject TEXT;
CREATE UNIQUE INDEX users_subject ON users (subject) WHERE subject IS NOT NULL;

-- Walls: members of one see nothing of another. The first holds rooms with plain names.
CREATE TABLE workspaces (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  name       TEXT NOT NULL UNIQUE COLLATE NOCASE,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
INSERT INTO workspaces (name) VALUES ('main');

CREATE TABLE workspace_members (
  workspace_id INTEGER NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  user_id      INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  role         TEXT NOT NULL DEFAULT 'member',
  joined_at    TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  PRIMARY KEY (workspace_id, user_id)
) WITHOUT ROWID;
CREATE INDEX workspace_members_user ON workspace_members (user_id);

-- `kind` is public, private or direct; `allow` the roles that an action takes here, as JSON, where they
-- are not the usual; `slow` seconds between two messages of one person.
ALTER TABLE rooms ADD COLUMN workspace_id INTEGER NOT NULL DEFAULT 1;
ALTER TABLE rooms ADD COLUMN kind TEXT NOT NULL DEFAULT 'public';
ALTER TABLE rooms ADD COLUMN topic TEXT;
ALTER TABLE rooms ADD COLUMN slow INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN allow TEXT;
-- A role in this room alone.
ALTER TABLE room_members ADD COLUMN role TEXT;

-- Bans and mutes, in a room or in a whole workspace; of a guest, by its address.
CREATE TABLE restrictions (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  kind         TEXT NOT NULL,
  workspace_id INTEGER NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  room_id      INTEGER REFERENCES rooms (id) ON DELETE CASCADE,
  user_id      INTEGER REFERENCES users (id) ON DELETE CASCADE,
  address      TEXT,
  until        TEXT,
  why          TEXT,
  created_by   INTEGER REFERENCES users (id) ON DELETE SET NULL,
  created_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE INDEX restrictions_user ON restrictions (user_id);
CREATE INDEX restrictions_room ON restrictions (room_id);

-- Of invites and tokens only a digest is kept.
CREATE TABLE invites (
  digest       TEXT PRIMARY KEY,
  workspace_id INTEGER NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  room_id      INTEGER REFERENCES rooms (id) ON DELETE CASCADE,
  role         TEXT NOT NULL DEFAULT 'member',
  uses         INTEGER NOT NULL DEFAULT 1,
  expires_at   TEXT,
  created_by   INTEGER REFERENCES users (id) ON DELETE SET NULL,
  created_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

CREATE TABLE tokens (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id      INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  name         TEXT NOT NULL,
  digest       TEXT NOT NULL UNIQUE,
  scopes       TEXT NOT NULL,
  rooms        TEXT,
  created_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  expires_at   TEXT,
  last_used_at TEXT,
  revoked_at   TEXT
);
CREATE INDEX tokens_user ON tokens (user_id);

-- Names are kept as they were: what was done stays readable when a user or a room is gone.
CREATE TABLE audit (
  id     INTEGER PRIMARY KEY AUTOINCREMENT,
  at     TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  actor  TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT,
  room   TEXT,
  why    TEXT,
  detail TEXT
);

-- Failed logins by account and by address, each as a digest, until they are forgotten.
CREATE TABLE login_failures (
  key     TEXT PRIMARY KEY,
  count   INTEGER NOT NULL,
  last_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE INDEX login_failures_last ON login_failures (last_at);

-- What rights changed: a user's, in a room, or all in a room. Instances look for new rows several times a
-- second. `ends` is for a kick: what that user reads of the room ends, also where it may begin anew.
CREATE TABLE rights_changes (
  n       INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id INTEGER,
  room_id INTEGER,
  ends    INTEGER NOT NULL DEFAULT 0,
  at      TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

-- A session of an account; it may have its nickname beside others of the same account.
ALTER TABLE sessions ADD COLUMN account INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN address TEXT;
DROP INDEX sessions_online_nickname;
CREATE UNIQUE INDEX sessions_online_nickname ON sessions (nickname) WHERE online = 1 AND account = 0;
