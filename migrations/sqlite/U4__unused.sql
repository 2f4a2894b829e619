-- Undoes V4: nothing but speed goes.
DROP INDEX messages_user;
DROP INDEX sessions_user;
DROP INDEX rooms_created_by;
