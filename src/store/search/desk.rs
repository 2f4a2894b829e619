//! The index of words for a program that is no instance.
use std::time::Duration;

use crate::store::StoreError;
use crate::store::ask::{Ask, Statement, Turn};
use crate::store::session::{Purpose, Row, Session, Tx};

/// How long to wait for a connection, and for another process that writes.
const PATIENCE: Duration = Duration::from_secs(10);
/// For one statement: they all look at some blocks, or at a page.
const ANSWER: Duration = Duration::from_secs(60);

/// A database of which the index is read and written, on connections of its own.
pub struct Desk(Session);

impl Desk {
    /// Opens the database that `url` names. The embedded one is migrated, but not made.
    ///
    /// # Errors
    /// Where it cannot be reached, or its schema does not fit this program.
    pub async fn open(url: &str, application: &str) -> Result<Self, StoreError> {
        let purpose = Purpose {
            application,
            connections: 2,
            patience: PATIENCE,
            answer: ANSWER,
        };
        Ok(Self(Session::open(url, purpose).await?))
    }

    pub async fn close(&self) {
        self.0.close().await;
    }

    async fn begin(&self, turn: Turn) -> Result<Tx, StoreError> {
        match turn {
            Turn::Read | Turn::ReadAside => self.0.begin().await,
            Turn::Repeatable | Turn::RepeatableAside | Turn::Once => {
                Ok(self.0.begin_to_write().await?)
            }
        }
    }
}

impl Ask for Desk {
    fn either<T>(&self, postgres: T, sqlite: T) -> T {
        self.0.either(postgres, sqlite)
    }

    async fn all<T: Row>(
        &self,
        turn: Turn,
        statements: &[Statement<'_>],
    ) -> Result<Vec<T>, StoreError> {
        let rows = async {
            let Some(((sql, args), before)) = statements.split_last() else {
                return Ok(Vec::new());
            };
            let mut tx = self.begin(turn).await?;
            for (sql, args) in before {
                tx.run(sql, args).await?;
            }
            let rows = tx.all(*sql, args).await?;
            tx.commit().await?;
            Ok(rows)
        };
        self.0.within(rows).await
    }

    async fn run(&self, turn: Turn, statements: &[Statement<'_>]) -> Result<u64, StoreError> {
        let changed = async {
            let mut tx = self.begin(turn).await?;
            let mut changed = 0;
            for (sql, args) in statements {
                changed = tx.run(sql, args).await?;
            }
            tx.commit().await?;
            Ok(changed)
        };
        self.0.within(changed).await
    }
}
