-- floor: 1
-- What the operator's commands keep: runs of jobs, leases, how far the archive reaches, and how
-- large tables were.

-- A row per run of a job. A scheduled one has the time at which it was due, and whoever enters
-- that first does it, for the whole deployment.
CREATE TABLE job_runs (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  job         TEXT NOT NULL,
  due_at      TEXT,
  instance    TEXT NOT NULL,
  started_at  TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  finished_at TEXT,
  result      TEXT,
  detail      TEXT,
  UNIQUE (job, due_at)
);
CREATE INDEX job_runs_started ON job_runs (job, started_at);

-- Held by one at a time, until it is let go or its time is over.
CREATE TABLE leases (
  name   TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  until  TEXT NOT NULL
) WITHOUT ROWID;

-- The last message of a room that is in the archive for certain, with all before it.
CREATE TABLE room_archive (
  room_id     INTEGER PRIMARY KEY REFERENCES rooms (id) ON DELETE CASCADE,
  last_seq    INTEGER NOT NULL,
  archived_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

-- How large tables were when somebody looked, to tell how fast they grow.
CREATE TABLE table_sizes (
  name    TEXT NOT NULL,
  seen_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  rows    INTEGER NOT NULL,
  bytes   INTEGER NOT NULL,
  PRIMARY KEY (name, seen_at)
) WITHOUT ROWID;

-- What was replayed from an archive, up to this message, is history: nobody is told of it as
-- if it were new. `history_version` counts up whenever rows came or went behind the newest.
ALTER TABLE rooms ADD COLUMN replayed_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN history_version INTEGER NOT NULL DEFAULT 0;
