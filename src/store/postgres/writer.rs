//! The connections that commit. A batch whose answer is lost with its connection is sent again
//! as the same batch of the same writer: either it is its turn and is committed now, or it was,
//! and is looked up. So nothing is stored twice, and the caller hears how it ended.
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout};

use super::append::{Answer, Layout, Reply};
use super::connection::{Connection, Failure, Target};
use super::pause;
use crate::random;
use crate::store::gate::Gate;
use crate::store::instances::FORGET_WRITERS;
use crate::store::{Appended, Draft, Rejected, StoreError};

pub(super) struct Writers {
    target: Target,
    gate: Arc<Gate>,
    pub(super) count: usize,
    slots: Semaphore,
    idle: Mutex<Vec<Line>>,
    /// How many batches are in doubt while the database cannot be reached.
    stalled: watch::Sender<usize>,
    /// The database lacks a batch that it had said was committed.
    went_back: AtomicBool,
    /// How many epochs began.
    epochs: AtomicU64,
    /// How many connections there had been when the writers' rows were looked at.
    looked: AtomicU64,
}

/// A writer's row in the database, by the number of its next batch, and its connection. A line
/// whose last batch is in doubt is given up with its row.
#[derive(Default)]
struct Line {
    connection: Option<Connection>,
    writer: Option<(i64, i64)>,
    used: Option<Instant>,
    /// In which epoch its last batch was acknowledged.
    acknowledged: Option<u64>,
}

/// A line that goes back, also if what it was taken for is given up: there may be no other to be had.
struct Borrowed<'w> {
    line: Line,
    home: &'w Writers,
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        let line = std::mem::take(&mut self.line);
        self.home.idle().push(line);
    }
}

/// How an attempt ended that did not settle the batch.
enum Setback {
    /// Nothing happened; try again.
    Again(sqlx::Error),
    /// The connection is gone, with it the answer.
    Lost(String),
    /// Nothing happened, and trying again does not help.
    Failed(StoreError),
}

impl Writers {
    pub(super) fn new(target: Target, gate: Arc<Gate>, count: usize) -> Self {
        Self {
            target,
            gate,
            count,
            slots: Semaphore::new(count),
            idle: Mutex::default(),
            stalled: watch::Sender::new(0),
            went_back: AtomicBool::default(),
            epochs: AtomicU64::default(),
            looked: AtomicU64::default(),
        }
    }

    /// What was acknowledged until now is of an epoch that is over.
    pub(super) fn epoch_began(&self) {
        self.epochs.fetch_add(1, Relaxed);
        self.went_back.store(false, Relaxed);
    }

    /// Whether the line's last batch was acknowledged in the epoch that holds.
    fn counts(&self, line: &Line) -> bool {
        line.acknowledged == Some(self.epochs.load(Relaxed))
    }

    /// Whether the database went back behind a batch that was acknowledged; said once.
    pub(super) fn take_went_back(&self) -> bool {
        self.went_back.swap(false, Relaxed)
    }

    /// The writers that rest, each with the last batch that was acknowledged, if there was another
    /// connection since they were asked for.
    pub(super) fn to_look_at(&self) -> (Vec<i64>, Vec<i64>) {
        let made = self.target.made();
        if self.looked.swap(made, Relaxed) == made {
            return (Vec::new(), Vec::new());
        }
        let idle = self.idle();
        let counted = idle.iter().filter(|line| self.counts(line));
        let writers = counted.filter_map(|line| line.writer);
        writers.map(|(id, next)| (id, next - 1)).unzip()
    }

    /// These are not as they were left: they are begun anew.
    pub(super) fn forget(&self, writers: &[i64]) {
        for line in self.idle().iter_mut() {
            line.writer = line.writer.filter(|(id, _)| !writers.contains(id));
        }
    }

    /// Ready while a batch is in doubt and the database cannot be asked about it.
    pub(super) async fn stalled(&self) {
        // It cannot fail: the sender is here.
        let _ = self.stalled.subscribe().wait_for(|count| *count > 0).await;
    }

    pub(super) fn available(&self) -> usize {
        self.slots.available_permits()
    }

