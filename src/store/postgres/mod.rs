//! PostgreSQL: one log for any number of instances.
//!
//! Commits go through connections of their own ([`writer`]), everything else through a small
//! pool. No state is kept in a session, so that a pooler in transaction mode may stand between.
mod activity;
mod append;
mod changes;
mod connection;
mod instances;
mod operations;
mod pool;
mod statements;
mod writer;

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::FutureExt;

pub(super) use self::activity::Observer;
use self::connection::Target;
use self::pool::{Kind, Pool};
use self::writer::Writers;
use super::ask::{Ask, Statement, Turn};
use super::gate::{Gate, Shedding};
use super::session::Row;
use super::sql::Arg;
use super::{
    Appended, Draft, Instance, InstanceId, Lease, Log, Maintenance, Options, PoolState, Presence,
    PresenceChange, PresenceOutcome, Rejected, StoreError, migrations,
};
use crate::meter::Meters;
use crate::random;

/// How often to ask for what others committed while the bus carries: for a lost last message.
const LOOK_BESIDE_THE_BUS: Duration = Duration::from_secs(3);
/// And while nothing else would tell.
const LOOK_ALONE: Duration = Duration::from_millis(100);
/// Commits under way at once: more only wait for each other's rooms and for the disk.
const COMMITS: u32 = 2;
/// A connection for our own signs of life, for which nothing else may be in line.
const PULSE: u32 = 1;
/// How long one of those may take, in each of its parts.
const BEAT: Duration = Duration::from_millis(1_200);
/// Connections for the database's signs of life and what is seldom and must not starve, and how
/// many may ask at once whether the database answers.
const SIGNS: u32 = 1;
const MOST_ASKING: usize = 1_000;

/// Whether the server takes no writes, and a look at something that is stored.
const TAKES_NONE: &str = "SELECT current_setting('transaction_read_only') = 'on',
    (SELECT id FROM rooms LIMIT 1)";

pub(super) struct PostgresStore {
    writers: Writers,
    pool: Pool,
    /// For our signs of life: they wait for nothing.
    pulse: Pool,
    last_beat: parking_lot::Mutex<Option<DateTime<Utc>>>,
    /// For the database's, and for what must not wait behind everything else.
    signs: Pool,
    gate: Arc<Gate>,
    /// Users up to this one were looked at, whether they are of use.
    looked_at: AtomicI64,
    connections: u32,
    target: Target,
}

impl PostgresStore {
    pub(super) async fn open(options: &Options, meters: Arc<Meters>) -> Result<Self, StoreError> {
        let target = Target::new(options)?;
        // These are kept: one that was closed may not be had again, where others use up what there is.
        let apart = |target, gate, size| Pool::new(target, gate, size as usize, Duration::MAX);
        let shared = Arc::new(Gate::new(options.shedding(), meters));
        // Of the connections, the commits have some to themselves, and two are for signs of
        // life; at least one is left for the rest.
        let small = PULSE + SIGNS;
        let commits = COMMITS
            .min(options.connections.saturating_sub(small) / 2)
            .max(1);
        let others = options.connections.saturating_sub(commits + small).max(1);
        // What waits there is not waiting for work to be done: it counts for itself.
        let aside = |waiting, patience| {
            let shedding = Shedding {
                after: patience,
                waiting,
                patience,
            };
            Arc::new(Gate::new(shedding, Arc::default()))
        };
        let store = Self {
            writers: Writers::new(target.clone(), shared.clone(), commits as usize),
            pool: Pool::new(
                target.clone(),
                shared.clone(),
                others as usize,
                options.idle_timeout,
            ),
            last_beat: parking_lot::Mutex::default(),
            pulse: apart(target.within(BEAT), aside(1, BEAT), PULSE),
            signs: apart(
                target.clone(),
                aside(MOST_ASKING, options.acquire_timeout),
                SIGNS,
            ),
            gate: shared,
            looked_at: AtomicI64::new(0),
            connections: commits + others + small,
            target,
        };
        let applied = store.all(Turn::Read, &[(migrations::APPLIED, &[])]).await;
        let hidden = store.all(Turn::Read, &[(migrations::HIDDEN, &[])]);
        migrations::fits_and_shows(applied, hidden).await?;
        Ok(store)
    }

    fn for_turn(&self, turn: Turn) -> (&Pool, Kind) {
        match turn {
            Turn::Read => (&self.pool, Kind::Read),
            Turn::ReadAside => (&self.signs, Kind::Read),
            Turn::Repeatable => (&self.pool, Kind::Repeatable),
            Turn::RepeatableAside => (&self.signs, Kind::Repeatable),
            Turn::Once => (&self.pool, Kind::Once),
        }
    }
}

impl PostgresStore {
    /// Whether the server would take a commit. Where a standby is in the place of the primary, the next
    /// question goes to whatever the address leads to by then.
    async fn takes_writes(&self, turn: Turn) -> Result<(), StoreError> {
        let rows: Vec<(bool, Option<i64>)> = self.all(turn, &[(TAKES_NONE, &[])]).await?;
        if rows.iter().all(|(read_only, _)| !read_only) {
            return Ok(());
        }
        self.pool.has_moved();
        let why = "it takes no writes: it is a standby, or set to be read-only";
        Err(StoreError::Unavailable(why.into()))
    }
}

