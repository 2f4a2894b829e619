//! Writing the index: one process at a time looks every second for what was said, edited and deleted.
//!
//! What it finds in a look is done in this order, by which nothing is lost and no old words stay: where rooms
//! stand is read first, then words that were edited or deleted up to there leave all packs, and only then is a
//! pack made of what was said up to there, as it is by now.
mod build;
mod merge;
mod remove;
mod tidy;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

pub use self::remove::{Gone, remove};
use crate::clock::Clock;
use crate::index::pack::Damaged;
use crate::meter::Meters;
use crate::model::{PackId, RoomId, Seq};
use crate::random;
use crate::store::StoreError;
use crate::store::search::{Behind, Holder, Indexed};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// Between two tries to be the one that writes, and after a fault.
const AGAIN: Duration = Duration::from_secs(3);
/// So many entries make a pack, or one that waits for so long.
const ENOUGH: u64 = 512;
const LONG: Duration = Duration::from_secs(60);
/// What is so far behind is more than one pack.
const FAR: i64 = 8_192;

/// Why the index was not written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another process writes it now.
    #[error("another process writes the search index")]
    Lost,
    #[error(transparent)]
    Damaged(#[from] Damaged),
    #[error("{0}")]
    Inside(String),
}

/// Whether something that the writer alone may do was done.
fn done(held: bool) -> Result<(), WriteError> {
    if held { Ok(()) } else { Err(WriteError::Lost) }
}

/// Writes the index of a database.
pub struct Writer {
    store: Arc<dyn Indexed>,
    clock: Arc<dyn Clock>,
    meters: Arc<Meters>,
}

/// One time of writing, from taking the place to losing it.
pub struct Term {
    store: Arc<dyn Indexed>,
    clock: Arc<dyn Clock>,
    meters: Arc<Meters>,
    holder: Holder,
    turn: i64,
    /// Up to where rooms were looked through for words that are gone.
    looked: HashMap<RoomId, Seq>,
    /// Since when something waits for a pack.
    waits: Option<Instant>,
    /// So much still waits for one.
    waiting: i64,
    /// Packs that are not wanted any more, since when: a search may still read one.
    dead: HashMap<PackId, Instant>,
    tidied: Option<Instant>,
    /// The pack that was looked at last, whether its messages are still there.
    at: Option<PackId>,
}

/// How far the index is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// All is in it but what was said lately.
    Current,
    /// Messages with ids up to this one are not.
    Below(i64),
}

impl Writer {
    pub fn new(store: Arc<dyn Indexed>, clock: Arc<dyn Clock>, meters: Arc<Meters>) -> Self {
        Self {
            store,
            clock,
            meters,
        }
    }

    /// Writes the index, whenever no other does, until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.write_for_ever(&stop) => {}
        }
    }

    async fn write_for_ever(&self, stop: &CancellationToken) {
        let mut told = false;
        loop {
            match self.term(false).await {
                Ok(Some(mut term)) => {
                    let ended = term.hold(stop).await;
                    term.leave().await;
                    match ended {
                        Err(WriteError::Lost) => tracing::debug!("another writes the search index"),
                        Err(error) => {
                            tell(&mut told, &error);
                        }
                        Ok(()) => return,
                    }
                }
                Ok(None) => told = false,
                Err(error) => tell(&mut told, &error),
            }
            self.clock.sleep(random::between(AGAIN / 2, AGAIN)).await;
        }
    }

    /// Begins to write, if no other writer does; with `force`, in the place of the one that does.
    ///
    /// # Errors
    /// Where the database does not answer, or there are no random numbers.
    pub async fn term(&self, force: bool) -> Result<Option<Term>, WriteError> {
        let number = random::number().map_err(|e: io::Error| WriteError::Inside(e.to_string()))?;
        // 0 is held by none.
        let holder = Holder((number >> 1).max(1) as i64);
        if !self.store.take_packs(holder, force).await? {
            return Ok(None);
        }
        Ok(Some(Term {
            store: self.store.clone(),
            clock: self.clock.clone(),
            meters: self.meters.clone(),
            holder,
            turn: 0,
            looked: HashMap::new(),
            waits: None,
            waiting: 0,
            dead: HashMap::new(),
            tidied: None,
            at: None,
        }))
    }
}

fn tell(told: &mut bool, error: &WriteError) {
    if !std::mem::replace(told, true) {
        tracing::warn!(%error, "cannot write the search index: what was said is searched one by one");
    }
}