    pub(super) fn close(&self) {
        self.slots.close();
        self.idle().clear();
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Line>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a commit is possible, as far as a connection that is there can tell.
    pub(super) async fn take_writes(&self) -> bool {
        let Ok(Ok(_slot)) = timeout(self.target.patience, self.slots.acquire()).await else {
            return false;
        };
        let mut borrowed = Borrowed {
            line: self.idle().pop().unwrap_or_default(),
            home: self,
        };
        match &mut borrowed.line.connection {
            Some(connection) => connection.takes_writes(self.target.patience).await,
            None => false,
        }
    }

    pub(super) async fn append(
        &self,
        batch: &[Draft],
    ) -> Result<Vec<Result<Appended, Rejected>>, StoreError> {
        let slot = self.gate.pass(async {
            let slot = self.slots.acquire().await;
            slot.map_err(|_| StoreError::Unavailable("the store is closed".into()))
        });
        let _slot = slot.await?;
        let mut line = self.idle().pop().unwrap_or_default();
        let outcome = self.settle(&mut line, batch).await;
        if !matches!(outcome, Err(StoreError::Unknown(_))) {
            self.idle().push(line);
        }
        outcome
    }

    /// Tries until the batch is committed, refused, or its time is over.
    async fn settle(
        &self,
        line: &mut Line,
        batch: &[Draft],
    ) -> Result<Vec<Result<Appended, Rejected>>, StoreError> {
        let deadline = Instant::now() + self.target.statement * 2;
        let mut answers: Vec<Answer> = vec![None; batch.len()];
        let mut layout = Layout::of(batch, &answers);
        let (mut doubt, mut tries) = (None, 0);
        let mut stall = None;
        while !layout.is_empty() {
            let error = match self.attempt(line, batch, &layout).await {
                Ok(Reply::Answered(answered)) => {
                    for (draft, answer) in answered {
                        answers[draft] = Some(answer);
                    }
                    (layout, doubt) = (Layout::of(batch, &answers), None);
                    continue;
                }
                Ok(Reply::Stored(stored)) => {
                    line.acknowledged = Some(self.epochs.load(Relaxed));
                    layout.fill(stored, &mut answers);
                    return Ok(complete(answers));
                }
                // Its row is gone, or as it was before: what was sent cannot be committed any more, and
                // what was acknowledged is lost.
                Ok(Reply::NotItsTurn) => {
                    self.went_back.fetch_or(self.counts(line), Relaxed);
                    line.acknowledged = None;
                    (line.writer, doubt) = (None, None);
                    "the writer's row was deleted".to_owned()
                }
                Err(Setback::Again(error)) => error.to_string(),
                Err(Setback::Lost(error)) => doubt.insert(error).clone(),
                Err(Setback::Failed(error)) if doubt.is_none() => return Err(error),
                Err(Setback::Failed(error)) => {
                    stall.get_or_insert_with(|| Stall::new(&self.stalled));
                    error.to_string()
                }
            };
            if Instant::now() >= deadline {
                return Err(doubt.map_or(StoreError::Unavailable(error), StoreError::Unknown));
            }
            tries += 1;
            pause(tries).await;
        }
        layout.fill(Vec::new(), &mut answers);
        Ok(complete(answers))
    }

    /// Sends the batch once, and looks up what became of it if it was sent before.
    async fn attempt(
        &self,
        line: &mut Line,
        batch: &[Draft],
        layout: &Layout<'_>,
    ) -> Result<Reply, Setback> {
        let (connection, writer) = self.ready(line).await.map_err(Setback::Failed)?;
        let place = connection.place;
        let work = async {
            if !self.target.prepares {
                connection.begin().await?;
            }
            let mut reply = layout.commit(connection, batch, *writer).await?;
            if matches!(reply, Reply::NotItsTurn)
                && let Some(stored) = layout.look_up(connection, *writer).await?
            {
                reply = Reply::Stored(stored);
            }
            if !self.target.prepares {
                connection.commit().await?;
            }
            Ok::<_, sqlx::Error>(reply)
        };
        let answer = tokio::select! {
            biased;
            answer = timeout(self.target.statement + GRACE, work) => answer,
            () = self.target.moves_from(place) => {
                line.connection = None;
                return Err(Setback::Lost("another server is the primary now".into()));
            }
        };
        match answer {
            Ok(Ok(reply)) => {
                connection.touch();
                if matches!(reply, Reply::Stored(_)) {
                    writer.1 += 1;
                }
                Ok(reply)
            }
            Ok(Err(error)) => Err(self.setback(line, layout, error).await),
            Err(_) => {
                line.connection = None;
                Err(Setback::Lost("no answer in time".into()))
            }
        }
    }

    async fn setback(&self, line: &mut Line, layout: &Layout<'_>, error: sqlx::Error) -> Setback {
        let constraint = match &error {
            sqlx::Error::Database(e) => e.constraint().map(str::to_owned),
            _ => None,
        };
        let nonce =
            matches!(&error, sqlx::Error::Database(e) if e.code().as_deref() == Some("23502"));
        let usable = match &mut line.connection {
            Some(connection) => connection.recover(self.target.patience).await,
            None => false,
        };
        match Failure::from(error) {
            Failure::Lost(error) => {
                line.connection = None;
                Setback::Lost(error.to_string())
            }
            Failure::ReadOnly(error) => {
                self.target.has_moved();
                line.connection = None;
                Setback::Failed(error.into())
            }
            Failure::Race(error) => {
                if let (Some(connection), Some("messages_pkey")) =
                    (&mut line.connection, constraint.as_deref())
                    && let Err(error) = layout.catch_up(connection).await
                {
                    line.connection = None;
                    return Setback::Again(error);
                }
                Setback::Again(error)
            }
            Failure::Other(error) if nonce => Setback::Again(error),
            Failure::Other(error) => {
                if !usable {
                    line.connection = None;
                }
                Setback::Failed(error.into())
            }
        }
    }

    /// The line with a living connection and a row.
    async fn ready<'l>(
        &self,
        line: &'l mut Line,
    ) -> Result<(&'l mut Connection, &'l mut (i64, i64)), StoreError> {
        let mut connection = match line.connection.take() {
            Some(mut open) => {
                if open.lives(self.target.patience).await {
                    open
                } else {
                    self.target.connect().await?
                }
            }
            None => self.target.connect().await?,
        };
        let forgotten = line
            .used
            .is_some_and(|used| used.elapsed() > FORGET_WRITERS / 2);
        line.used = Some(Instant::now());
        let writer = match line.writer.filter(|_| !forgotten) {
            Some(writer) => writer,
            None => (self.new_writer(&mut connection).await?, 1),
        };
        Ok((
            line.connection.insert(connection),
            line.writer.insert(writer),
        ))
    }

