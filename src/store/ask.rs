//! What is seldom asked, in the same way of both kinds of database, over the connections that a store
//! has anyway.
use async_trait::async_trait;

use super::StoreError;
use super::session::Row;
use super::sql::Arg;

/// How a question is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It changes nothing.
    Read,
    /// The same, and it must not wait behind everything else.
    ReadAside,
    /// It may be asked again if its outcome is unknown: it then changes no more.
    Repeatable,
    RepeatableAside,
    /// It may not.
    Once,
}

/// A statement with its parameters.
pub(super) type Statement<'a> = (&'a str, &'a [Arg<'a>]);

#[async_trait]
pub(super) trait Ask: Send + Sync + 'static {
    /// What is said otherwise to each kind.
    fn either<T>(&self, postgres: T, sqlite: T) -> T;

    /// Statements in one transaction, and the rows of the last.
    async fn all<T: Row>(
        &self,
        turn: Turn,
        statements: &[Statement<'_>],
    ) -> Result<Vec<T>, StoreError>;

    /// How many rows the last of these statements changed, in one transaction.
    async fn run(&self, turn: Turn, statements: &[Statement<'_>]) -> Result<u64, StoreError>;

    /// The value that a statement has for certain.
    async fn value<T>(&self, turn: Turn, statements: &[Statement<'_>]) -> Result<T, StoreError>
    where
        T: Send,
        (T,): Row,
    {
        let rows: Vec<(T,)> = self.all(turn, statements).await?;
        let row = rows.into_iter().next().ok_or(sqlx::Error::RowNotFound)?;
        Ok(row.0)
    }
}
