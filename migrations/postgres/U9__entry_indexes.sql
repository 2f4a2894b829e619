-- Undoes V9.
DROP INDEX IF EXISTS messages_pinned;
DROP INDEX IF EXISTS messages_thread;
DROP INDEX IF EXISTS messages_thread_gone;
