-- floor: 1
-- The index of words: packs, each an inverted index of a run of messages, and what is in them.

-- One row. `holder` is a random number of the process that writes packs, until that time; each of its writes
-- is only done while that holds. `turn` counts its signs of life. Messages with ids up to `below` were there
-- when the index was begun, and are not in it yet; NULL while it is not begun.
CREATE TABLE search_state (
  one    INTEGER PRIMARY KEY DEFAULT 1 CHECK (one = 1),
  holder INTEGER NOT NULL DEFAULT 0,
  until  TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  turn   INTEGER NOT NULL DEFAULT 0,
  below  INTEGER
);
INSERT INTO search_state DEFAULT VALUES;

-- All entries of a room up to `seq` are in packs, but for those of before `below`. The row stays when its room
-- goes: by it is known that the room's words are still in packs.
CREATE TABLE search_rooms (
  room_id INTEGER PRIMARY KEY,
  seq     INTEGER NOT NULL
);

-- Ends of the ids and of the times, in milliseconds since 1970. One that is not live is not written yet, or
-- not wanted any more.
CREATE TABLE search_packs (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  first_id INTEGER NOT NULL,
  last_id  INTEGER NOT NULL,
  first_at INTEGER NOT NULL,
  last_at  INTEGER NOT NULL,
  messages INTEGER NOT NULL,
  live     INTEGER NOT NULL DEFAULT 0
);

-- What a pack is made of. The greatest key up to a term is that of the block in which it would be.
-- Not WITHOUT ROWID: there, what is longer than a quarter of a page has a page more for its rest.
CREATE TABLE search_blocks (
  id   INTEGER PRIMARY KEY,
  pack INTEGER NOT NULL,
  key  BLOB NOT NULL,
  data BLOB NOT NULL,
  UNIQUE (pack, key)
);
