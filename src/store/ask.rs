//! What is asked in the same way of both kinds of database, over the connections that a store has
//! anyway.
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
pub(super) type Statement<'a> = (&'static str, &'a [Arg<'a>]);

pub(super) trait Ask: Send + Sync + 'static {
    /// What is said otherwise to each kind.
    fn either<T>(&self, postgres: T, sqlite: T) -> T;

    /// Statements in one transaction, and the rows of the last.
    fn all<T: Row>(
        &self,
        turn: Turn,
        statements: &[Statement<'_>],
    ) -> impl Future<Output = Result<Vec<T>, StoreError>> + Send;

    /// Words were taken away, and are not to be left in the database's files.
    fn words_are_gone(&self) {}

    /// How many rows the last of these statements changed, in one transaction.
    fn run(
        &self,
        turn: Turn,
        statements: &[Statement<'_>],
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// The value that a statement has for certain.
    fn value<T>(
        &self,
        turn: Turn,
        statements: &[Statement<'_>],
    ) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        T: Send,
        (T,): Row,
    {
        async move {
            let rows: Vec<(T,)> = self.all(turn, statements).await?;
            let row = rows.into_iter().next().ok_or(sqlx::Error::RowNotFound)?;
            Ok(row.0)
        }
    }
}
