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

use crate::bus::BusError;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::model::{Cause, format_time};
use crate::ops::probe;
use crate::store::{StoreError, activity};
use instance::{Found, Watched};
use rules::Rules;

pub use crate::bus::Info as Redis;
pub use crate::store::activity::{
    Activity as Database, Connections, PostgresActivity, Query, SqliteActivity, Statement, Table,
};
pub use alarm::{Alarm, Bound, Reading};
pub use view::{Alert, Breaker, Figures, Instance, Source, State, Trends, View};

/// So many looks one after another raise an alert, or end it.
pub const LOOKS: u32 = 3;
/// The longest that an instance may take to answer.
const INSTANCE: Duration = Duration::from_millis(900);
/// And PostgreSQL, connecting included.
const DATABASE: Duration = Duration::from_millis(1_500);

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
    redis: Option<Asked<probe::bus::Watched, Redis>>,
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
    /// Of the instances with these settings; the first tells the database. So many looks one after
    /// another raise an alert: 1 where there is only one look.
    ///
    /// # Errors
    /// Where a URL is none that could be asked.
    pub fn new(configs: &[Config], looks: u32) -> Result<Self, MonitorError> {
        let db_url = configs.first().cloned().unwrap_or_default().db_url;
        let database = activity::Observer::new(db_url.expose(), DATABASE)?;
        let redis = match configs.iter().find_map(|config| config.redis_url.clone()) {
            Some(url) => {
                let address = url.to_string();
                Some(Asked::new(probe::bus::Watched::new(url)?, address))
            }
            None => None,
        };
        Ok(Self {
            clock: Arc::new(SystemClock),
            instances: configs.iter().map(Watched::new).collect(),
            database: Asked::new(database, db_url.to_string()),
            redis,
            rules: Rules::new(looks),
            trends: Trends::default(),
        })
    }

    /// Asks everything once.
    pub async fn look(&mut self) -> View {
        let asked = self
            .instances
            .iter()
            .map(|watched| Found::of(watched.site.http, INSTANCE));
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
        let cause = activity.as_ref().map_err(StoreError::cause).err();
        let activity = activity.map_err(|error| error.to_string());
        let database = self.database.take(activity, now);
        let redis = self
            .redis
            .as_mut()
            .zip(info)
            .map(|(asked, info)| asked.take(info, now));
        let found = (&database, cause.unwrap_or(Cause::DatabaseAway));
        let alerts = self
            .rules
            .apply(&self.instances, &instances, found, redis.as_ref(), &at);
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