impl Ask for PostgresStore {
    fn either<T>(&self, postgres: T, _sqlite: T) -> T {
        postgres
    }

    async fn all<T: Row>(
        &self,
        turn: Turn,
        statements: &[Statement<'_>],
    ) -> Result<Vec<T>, StoreError> {
        let (pool, kind) = self.for_turn(turn);
        let work = pool.run(kind, statements, |c, &statements| {
            connection::all(c, statements).boxed()
        });
        work.await
    }

    async fn run(&self, turn: Turn, statements: &[Statement<'_>]) -> Result<u64, StoreError> {
        let (pool, kind) = self.for_turn(turn);
        let work = pool.run(kind, statements, |c, &statements| {
            connection::run(c, statements).boxed()
        });
        work.await
    }
}

#[async_trait]
impl Log for PostgresStore {
    async fn append(&self, batch: &[Draft]) -> Result<Vec<Result<Appended, Rejected>>, StoreError> {
        self.writers.append(batch).await
    }

    fn lanes(&self) -> usize {
        self.writers.count
    }

    async fn stalled(&self) {
        self.writers.stalled().await;
    }

    fn timeline(&self) -> Option<i64> {
        self.target.timeline()
    }

    fn epoch_began(&self) {
        self.writers.epoch_began();
    }

    /// A batch that was acknowledged has left its number in its writer's row. A standby may still get it.
    async fn went_back(&self) -> Result<bool, StoreError> {
        if self.writers.take_went_back() {
            return Ok(true);
        }
        let (ids, batches) = self.writers.to_look_at();
        if ids.is_empty() {
            return Ok(false);
        }
        let sql = "SELECT k.id FROM unnest($1::bigint[], $2::bigint[]) AS k (id, batch)
               LEFT JOIN writers w ON w.id = k.id
             WHERE NOT pg_is_in_recovery() AND (w.id IS NULL OR w.batch < k.batch)";
        let args = [Arg::Numbers(&ids), Arg::Numbers(&batches)];
        let behind: Vec<(i64,)> = self.all(Turn::ReadAside, &[(sql, &args)]).await?;
        let behind: Vec<i64> = behind.into_iter().map(|(id,)| id).collect();
        self.writers.forget(&behind);
        Ok(!behind.is_empty())
    }

    /// To ask would cost what asking for the news themselves costs.
    async fn changed(&self) -> Result<bool, StoreError> {
        Ok(true)
    }

    fn sweep_interval(&self, bus_alive: bool) -> Duration {
        if bus_alive {
            LOOK_BESIDE_THE_BUS
        } else {
            LOOK_ALONE
        }
    }
}

#[async_trait]
impl Presence for PostgresStore {
    async fn heartbeat(&self, id: InstanceId, instance: &Instance) -> Result<Lease, StoreError> {
        let work = self
            .pulse
            .run(Kind::Repeatable, (id, instance), |c, &(id, instance)| {
                instances::heartbeat(c, id, instance).boxed()
            });
        let beat = work.await?;
        let mut last = self.last_beat.lock();
        Ok(beat.after_ours(&mut last))
    }

    async fn presence(
        &self,
        instance: InstanceId,
        changes: &[PresenceChange],
    ) -> Result<Vec<PresenceOutcome>, StoreError> {
        let work = self.pool.run(
            Kind::Repeatable,
            (instance, changes),
            |c, &(instance, changes)| changes::apply(c, instance, changes).boxed(),
        );
        work.await
    }
}

#[async_trait]
impl Maintenance for PostgresStore {
    async fn expire(&self, session_life: Duration) -> Result<(), StoreError> {
        super::instances::expire(self, session_life, &self.looked_at).await
    }

    /// Where no connection can be had to ask by, one that commits is asked.
    async fn ping(&self) -> Result<(), StoreError> {
        match self.takes_writes(Turn::ReadAside).await {
            Err(StoreError::Unavailable(_)) if self.writers.take_writes().await => Ok(()),
            asked => asked,
        }
    }

    async fn serves(&self) -> Result<(), StoreError> {
        self.takes_writes(Turn::Read).await
    }

    fn pool(&self) -> PoolState {
        let small = self.pulse.available() + self.signs.available();
        let available = self.writers.available() + self.pool.available() + small;
        let (waited, sheds) = self.gate.state();
        PoolState {
            available: u32::try_from(available).unwrap_or(u32::MAX),
            max: self.connections,
            waited,
            sheds,
        }
    }

    async fn close(&self) {
        self.writers.close();
        self.pool.close();
        self.pulse.close();
        self.signs.close();
    }
}

/// A duration as `make_interval(secs => …)` takes it.
fn seconds(life: Duration) -> f64 {
    life.as_secs_f64()
}

/// Waits before another try: longer each time, and never as long as another does.
pub(super) async fn pause(tries: u32) {
    let longest = Duration::from_millis(2) * 2u32.pow(tries.min(7));
    tokio::time::sleep(random::between(longest / 4, longest)).await;
}
