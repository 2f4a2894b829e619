-- A room and an author for the references that follow.
INSERT INTO users (nickname) VALUES ('reference');
INSERT INTO rooms (name) SELECT 'reference-' || n FROM generate_series(1, 10) n;
