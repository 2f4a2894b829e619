-- floor: 1
-- A database that went back gives ids again. A room and a user have a number besides that is drawn at
-- random when they are made, and by which a commit tells them from others that came later.
-- 53 bits: they are exact wherever JSON is read.
ALTER TABLE rooms ADD COLUMN uid bigint NOT NULL DEFAULT floor(random() * 9007199254740991 + 1)::bigint;
ALTER TABLE users ADD COLUMN uid bigint NOT NULL DEFAULT floor(random() * 9007199254740991 + 1)::bigint;
