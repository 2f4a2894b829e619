-- floor: 1
-- A database that was put back gives ids again. A room and a user have a number besides that is drawn
-- at random when they are made, and by which a commit tells them from others that came later.
-- 53 bits: they are exact wherever JSON is read. A column that is added can have no such default, so
-- that a trigger gives the number to a row that was inserted without.
ALTER TABLE rooms ADD COLUMN uid INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN uid INTEGER NOT NULL DEFAULT 0;
UPDATE rooms SET uid = (random() & 9007199254740990) + 1;
UPDATE users SET uid = (random() & 9007199254740990) + 1;
CREATE TRIGGER rooms_uid AFTER INSERT ON rooms WHEN NEW.uid = 0
BEGIN
  UPDATE rooms SET uid = (random() & 9007199254740990) + 1 WHERE id = NEW.id;
END;
CREATE TRIGGER users_uid AFTER INSERT ON users WHEN NEW.uid = 0
BEGIN
  UPDATE users SET uid = (random() & 9007199254740990) + 1 WHERE id = NEW.id;
END;
