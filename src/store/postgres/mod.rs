//! PostgreSQL: one log for any number of instances.
//!
//! Commits go through connections of their own ([`writer`]), everything else through a small
//! pool. No state is kept in a session, so that a pooler in transaction mode may stand between.
mod activity;
mod append;
mod changes;
mod connection;
mod instances;
mod notices;
mod pool;
mod presence;
mod read;
mod rooms;
mod secret;
mod unused;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::FutureExt;

pub(super) use self::activity::Observer;
use self::connection::Target;
use self::pool::{Kind, Pool};
use self::writer::Writers;
use super::gate::{Gate, Shedding};
use super::{
    Appended, Bulletin, Draft, Head, Instance, InstanceId, Known, Online, Options, Page, PoolState,
    PresenceChange, PresenceOutcome, Rejected, RoomSummary, Secret, SessionRow, Span, Store,
    StoreError, migrations,
};
use crate::meter::Meters;
use crate::model::{Message, RoomId, RoomName, RoomRef, Seq, SessionKey, UserId};
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
}

impl PostgresStore {
    pub(super) async fn open(options: &Options, meters: Arc<Meters>) -> Result<Self, StoreError> {
        let target = Target::new(options)?;
        let pool = |gate, size| Pool::new(target.clone(), gate, size, options.idle_timeout);
        let shared = Arc::new(Gate::new(options.shedding(), meters));
        // Of the connections, the commits have some to themselves, and two are for signs of
        // life; at least one is left for the rest.
        let small = PULSE + SIGNS;
        let commits = COMMITS
            .min(options.connections.saturating_sub(small) / 2)
            .max(1);
        let others = options.connections.saturating_sub(commits + small).max(1);
        // Whoever waits there is not waiting for work to be done: it counts for itself.
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
            pool: pool(shared.clone(), others as usize),
            last_beat: parking_lot::Mutex::default(),
            pulse: Pool::new(
                target.within(BEAT),
                aside(1, BEAT),
                PULSE as usize,
                options.idle_timeout,
            ),
            signs: pool(aside(MOST_ASKING, options.acquire_timeout), SIGNS as usize),
            gate: shared,
            looked_at: AtomicI64::new(0),
            connections: commits + others + small,
        };
        let applied = store.pool.run(Kind::Read, (), |c, _| {
            c.all(sqlx::query_as(migrations::APPLIED)).boxed()
        });
        let hidden = store.pool.run(Kind::Read, (), |c, _| {
            c.all(sqlx::query_as(migrations::HIDDEN)).boxed()
        });
        migrations::fits_and_shows(applied.await, hidden).await?;
        Ok(store)
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn append(&self, batch: &[Draft]) -> Result<Vec<Result<Appended, Rejected>>, StoreError> {
        self.writers.append(batch).await
    }

    fn lanes(&self) -> usize {
        self.writers.count
    }

    async fn stalled(&self) {
        self.writers.stalled().await;
    }

    async fn read(
        &self,
        room: &RoomRef,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        let work = self.pool.run(
            Kind::Read,
            (room, after, limit),
            |c, &(room, after, limit)| read::read(c, room, after, limit).boxed(),
        );
        work.await
    }

    async fn read_before(
        &self,
        room: &RoomRef,
        before: Seq,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        let work = self.pool.run(
            Kind::Read,
            (room, before, limit),
            |c, &(room, before, limit)| read::read_before(c, room, before, limit).boxed(),
        );
        work.await
    }

    async fn span(
        &self,
        room: RoomId,
        before: Seq,
        limit: usize,
    ) -> Result<Option<Span>, StoreError> {
        let work = self.pool.run(
            Kind::Read,
            (room, before, limit),
            |c, &(room, before, limit)| read::span(c, room, before, limit).boxed(),
        );
        work.await
    }

    async fn read_news(
        &self,
        room: &RoomRef,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        let work = self.pool.run(
            Kind::Read,
            (room, after, limit),
            |c, &(room, after, limit)| read::read_news(c, room, after, limit).boxed(),
        );
        work.await
    }

