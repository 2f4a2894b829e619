//! A drill from its first server to its last.
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::account::{self, Account};
use super::error::DrillError;
use super::fault::{Recovery, Scene};
use super::folder::random;
use super::journal::{Event, Journal};
use super::reader::{Reader, Way};
use super::report::Report;
use super::sender::{Said, Sender};
use super::stage::Stage;
use super::talk::{Cue, talk};
use super::{Fault, Plan};
use crate::client::Buffer;

/// What is under way at the end has arrived by then, or is lost.
const ARRIVED_WITHIN: Duration = Duration::from_secs(30);
const BETWEEN: Duration = Duration::from_millis(20);

/// What came of a drill.
pub struct Outcome {
    pub report: Report,
    /// `client,message,sent,received,latency_ms`: a line for each message and each reader.
    pub messages: String,
    /// What happened when, a line each.
    pub events: String,
}

/// Holds it. When `stop` is cancelled it ends its servers and says so as an error.
pub async fn run(
    plan: Plan,
    stop: &CancellationToken,
    tell: impl Fn(&Event) + Send + Sync + 'static,
) -> Result<Outcome, DrillError> {
    plan.check()?;
    let journal = Arc::new(Journal::new(Box::new(tell)));
    let mut stage = Stage::set(&plan, &journal, stop).await?;
    let held = hold(&plan, &mut stage, &journal, stop).await;
    drop(stage);
    let account = held?;
    journal.note(match plan.live {
        Some(_) => "everything runs as before",
        None => "the servers are ended",
    });
    Ok(Outcome {
        report: Report::of(&plan, &account),
        messages: account::csv(&account, &journal),
        events: journal.text(),
    })
}

async fn hold(
    plan: &Plan,
    stage: &mut Stage,
    journal: &Arc<Journal>,
    stop: &CancellationToken,
) -> Result<Account, DrillError> {
    let room = format!("drill-{:08x}", random()?);
    let mut senders = Vec::new();
    for client in 1..=plan.clients {
        senders.push(Sender::start(client, &room, stage.sites()).await?);
    }
    let readers = readers(plan, stage, &room, journal).await?;
    let cue = Cue::default();
    journal.note(format!(
        "{} readers are there, {} clients begin",
        readers.len(),
        plan.clients
    ));
    let mut scene = Scene {
        plan,
        stage,
        slow: match &readers[..] {
            [slow, beside, ..] if plan.fault == Fault::SlowReader => Some((slow, beside)),
            _ => None,
        },
        journal,
        stop,
    };
    let fault = async {
        tokio::select! {
            () = cue.due.notified() => {}
            () = stop.cancelled() => return Err(DrillError::Stopped),
        }
        journal.note(format!("message {} is due", plan.kill_at));
        let recovery = scene.play().await;
        cue.over.send_replace(true);
        recovery
    };
    let talk = async { Ok(talk(plan, senders, &cue, journal, stop).await) };
    // With a fault that could not be mended there is nothing to be learnt from more messages.
    let (said, recovery): (_, Recovery) = tokio::try_join!(talk, fault)?;
    journal.note("everything is said");
    if plan.fault == Fault::Failover {
        arrive_stored(&stage.database, &room, &readers, stop).await?;
    } else {
        arrive(&said, &readers, stop).await;
    }
    if stop.is_cancelled() {
        return Err(DrillError::Stopped);
    }
    journal.note("every reader has read what there is");
    let stored = account::stored(&stage.database, &room).await?;
    Ok(Account {
        may_lose: plan.may_lose(),
        said,
        stored,
        recovery,
        readers: readers
            .iter()
            .map(|reader| (reader.name.clone(), reader.look(Clone::clone)))
            .collect(),
    })
}

/// How each instance is read. A reader that comes back over lines is shown as many messages as the
/// settings say, and the operator's may say few: only events tell where to go on.
fn ways(plan: &Plan) -> [(&'static str, Way); 2] {
    match plan.live {
        Some(_) => [("sse", Way::Events), ("also-sse", Way::Events)],
        None => [("tcp", Way::Lines), ("sse", Way::Events)],
    }
}

/// Two at each instance. In the drill of a slow reader the first is the one that will be slow.
async fn readers(
    plan: &Plan,
    stage: &Stage,
    room: &str,
    journal: &Arc<Journal>,
) -> Result<Vec<Reader>, DrillError> {
    let mut sites = stage.sites();
    let mut readers = Vec::new();
    for instance in &stage.instances {
        for (kind, way) in ways(plan) {
            let buffer = match plan.fault {
                Fault::SlowReader if readers.is_empty() => Buffer::Small,
                _ => Buffer::Usual,
            };
            let name = format!("{kind}@{}", instance.name());
            let reader = Reader::start(name, way, buffer, room, sites.clone(), journal).await?;
            readers.push(reader);
        }
        sites.rotate_left(1);
    }
    Ok(readers)
}

/// The same of what is stored: what was acknowledged may not be.
async fn arrive_stored(
    database: &str,
    room: &str,
    readers: &[Reader],
    stop: &CancellationToken,
) -> Result<(), DrillError> {
    let deadline = Instant::now() + ARRIVED_WITHIN;
    let stored = account::stored(database, room).await?;
    let behind = |reader: &Reader| reader.look(|notes| !notes.has_all(&stored));
    while readers.iter().any(behind) && Instant::now() < deadline && !stop.is_cancelled() {
        tokio::time::sleep(BETWEEN).await;
    }
    Ok(())
}

/// Waits until every reader has seen what was acknowledged.
async fn arrive(said: &[Said], readers: &[Reader], stop: &CancellationToken) {
    let deadline = Instant::now() + ARRIVED_WITHIN;
    let acknowledged = said
        .iter()
        .filter(|said| said.acknowledged.is_some())
        .count();
    let behind = |reader: &Reader| reader.look(|notes| notes.distinct()) < acknowledged;
    while readers.iter().any(behind) && Instant::now() < deadline && !stop.is_cancelled() {
        tokio::time::sleep(BETWEEN).await;
    }
}
