//! What a monitor shows: every look asks the instances, the database and Redis side by side, each
//! within a deadline, and none waits for another that is down.
mod alarm;
mod instance;
mod rules;
mod scrape;
mod view;
mod window;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::bus::{self, BusError};
use crate::clock::{Clock, SystemClock};
use crate::config::{DbUrl, RedisUrl};
use crate::model::format_time;
use crate::model::plain_line;
use crate::store::StoreError;
use crate::store::activity::{self, Activity};
use instance::{Found, Watched};
use rules::Rules;

pub use alarm::{Alarm, Bound, Reading};
pub use instance::Subject;
pub use view::{
    Alert, Breaker, Connections, Database, Figures, Instance, Query, Redis, Source, State,
    Statement, Table, Trends, View,
};

/// So many looks one after another raise an alert, or end it.
pub const LOOKS: u32 = 3;
/// The longest that an instance may take to answer.
const INSTANCE: Duration = Duration::from_millis(900);
/// And PostgreSQL, connecting included.
const DATABASE: Duration = Duration::from_millis(1_500);

/// What is to be watched.
pub struct Plan {
    pub instances: Vec<Subject>,
    pub db_url: DbUrl,
    pub redis_url: Option<RedisUrl>,
    /// How many looks one after another raise an alert; 1 where there is only one look.
    pub looks: u32,
}

/// Why there is nothing to watch.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    #[error(transparent)]
    Database(#[from] StoreError),
    #[error(transparent)]
    Redis(#[from] BusError),
}

/// Watches a deployment.
pub struct Monitor {
    clock: Arc<dyn Clock>,
    instances: Vec<Watched>,
    database: Asked<activity::Observer, Database>,
    redis: Option<Asked<bus::Observer, Redis>>,
    rules: Rules,
    trends: Trends,
}

/// Something that is asked, and its last answer.
struct Asked<O, T> {
    observer: O,
    address: String,
    last: Option<(Instant, T)>,
}

impl<O, T: Clone> Asked<O, T> {
    fn new(observer: O, address: String) -> Self {
        Self {
            observer,
            address,
            last: None,
        }
    }

    fn take(&mut self, answer: Result<T, String>, now: Instant) -> Source<T> {
        let error = match answer {
            Ok(data) => {
                self.last = Some((now, data));
                None
            }
            Err(error) => Some(error),
        };
        let last = self.last.as_ref().map(|(_, data)| data.clone());
        Source {
            address: self.address.clone(),
            age_seconds: self
                .last
                .as_ref()
                .map(|(at, _)| now.duration_since(*at).as_secs_f64()),
            now: last.clone().filter(|_| error.is_none()),
            last,
            error,
        }
    }
}

impl Monitor {
    pub fn new(plan: Plan) -> Result<Self, MonitorError> {
        let database = activity::Observer::new(plan.db_url.expose(), DATABASE)?;
        let redis = match &plan.redis_url {
            Some(url) => Some(Asked::new(
                bus::Observer::new(url.expose())?,
                url.to_string(),
            )),
            None => None,
        };
        Ok(Self {
            clock: Arc::new(SystemClock),
            instances: plan.instances.into_iter().map(Watched::new).collect(),
            database: Asked::new(database, plan.db_url.to_string()),
            redis,
            rules: Rules::new(plan.looks),
            trends: Trends::default(),
        })
    }

    /// Asks everything once.
    pub async fn look(&mut self) -> View {
        let asked = self
            .instances
            .iter()
            .map(|watched| Found::of(watched.subject.http, INSTANCE));
        let redis = async {
            match &mut self.redis {
                Some(redis) => Some(redis.observer.look().await),
                None => None,
            }
        };
        let (found, activity, info) =
            tokio::join!(join_all(asked), self.database.observer.look(), redis);
        let (now, at) = (self.clock.now(), format_time(self.clock.utc()));

        let instances: Vec<Instance> = self
            .instances
            .iter_mut()
            .zip(found)
            .map(|(watched, found)| watched.take(found, now))
            .collect();
        let activity = activity.map(database).map_err(|error| error.to_string());
        let database = self.database.take(activity, now);
        let redis = self
            .redis
            .as_mut()
            .zip(info)
            .map(|(asked, info)| asked.take(info.map(redis_of), now));
        let alerts = self
            .rules
            .apply(&self.instances, &instances, &database, redis.as_ref(), &at);
        self.trends.push(&instances);
        View {
            at,
            looked: now,
            instances,
            database,
            redis,
            alerts,
            trends: self.trends.clone(),
        }
    }
}

fn database(activity: Activity) -> Database {
    match activity {
        Activity::Sqlite(found) => Database::Sqlite {
            file_bytes: found.file_bytes,
            wal_bytes: found.wal_bytes,
        },
        Activity::Postgres(found) => Database::Postgres {
            max_connections: found.max_connections,
            connections: found
                .connections
                .into_iter()
                .map(|(state, count)| Connections { state, count })
                .collect(),
            slowest: found
                .running
                .into_iter()
                .map(|running| Query {
                    pid: running.pid,
                    application: plain_line(&running.application),
                    state: running.state,
                    waits_for: running.waits_for,
                    seconds: running.seconds,
                    query: plain_line(&running.query),
                })
                .collect(),
            statements: found.statements.map(|statements| {
                statements
                    .into_iter()
                    .map(|statement| Statement {
                        calls: statement.calls,
                        mean_ms: statement.mean_ms,
                        query: plain_line(&statement.query),
                    })
                    .collect()
            }),
            database_bytes: found.database_bytes,
            tables: found
                .tables
                .into_iter()
                .map(|(table, bytes)| Table { table, bytes })
                .collect(),
        },
    }
}

fn redis_of(found: bus::Info) -> Redis {
    Redis {
        version: found.version,
        used_memory_bytes: found.used_memory_bytes,
        max_memory_bytes: found.max_memory_bytes,
        clients: found.clients,
        channels: found.channels,
        commands_per_second: found.commands_per_second,
        evicted_keys: found.evicted_keys,
    }
}
