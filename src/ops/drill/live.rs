//! A drill on the servers that people use: what is refused before anything is touched, and what
//! the operator is asked.
use std::time::Duration;

use super::backing::Commands;
use super::error::DrillError;
use super::{Fault, Plan};
use crate::ops::instances::Place;

/// The configured instances, and how those behind them are stopped.
#[derive(Debug, Clone)]
pub struct Live {
    pub places: Vec<Place>,
    /// Which of them is killed.
    pub victim: usize,
    pub commands: Option<Commands>,
}

/// Beyond the time of the talk itself, for whatever recovers.
const MARGIN: Duration = Duration::from_secs(180);

impl Live {
    /// Why this drill would not show what it is for, or could not be mended.
    pub(super) fn refuses(&self, plan: &Plan) -> Option<String> {
        let Some(first) = self.places.first() else {
            return Some("there is no instance".to_owned());
        };
        let server = match plan.fault {
            Fault::Failover => {
                let why = "a failover is held on private servers only: yours is switched over by what \
                    manages it, as 'patronictl switchover', while clients talk";
                return Some(why.to_owned());
            }
            Fault::RedisOutage if first.config.redis_url.is_none() => {
                return Some("no 'redis_url' is configured: there is nothing to stop".to_owned());
            }
            Fault::DatabaseRestart if first.config.db_url.expose().starts_with("sqlite:") => {
                return Some("SQLite has no server that could be stopped".to_owned());
            }
            Fault::RedisOutage => Some("Redis"),
            Fault::DatabaseRestart => Some("PostgreSQL"),
            _ => None,
        };
        if let (Some(server), None) = (server, &self.commands) {
            return Some(format!(
                "how {server} is stopped and started here only you know: say it with \
                 --stop-command and --start-command"
            ));
        }
        let mut places = self.places.iter();
        places.find_map(|place| too_much(place, plan).or_else(|| too_little_kept(place, plan)))
    }

    /// What will be done, to end the sentence "this will …".
    pub fn question(&self, plan: &Plan) -> String {
        let all: Vec<_> = self.places.iter().map(Place::name).collect();
        let all = all.join(", ");
        let later = format!("{:?} later", plan.recovery_wait);
        let done = match (plan.fault, &self.commands) {
            (Fault::RedisOutage | Fault::DatabaseRestart, Some(commands)) => {
                let Commands { stop, start } = commands;
                format!("run '{stop}', and '{start}' {later}: all who use that server lose it")
            }
            (Fault::RedisOutage | Fault::DatabaseRestart, None) => "do nothing".to_owned(),
            (Fault::KillInstance, _) => {
                let name = self.places.get(self.victim).map_or("", Place::name);
                format!("kill {name} (kill -9), cutting its clients off, and start it {later}")
            }
            (Fault::RollingRestart, _) => format!("replace {all}, one at a time"),
            (Fault::Failover, _) => "do nothing".to_owned(),
            (Fault::SlowReader, _) => "stop nothing; each message has 16 KB".to_owned(),
        };
        format!(
            "{done}; meanwhile {} messages are sent at {all} to a new room, which stays",
            plan.messages
        )
    }
}

/// A client that is refused for saying too much would look like an outage.
fn too_much(place: &Place, plan: &Plan) -> Option<String> {
    let allowed = place.config.limits.messages_per_minute;
    let each = plan.interval * u32::try_from(plan.clients).unwrap_or(u32::MAX);
    let wanted = Duration::from_secs(60).as_secs_f64() / each.as_secs_f64();
    (allowed > 0 && wanted > f64::from(allowed)).then(|| {
        format!(
            "each client would say {wanted:.0} messages a minute, and limits.messages_per_minute \
             of {} is {allowed}: more --clients, or a longer --interval",
            place.name()
        )
    })
}

/// What retention takes away during the drill would look lost.
fn too_little_kept(place: &Place, plan: &Plan) -> Option<String> {
    let retention = &place.config.retention;
    let gone = retention.keep_last < plan.messages
        && retention.min_age.get() < plan.lasts() + MARGIN
        && !retention.schedule.is_off();
    gone.then(|| {
        format!(
            "retention of {} may take messages away before they are counted (keep_last {}, \
             min_age {:?}): fewer --messages",
            place.name(),
            retention.keep_last,
            retention.min_age.get()
        )
    })
}

impl Plan {
    /// Whether such a drill can be held at all.
    pub fn check(&self) -> Result<(), DrillError> {
        let refused = self.live.as_ref().and_then(|live| live.refuses(self));
        refused.map_or(Ok(()), |why| Err(DrillError::Refused(why)))
    }
}
