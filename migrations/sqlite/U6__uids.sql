-- Undoes V6: no room and no user goes. What clients and archives know of them by those numbers is over.
DROP TRIGGER users_uid;
DROP TRIGGER rooms_uid;
ALTER TABLE users DROP COLUMN uid;
ALTER TABLE rooms DROP COLUMN uid;
