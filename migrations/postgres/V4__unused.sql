-- floor: 1
-- no-transaction
-- Users who said nothing and are nowhere are taken away: for each it is looked up whether anything
-- is theirs, and the database itself looks once more when a row goes.
CREATE INDEX CONCURRENTLY messages_user ON messages (user_id);