    /// Of a number by chance: one that the database counts out comes again after it went back, and
    /// then two lines would take each other's batches for their own.
    async fn new_writer(&self, connection: &mut Connection) -> Result<i64, StoreError> {
        let number = random::number().map_err(|error| {
            let why = format!("no random numbers: {error}");
            StoreError::Refused(why)
        })?;
        let id = (number >> 1).cast_signed();
        let work = async {
            connection.begin().await?;
            let made = sqlx::query("INSERT INTO writers (id) VALUES ($1)").bind(id);
            connection.run(made).await?;
            connection.commit().await?;
            Ok::<_, sqlx::Error>(())
        };
        match timeout(self.target.statement, work).await {
            Ok(made) => Ok(made.map(|()| id)?),
            Err(_) => Err(StoreError::Unavailable("no answer in time".into())),
        }
    }
}

/// Counts a batch that is in doubt without a database to ask.
struct Stall<'w>(&'w watch::Sender<usize>);

impl<'w> Stall<'w> {
    fn new(count: &'w watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count)
    }
}

impl Drop for Stall<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// What an answer may be late, beyond the time after which the server itself gives up.
const GRACE: Duration = Duration::from_millis(250);

fn complete(answers: Vec<Answer>) -> Vec<Result<Appended, Rejected>> {
    let complete = answers.into_iter();
    complete
        .map(|a| a.unwrap_or(Err(Rejected::NoSuchRoom)))
        .collect()
}
