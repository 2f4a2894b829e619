//! Whether an instance can be stopped, and its clients go on elsewhere.
use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;
use tokio::time::timeout;

use super::roll::{self, Underway};
use super::{ANSWER_WITHIN, Condition, Place, Standing};
use crate::clock::Clock;
use crate::ops::probe;
use crate::process::look;
use crate::store::upkeep;

/// For the database to say which instances live.
const DATABASE_WITHIN: Duration = Duration::from_secs(3);

/// The answer, and by what.
#[derive(Debug, Clone, Serialize)]
pub struct MayStop {
    pub instance: String,
    pub can_stop: bool,
    /// One sentence.
    pub why: String,
    /// Those of the instance; `None` where it does not say.
    pub clients: Option<u64>,
    /// The other instances here that are ready, over the same database.
    pub others: Vec<Other>,
    /// Instances that live by the word of the database, and are none of these.
    pub elsewhere: Vec<String>,
}

/// Another instance that is ready.
#[derive(Debug, Clone, Serialize)]
pub struct Other {
    pub instance: String,
    /// Places for clients that are free.
    pub free: u64,
}

/// Looks at `place`, one of `all` that are here.
pub async fn may_stop(place: &Place, all: &[Place], clock: &dyn Clock) -> MayStop {
    let others = all
        .iter()
        .filter(|other| other.name() != place.name() && other.config.db_url == place.config.db_url);
    let (standing, others, elsewhere) = futures_util::join!(
        Standing::of(place, clock),
        join_all(others.map(ready)),
        elsewhere(place, all),
    );
    let others: Vec<Other> = others.into_iter().flatten().collect();
    let (can_stop, why) = judge(place, &standing, &others, &elsewhere);
    MayStop {
        instance: place.name().to_owned(),
        can_stop,
        why,
        clients: standing.clients,
        others,
        elsewhere,
    }
}

fn judge(
    place: &Place,
    standing: &Standing,
    others: &[Other],
    elsewhere: &[String],
) -> (bool, String) {
    let name = place.name();
    match standing.state {
        Condition::Stopped | Condition::Dead => return (true, format!("{name} does not run")),
        Condition::Foreign | Condition::Unknown => {
            let note = standing.note.as_deref().unwrap_or("it says nothing");
            return (
                false,
                format!("cannot tell what is in the place of {name}: {note}"),
            );
        }
        Condition::Running | Condition::Starting | Condition::Draining => {}
    }
    match roll::underway(&place.files.run) {
        Underway::No => {}
        Underway::Rolling => {
            let why = "a rolling restart is under way; wait until it has ended";
            return (false, why.into());
        }
        Underway::Unfinished => {
            let why = "a rolling restart was left unfinished; end it first with \
                 'discordctl restart --resume' or 'discordctl restart --abort'";
            return (false, why.into());
        }
    }
    let clients = standing.clients.unwrap_or(0);
    let free = others.iter().map(|other| other.free).sum::<u64>();
    let ready: Vec<&str> = others.iter().map(|other| other.instance.as_str()).collect();
    let is = if standing.state == Condition::Draining {
        format!("{name} is draining, and ")
    } else {
        String::new()
    };
    match (ready.len(), elsewhere.len()) {
        (0, 0) => (
            false,
            format!("{is}no other instance is ready: its {clients} clients could go nowhere"),
        ),
        (0, _) => (
            true,
            format!(
                "{is}none here is ready beside it, and by the database {} lives elsewhere; \
                 whether that is ready cannot be seen from here",
                elsewhere.join(", ")
            ),
        ),
        (_, 0) if free < clients => (
            false,
            format!(
                "{is}{} has {free} free places, and {name} has {clients} clients",
                ready.join(", ")
            ),
        ),
        _ => (
            true,
            format!(
                "{is}{} is ready, with {free} free places for its {clients} clients",
                ready.join(", ")
            ),
        ),
    }
}

/// The instance, if it is ready for clients of others.
async fn ready(place: &Place) -> Option<Other> {
    let known = look(&place.files).await.ok()?;
    let identity = known.itself()?;
    let address = place.http(identity);
    let (ready, metrics) = futures_util::join!(
        probe::instance::ready(address, ANSWER_WITHIN),
        probe::instance::metrics(address, ANSWER_WITHIN),
    );
    let ready = ready.ok().filter(|ready| ready.pid == Some(identity.pid));
    if !ready?.ready {
        return None;
    }
    let places = metrics.ok()?.queues.remove("connections")?;
    Some(Other {
        instance: place.name().to_owned(),
        free: places.limit.saturating_sub(places.depth),
    })
}

/// The instances of other machines and folders. An embedded database is of this machine, and its
/// files name the processes that use it.
async fn elsewhere(place: &Place, all: &[Place]) -> Vec<String> {
    if place.config.db_url.file().is_some() {
        return Vec::new();
    }
    let asked = async {
        let url = place.config.db_url.expose();
        let upkeep = upkeep::look(url, "discordctl status").await.ok()?;
        let living = upkeep.living().await.ok();
        upkeep.close().await;
        living
    };
    let living = timeout(DATABASE_WITHIN, asked).await.ok().flatten();
    let mut living: Vec<String> = living.into_iter().flatten().map(|one| one.name).collect();
    living.retain(|name| all.iter().all(|place| place.name() != name));
    living
}