    async fn heads(&self, known: &[Known]) -> Result<Vec<Head>, StoreError> {
        let work = self
            .pool
            .run(Kind::Read, known, |c, &known| read::heads(c, known).boxed());
        work.await
    }

    /// To ask would cost what asking for the news themselves costs.
    async fn changed(&self) -> Result<bool, StoreError> {
        Ok(true)
    }

    fn sweep_interval(&self, bus_alive: bool) -> Duration {
        match bus_alive {
            true => LOOK_BESIDE_THE_BUS,
            false => LOOK_ALONE,
        }
    }

    async fn room(&self, name: &RoomName) -> Result<Option<(RoomRef, Seq)>, StoreError> {
        let work = self
            .pool
            .run(Kind::Read, name, |c, &name| rooms::room(c, name).boxed());
        work.await
    }

    async fn rooms_named(&self, names: &[RoomName]) -> Result<Vec<RoomRef>, StoreError> {
        let work = self.pool.run(Kind::Read, names, |c, &names| {
            rooms::named(c, names).boxed()
        });
        work.await
    }

    async fn create_room(
        &self,
        name: &RoomName,
        by: Option<UserId>,
    ) -> Result<Option<RoomRef>, StoreError> {
        let work = self.pool.run(Kind::Once, (name, by), |c, &(name, by)| {
            rooms::create(c, name, by).boxed()
        });
        work.await
    }

    async fn adopt_room(&self, room: RoomId, by: UserId) -> Result<bool, StoreError> {
        let work = self.pool.run(Kind::Once, (room, by), |c, &(room, by)| {
            rooms::adopt(c, room, by).boxed()
        });
        work.await
    }

    async fn rooms(&self, page: &Page) -> Result<Vec<RoomSummary>, StoreError> {
        let work = self
            .pool
            .run(Kind::Read, page, |c, &page| rooms::list(c, page).boxed());
        work.await
    }

    async fn count_rooms(&self, filter: &str) -> Result<u64, StoreError> {
        let work = self.pool.run(Kind::Read, filter, |c, &filter| {
            rooms::count(c, filter).boxed()
        });
        work.await
    }

    async fn room_counts(&self, by: UserId) -> Result<(u64, u64), StoreError> {
        let work = self
            .pool
            .run(Kind::Read, by, |c, &by| rooms::counts(c, by).boxed());
        work.await
    }

    async fn user(&self, nickname: &str) -> Result<UserId, StoreError> {
        let work = self.pool.run(Kind::Repeatable, nickname, |c, &nickname| {
            rooms::user(c, nickname).boxed()
        });
        work.await
    }

    async fn tell(&self, bulletin: &Bulletin) -> Result<(), StoreError> {
        let work = self.pool.run(Kind::Repeatable, bulletin, |c, &bulletin| {
            notices::tell(c, bulletin).boxed()
        });
        work.await
    }

    async fn told(&self, origin: i64, known: &[(i64, i64)]) -> Result<Vec<Bulletin>, StoreError> {
        let args = (origin, known);
        let work = self.pool.run(Kind::Read, args, |c, &(origin, known)| {
            notices::told(c, origin, known).boxed()
        });
        work.await
    }

    async fn secret(&self, name: &str) -> Result<Secret, StoreError> {
        let ours = super::secret::random()?;
        let work = self
            .pool
            .run(Kind::Repeatable, (name, &ours), |c, &(name, ours)| {
                secret::secret(c, name, ours).boxed()
            });
        super::secret::read(name, &work.await?)
    }

    async fn register(&self, instance: &Instance) -> Result<InstanceId, StoreError> {
        let work = self.pool.run(Kind::Repeatable, instance, |c, &instance| {
            instances::register(c, instance).boxed()
        });
        work.await
    }