impl Term {
    /// Writes until `stop`, or until that fails.
    async fn hold(&mut self, stop: &CancellationToken) -> Result<(), WriteError> {
        while !stop.is_cancelled() {
            let progress = self.look().await?;
            // One that is far behind does not wait, or a busy hour would never be made up for.
            if progress == Progress::Current && self.waiting < FAR {
                self.clock.sleep(LOOK).await;
            } else {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Does what is due now.
    ///
    /// # Errors
    /// Where another writes by now, or the database does not answer. Then nothing is lost: the next
    /// writer goes on from what is stored.
    pub async fn look(&mut self) -> Result<Progress, WriteError> {
        done(self.store.hold_packs(self.holder, self.turn).await?)?;
        self.turn += 1;
        let below = match self.store.unindexed().await? {
            Some(below) => below,
            None => {
                done(self.store.begin_index(self.holder).await?)?;
                self.store.unindexed().await?.ok_or(WriteError::Lost)?
            }
        };
        let behind = self.store.behind().await?;
        self.rooms_that_are_gone(&behind).await?;
        self.words_that_are_gone(&behind).await?;
        let waiting = self.pack(&behind).await?;
        self.merge().await?;
        self.tidy().await?;
        self.meters.search_behind.set(waiting);
        self.waiting = waiting;
        if below.get() > 0 {
            let below = self.pass(below).await?;
            return Ok(Progress::Below(below));
        }
        Ok(Progress::Current)
    }

    /// How many messages have ids in that range.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn count(&self, ids: (i64, i64)) -> Result<i64, WriteError> {
        Ok(self.store.count_between(ids).await?)
    }

    /// Says that there is no index; the next look begins another.
    ///
    /// # Errors
    /// Where another writes by now, or the database does not answer.
    pub async fn begin_anew(&mut self) -> Result<(), WriteError> {
        done(self.store.drop_index(self.holder).await?)?;
        self.looked.clear();
        Ok(())
    }

    /// Takes words out of all packs, also of those that are not wanted any more.
    ///
    /// # Errors
    /// Where another writes by now, or the database does not answer.
    pub async fn remove(&mut self, gone: &[Gone]) -> Result<u64, WriteError> {
        let removed = remove(&*self.store, self.holder, gone).await?;
        if removed > 0 {
            self.store.words_left();
        }
        Ok(removed)
    }

    /// Lets another write at once.
    pub async fn leave(self) {
        self.meters.search_behind.set(0);
        self.meters.search_behind_seconds.set(0);
        self.meters.search_packs.set(0);
        if let Err(error) = self.store.leave_packs(self.holder).await {
            tracing::debug!(%error, "another writes the search index only when this one's time is over");
        }
    }

    /// Words of rooms that were deleted are still in packs.
    async fn rooms_that_are_gone(&mut self, behind: &[Behind]) -> Result<(), WriteError> {
        let gone = behind.iter().filter(|of| of.last.is_none());
        let gone: Vec<RoomId> = gone.map(|of| of.room).collect();
        if gone.is_empty() {
            return Ok(());
        }
        let words: Vec<Gone> = gone.iter().copied().map(Gone::Room).collect();
        self.remove(&words).await?;
        done(self.store.forget_rooms(self.holder, &gone).await?)
    }

    async fn words_that_are_gone(&mut self, behind: &[Behind]) -> Result<(), WriteError> {
        let part = |of: &Behind| {
            let last = of.last?;
            let looked = self.looked.get(&of.room).copied();
            // A place beyond the end is of a past that is no more.
            let looked = looked.filter(|looked| *looked <= last);
            let after = looked.map_or(of.packed, |looked| looked.max(of.packed));
            (after < last).then_some((of.room, after, last))
        };
        let parts: Vec<(RoomId, Seq, Seq)> = behind.iter().filter_map(part).collect();
        if parts.is_empty() {
            return Ok(());
        }
        let changed = self.store.changed_words(&parts).await?;
        if !changed.is_empty() {
            let gone = |of: crate::store::search::Changed| Gone::Message {
                room: of.room,
                seq: of.target,
                id: of.id,
            };
            let gone: Vec<Gone> = changed.into_iter().map(gone).collect();
            self.remove(&gone).await?;
        }
        self.looked
            .extend(parts.into_iter().map(|(room, _, last)| (room, last)));
        Ok(())
    }
}
