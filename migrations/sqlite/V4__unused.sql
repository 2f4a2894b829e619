-- floor: 1
-- Users who said nothing and are nowhere are taken away: for each it is looked up whether anything
-- is theirs, and the database itself looks once more when a row goes.
CREATE INDEX messages_user ON messages (user_id);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX rooms_created_by ON rooms (created_by);
