-- Undoes V4: nothing but speed goes.
DROP INDEX IF EXISTS messages_user;
