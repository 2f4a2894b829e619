-- floor: 1
-- Whether the past is the one that clients know. A restore or a file that was put back begins another
-- epoch, and what clients hold from the one before means nothing in it.
CREATE TABLE epoch (
  one             INTEGER PRIMARY KEY DEFAULT 1 CHECK (one = 1),
  epoch           TEXT NOT NULL DEFAULT (lower(hex(randomblob(16)))),
  since           TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  -- Why the one before ended; the first has no reason.
  reason          TEXT,
  -- When an operator said that this is known.
  acknowledged_at TEXT
);
INSERT INTO epoch DEFAULT VALUES;
