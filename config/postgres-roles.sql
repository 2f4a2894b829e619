-- Two roles for discordctl in PostgreSQL: one that owns the schema and migrates it, and one with which
-- instances serve, and which can do no more than read and write rows. docs/database-roles.md tells
-- which command needs which.
--
-- Run it with psql as an administrator of the server, for a new database or one that is in use:
--
--   psql -d postgres -v database=chat -v owner=chat_owner -v serving=chat -f postgres-roles.sql
--
-- Then give each role a password (\password chat_owner, \password chat), run 'discordctl migrate up' as
-- the owner, and this once more: it takes from the serving role what only the owner is to write. It may
-- be run as often as you like.
\set ON_ERROR_STOP on
\if :{?database} \else \set database chat \endif
\if :{?owner} \else \set owner chat_owner \endif
\if :{?serving} \else \set serving chat \endif

-- Neither may do anything beyond its own database.
SELECT format('CREATE ROLE %I LOGIN', role)
  FROM unnest(ARRAY[:'owner', :'serving']) AS role
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) \gexec
ALTER ROLE :"owner" NOCREATEDB NOCREATEROLE;
ALTER ROLE :"serving" NOCREATEDB NOCREATEROLE;
SELECT format('ALTER ROLE %I NOSUPERUSER NOREPLICATION NOBYPASSRLS', rolname)
  FROM pg_roles WHERE rolname IN (:'owner', :'serving')
   AND (rolsuper OR rolreplication OR rolbypassrls) \gexec
-- An administrator role that is no superuser, as at most hosters, acts as the owner.
SELECT format('GRANT %I TO CURRENT_USER', :'owner')
 WHERE NOT pg_has_role(current_user, :'owner', 'MEMBER') \gexec
-- What the serving role had by being the owner, or one of its members, it has no more.
SELECT format('REVOKE %I FROM %I', :'owner', :'serving')
 WHERE pg_has_role(:'serving', :'owner', 'MEMBER') \gexec

SELECT format('CREATE DATABASE %I OWNER %I ENCODING ''UTF8'' TEMPLATE template0', :'database', :'owner')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
ALTER DATABASE :"database" OWNER TO :"owner";
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO :"owner", :"serving";

\connect :"database"
BEGIN;
-- Instances may be at work: rather try again than have them wait.
SET LOCAL lock_timeout = '3s';
-- All may use 'public' at first, and before PostgreSQL 15 create in it.
REVOKE ALL ON SCHEMA public FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM :"serving";
GRANT USAGE, CREATE ON SCHEMA public TO :"owner";
GRANT USAGE ON SCHEMA public TO :"serving";

-- Tables that another role made, as the one that did everything so far. Their sequences follow.
SELECT format('ALTER TABLE public.%I OWNER TO %I', c.relname, :'owner')
  FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
   AND r.rolname <> :'owner'
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') \gexec

-- Rows, and no more: no TRUNCATE, no triggers, no references. Sequences are read by pg_dump, and
-- set by 'discordctl replay'.
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM :"serving";
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM :"serving";
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO :"serving";
GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO :"serving";

-- The same for what later migrations make.
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"serving";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public
  GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO :"serving";

-- Which migrations were applied is the owner's to say, and what is in the audit log stays there.
SELECT format('REVOKE %s ON public.%I FROM %I', rights, c.relname, :'serving')
  FROM (VALUES ('schema_migrations', 'INSERT, UPDATE, DELETE'), ('schema_steps', 'INSERT, UPDATE, DELETE'),
               ('audit', 'UPDATE, DELETE')) AS only_read (name, rights)
  JOIN pg_class c ON c.relname = name AND c.relnamespace = 'public'::regnamespace \gexec
COMMIT;
