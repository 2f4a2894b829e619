-- Undoes V2: no message goes, but what jobs did and how far the archive reaches is forgotten.
ALTER TABLE rooms DROP COLUMN history_version;
ALTER TABLE rooms DROP COLUMN replayed_seq;
DROP TABLE table_sizes;
DROP TABLE room_archive;
DROP TABLE leases;
DROP TABLE job_runs;
