//! The role with which PostgreSQL is used, and whether it may do what it has to, and no more.
use super::{Inspector, Link};
use crate::store::StoreError;

/// What a role may do in the database.
#[derive(Debug, Clone)]
pub struct Role {
    pub name: String,
    pub standing: Standing,
    /// Tables of which it may not do all that serving takes.
    pub closed: Vec<String>,
    /// Tables that only their owner is to write, and that it may.
    pub open: Vec<String>,
}

/// How a role stands to the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Superuser,
    /// It is their owner, or a member of that role, so that it may also change and drop them.
    Owner,
    Other,
}

const ROLE: &str = "SELECT current_user::text, r.rolsuper, \
    coalesce((SELECT pg_has_role(c.relowner, 'MEMBER') FROM pg_class c \
      WHERE c.oid = to_regclass('messages')), false) \
    FROM pg_roles r WHERE r.rolname = current_user";

/// Serving takes the four of every table but some: what was migrated is read only, and the audit log
/// is written and never changed.
const CLOSED: &str = "SELECT c.relname::text FROM pg_class c \
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') \
      AND NOT (has_table_privilege(c.oid, 'SELECT') AND CASE \
        WHEN c.relname IN ('schema_migrations', 'schema_steps') THEN true \
        WHEN c.relname = 'audit' THEN has_table_privilege(c.oid, 'INSERT') \
        ELSE has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE') \
          AND has_table_privilege(c.oid, 'DELETE') END) \
    ORDER BY 1";

const OPEN: &str = "SELECT c.relname::text FROM pg_class c \
    WHERE c.relnamespace = current_schema()::regnamespace \
      AND c.relname IN ('schema_migrations', 'schema_steps', 'audit') \
      AND has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE') \
    ORDER BY 1";

impl Inspector {
    /// The role; nothing of an embedded database.
    ///
    /// # Errors
    /// Fails where the database does not answer.
    pub async fn role(&mut self) -> Result<Option<Role>, StoreError> {
        if matches!(self.0, Link::Sqlite(_)) {
            return Ok(None);
        }
        let (name, superuser, owner): (String, bool, bool) = self.first(ROLE).await?;
        let standing = match (superuser, owner) {
            (true, _) => Standing::Superuser,
            (false, true) => Standing::Owner,
            (false, false) => Standing::Other,
        };
        Ok(Some(Role {
            name,
            standing,
            closed: self.texts(CLOSED).await?,
            open: self.texts(OPEN).await?,
        }))
    }
}
