//! The connections that everything but the commits goes through.
//!
//! Not sqlx's own pool: that one asks the server on every return whether the connection is well
//! (a second round trip for every read) and, while the server is down, keeps trying until the
//! caller's time is up, where a caller here is told at once.
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::connection::{Connection, Failure, Target};
use super::pause;
use crate::store::StoreError;
use crate::store::gate::Gate;

/// How often a transaction that others got in the way of is tried.
const TRIES: u32 = 8;

/// How an operation is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One statement that changes nothing.
    Read,
    /// A transaction that may run again if its outcome is unknown: it then changes no more.
    Repeatable,
    /// A transaction that may not.
    Once,
}

/// A piece of work on a connection.
pub(super) trait Work<A, T>:
    for<'c> Fn(&'c mut Connection, &'c A) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send + Sync
{
}

impl<A, T, F> Work<A, T> for F where
    F: for<'c> Fn(&'c mut Connection, &'c A) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send + Sync
{
}

pub(super) struct Pool {
    target: Target,
    gate: Arc<Gate>,
    slots: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
    idle_timeout: Duration,
}

impl Pool {
    pub(super) fn new(
        target: Target,
        gate: Arc<Gate>,
        size: usize,
        idle_timeout: Duration,
    ) -> Self {
        Self {
            target,
            gate,
            slots: Arc::new(Semaphore::new(size)),
            idle: Arc::default(),
            idle_timeout,
        }
    }

    pub(super) fn available(&self) -> usize {
        self.slots.available_permits()
    }

    /// See [`Target::has_moved`].
    pub(super) fn has_moved(&self) {
        self.target.has_moved();
    }

    pub(super) fn close(&self) {
        self.slots.close();
        self.forget_idle();
    }

    /// Runs `work` on a connection of its own, again where that can help.
    ///
    /// What `work` borrows comes in `args`: so the compiler can see that it lives long enough.
    pub(super) async fn run<A: Send + Sync, T: Send>(
        &self,
        kind: Kind,
        args: A,
        work: impl Work<A, T>,
    ) -> Result<T, StoreError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let failure = match self.attempt(kind, &args, &work).await? {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            };
            match failure {
                Failure::Race(_) if tries < TRIES => pause(tries).await,
                Failure::Lost(error) => {
                    // The others were made to the same server, which is not there any more.
                    self.forget_idle();
                    match kind {
                        Kind::Once => return Err(StoreError::Unknown(error.to_string())),
                        _ if tries > 1 => return Err(StoreError::Unavailable(error.to_string())),
                        _ => {}
                    }
                }
                Failure::ReadOnly(error) => {
                    self.target.has_moved();
                    if tries > 1 {
                        return Err(error.into());
                    }
                }
                Failure::Race(error) | Failure::Other(error) => return Err(error.into()),
            }
        }
    }

    async fn attempt<A: Sync, T: Send>(
        &self,
        kind: Kind,
        args: &A,
        work: &impl Work<A, T>,
    ) -> Result<Result<T, Failure>, StoreError> {
        let mut connection = self.take().await?;
        let transaction = kind != Kind::Read || !self.target.prepares;
        let whole = async {
            if transaction {
                connection.begin().await?;
            }
            let done = work(&mut connection, args).await?;
            if transaction {
                connection.commit().await?;
            }
            Ok::<T, sqlx::Error>(done)
        };
        match timeout(self.target.statement, whole).await {
            Ok(Ok(done)) => {
                connection.well = true;
                Ok(Ok(done))
            }
            Ok(Err(error)) => Ok(Err(Failure::from(error))),
            Err(_) if kind == Kind::Once => Err(StoreError::Unknown("no answer in time".into())),
            Err(_) => Err(StoreError::Unavailable("no answer in time".into())),
        }
    }

    async fn take(&self) -> Result<Lent, StoreError> {
        let slot = self.gate.pass(async {
            let slot = self.slots.clone().acquire_owned().await;
            slot.map_err(|_| StoreError::Unavailable("the store is closed".into()))
        });
        let slot = slot.await?;
        while let Some(mut connection) = self.pop() {
            if connection.lives(self.target.patience).await {
                return Ok(self.lend(connection, slot));
            }
            // To ask each of the others would take as long again.
            self.forget_idle();
        }
        Ok(self.lend(self.target.connect().await?, slot))
    }

    fn lend(&self, connection: Connection, slot: OwnedSemaphorePermit) -> Lent {
        Lent {
            connection: Some(connection),
            well: false,
            slot: Some(slot),
            home: self.idle.clone(),
            patience: self.target.patience,
        }
    }

    /// The connection used last; those that were not needed for long are closed on the way.
    fn pop(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|c| c.idle() < self.idle_timeout);
        idle.pop()
    }

    fn forget_idle(&self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.clear();
    }
}

/// A connection on loan. It comes back also if its user gave up half way: then first what it
/// was doing is ended, or it is closed.
struct Lent {
    connection: Option<Connection>,
    well: bool,
    slot: Option<OwnedSemaphorePermit>,
    home: Arc<Mutex<Vec<Connection>>>,
    patience: Duration,
}

impl Drop for Lent {
    fn drop(&mut self) {
        let (Some(mut connection), slot) = (self.connection.take(), self.slot.take()) else {
            return;
        };
        let (home, patience) = (self.home.clone(), self.patience);
        if self.well {
            give_back(&home, connection, slot);
        } else if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                if connection.recover(patience).await {
                    give_back(&home, connection, slot);
                }
            });
        }
    }
}

fn give_back(
    home: &Mutex<Vec<Connection>>,
    mut connection: Connection,
    slot: Option<OwnedSemaphorePermit>,
) {
    connection.touch();
    let mut idle = home.lock().unwrap_or_else(PoisonError::into_inner);
    idle.push(connection);
    drop(slot);
}

impl Deref for Lent {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
            .as_ref()
            .expect("it is on loan until dropped")
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection
            .as_mut()
            .expect("it is on loan until dropped")
    }
}