    async fn register_beside(&self, instance: &Instance) -> Result<InstanceId, StoreError> {
        // Entered twice after a lost answer, one of the rows shows no signs of life.
        let work = self.pool.run(Kind::Repeatable, instance, |c, &instance| {
            instances::enter(c, None, instance).boxed()
        });
        work.await
    }

    async fn move_sessions(&self, from: InstanceId, to: InstanceId) -> Result<(), StoreError> {
        let work = self
            .signs
            .run(Kind::Repeatable, (from, to), |c, &(from, to)| {
                instances::move_sessions(c, from, to).boxed()
            });
        work.await
    }

    async fn heartbeat(&self, id: InstanceId, instance: &Instance) -> Result<bool, StoreError> {
        let work = self
            .pulse
            .run(Kind::Repeatable, (id, instance), |c, &(id, instance)| {
                instances::heartbeat(c, id, instance).boxed()
            });
        let beat = work.await?;
        let mut last = self.last_beat.lock();
        Ok(beat.follows(&mut last))
    }

    async fn lively(&self, within: Duration) -> Result<Vec<InstanceId>, StoreError> {
        let work = self.signs.run(Kind::Read, within, |c, &within| {
            instances::lively(c, within).boxed()
        });
        work.await
    }

    async fn ended(
        &self,
        instance: InstanceId,
        sessions: &[SessionKey],
    ) -> Result<Vec<SessionKey>, StoreError> {
        let args = (instance, sessions);
        let work = self
            .signs
            .run(Kind::Read, args, |c, &(instance, sessions)| {
                presence::ended(c, instance, sessions).boxed()
            });
        work.await
    }

    async fn retire(&self, instance: InstanceId) -> Result<(), StoreError> {
        let work = self.pool.run(Kind::Repeatable, instance, |c, &instance| {
            instances::retire(c, instance).boxed()
        });
        work.await
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

    async fn session(
        &self,
        key: &SessionKey,
        life: Duration,
    ) -> Result<Option<SessionRow>, StoreError> {
        let work = self.pool.run(Kind::Read, (key, life), |c, &(key, life)| {
            presence::session(c, key, life).boxed()
        });
        work.await
    }

    async fn online(&self, page: &Page) -> Result<Vec<Online>, StoreError> {
        let work = self.pool.run(Kind::Read, page, |c, &page| {
            presence::online(c, page).boxed()
        });
        work.await
    }

    async fn count_online(&self, filter: &str) -> Result<u64, StoreError> {
        let work = self.pool.run(Kind::Read, filter, |c, &filter| {
            presence::count_online(c, filter).boxed()
        });
        work.await
    }

    async fn expire(&self, session_life: Duration) -> Result<(), StoreError> {
        for (sql, life) in instances::forgettable(session_life) {
            let args = (sql, life);
            while self
                .pool
                .run(Kind::Repeatable, args, |c, &(sql, life)| {
                    instances::forget(c, sql, life).boxed()
                })
                .await?
            {}
        }
        let work = self
            .pool
            .run(Kind::Repeatable, (), |c, ()| unused::rooms(c).boxed());
        work.await?;
        let after = UserId::new(self.looked_at.load(Relaxed));
        let work = self.pool.run(Kind::Repeatable, after, |c, &after| {
            unused::users(c, after).boxed()
        });
        self.looked_at.store(work.await?.get(), Relaxed);
        Ok(())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let work = self.signs.run(Kind::Read, (), |c, ()| {
            c.run(sqlx::query("SELECT 1 FROM rooms LIMIT 1")).boxed()
        });
        work.await?;
        Ok(())
    }

    async fn serves(&self) -> Result<(), StoreError> {
        let work = self.pool.run(Kind::Read, (), |c, ()| {
            c.run(sqlx::query("SELECT 1")).boxed()
        });
        work.await?;
        Ok(())
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

/// Waits before another try: longer each time, and never as long as somebody else does.
async fn pause(tries: u32) {
    let longest = Duration::from_millis(2) * 2u32.pow(tries.min(7));
    tokio::time::sleep(random::between(longest / 4, longest)).await;
}
