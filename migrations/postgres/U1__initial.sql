-- Undoes V1: every message goes.
DROP TABLE session_rooms;
DROP TABLE sessions;
DROP TABLE instances;
DROP TABLE writers;
DROP TABLE nonces;
DROP TABLE messages;
DROP TABLE room_members;
DROP TABLE rooms;
DROP TABLE users;
