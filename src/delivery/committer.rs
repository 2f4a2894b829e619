//! The way in: many sends become one commit, and only then become visible and acknowledged.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::sync::oneshot;

use super::batcher::{Batcher, QueueFull, Waiting};
use super::hub::Hub;
use crate::model::{MessageId, Nonce, Number, RoomKind, RoomRef, Seq, UserKey};
use crate::store::{Appended, Draft, Mark, Operation, Rejected, StoreError};

mod rounds;
mod shown;

/// Sends that may wait; beyond, senders are told at once that the server is busy.
pub const QUEUE: usize = 4_096;
/// Messages in one commit.
const BATCH: usize = 1_024;

/// An entry on its way in.
#[derive(Debug)]
pub struct Outgoing {
    pub room: RoomRef,
    pub kind: RoomKind,
    pub user: UserKey,
    pub author: Author,
    pub nickname: Arc<str>,
    pub operation: Operation,
    pub nonce: Option<Nonce>,
}

/// What the author of a message is known as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Author {
    /// Its own message moves its read mark.
    Account {
        /// Shown beside its nickname.
        display_name: Option<Arc<str>>,
    },
    Guest,
}

impl Author {
    fn display_name(&self) -> Option<&Arc<str>> {
        match self {
            Self::Account { display_name } => display_name.as_ref(),
            Self::Guest => None,
        }
    }
}

/// A committed entry's place: the acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub id: MessageId,
    pub seq: Seq,
    pub number: Number,
    pub created_at: DateTime<Utc>,
}

/// Why an entry was not committed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SendError {
    /// The queue is full. Nothing happened.
    #[error("busy, try again")]
    Busy,
    #[error(transparent)]
    Rejected(#[from] Rejected),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The server is on its way down. Nothing happened.
    #[error("the server is stopping")]
    Stopping,
}

type Answer = Result<Receipt, SendError>;
type Item = (Outgoing, Instant);

/// Takes entries and commits them in batches. In a room they are committed in the order in
/// which they were accepted: a room has its lane, and a lane makes one commit after another.
#[derive(Debug)]
pub struct Committer {
    lanes: Vec<Batcher<Item, Answer>>,
    hub: Arc<Hub>,
}

impl Committer {
    /// The committer and its work, which ends when the committer is dropped and everything
    /// accepted is committed and answered.
    pub fn new(hub: Arc<Hub>) -> (Self, impl Future<Output = ()> + Send) {
        let (count, outage) = (hub.log.lanes(), Arc::<AtomicBool>::default());
        let lane = |_| {
            let (hub, outage) = (hub.clone(), outage.clone());
            Batcher::new(QUEUE / count, BATCH, move |batch| {
                commit(hub.clone(), outage.clone(), batch)
            })
        };
        let (lanes, work): (Vec<_>, Vec<_>) = (0..count).map(lane).unzip();
        (Self { lanes, hub }, join_all(work).map(drop))
    }

    /// Accepts an entry, or says at once that it cannot. The answer comes when it is committed
    /// and visible to readers here.
    pub fn send(&self, outgoing: Outgoing) -> Result<oneshot::Receiver<Answer>, SendError> {
        let accepted = self.hub.now();
        let lane = outgoing.room.key.id.get() as usize % self.lanes.len();
        let answer = self.lanes[lane]
            .offer((outgoing, accepted))
            .map_err(|QueueFull| SendError::Busy);
        match answer {
            Ok(_) => self.hub.meters.queue_depth.add(1),
            Err(_) => self.hub.meters.refused.add(1),
        }
        answer
    }
}

type Batch = Vec<Waiting<Item, Answer>>;

/// Commits a batch. Of one whose outcome is in doubt while the database is away, the answer may
/// take long; nothing can be committed before it is known, and those behind it are told at once.
async fn commit(hub: Arc<Hub>, outage: Arc<AtomicBool>, batch: Batch) {
    let log = hub.log.clone();
    if log.stalled().now_or_never().is_some() {
        let behind = StoreError::Unavailable("it is away, with a commit in doubt".into());
        return refuse(&hub, batch, &behind);
    }
    let mut work = Box::pin(settle(hub, outage, batch));
    tokio::select! {
        () = &mut work => {}
        () = log.stalled() => drop(tokio::spawn(work)),
    }
}

async fn settle(hub: Arc<Hub>, outage: Arc<AtomicBool>, batch: Batch) {
    for round in rounds::of(batch) {
        settle_round(&hub, &outage, round).await;
    }
}

async fn settle_round(hub: &Arc<Hub>, outage: &AtomicBool, batch: Batch) {
    let drafts: Vec<Draft> = batch
        .iter()
        .map(|((outgoing, _), _)| draft(outgoing))
        .collect();
    match hub.log.append(&drafts).await {
        Ok(answers) => {
            hub.meters.queue_depth.add(-(batch.len() as i64));
            hub.meters.db_full.set(0);
            hub.meters.refusing.set(0);
            if outage.swap(false, Relaxed) {
                tracing::info!("commits again");
            }
            shown::show(hub, &batch, &answers).await;
            mark_read(hub, &batch, &answers);
            acknowledge(hub, batch, answers);
        }
        Err(error) => {
            // An outage is told of when it begins; every message that it refuses is counted.
            if !outage.swap(true, Relaxed) {
                tracing::warn!(%error, messages = batch.len(), "cannot commit");
            }
            hub.meters.refusing.set(1);
            if matches!(error, StoreError::Full(_)) {
                hub.meters.db_full.set(1);
            }
            refuse(hub, batch, &error);
        }
    }
}

fn refuse(hub: &Hub, batch: Batch, error: &StoreError) {
    hub.meters.queue_depth.add(-(batch.len() as i64));
    hub.meters.refused.add(batch.len() as u64);
    for (_, reply) in batch {
        let _ = reply.send(Err(error.clone().into()));
    }
}

fn draft(outgoing: &Outgoing) -> Draft {
    Draft {
        room: outgoing.room.key,
        user: outgoing.user,
        operation: outgoing.operation.clone(),
        nonce: outgoing.nonce.clone(),
    }
}

/// Accounts have read up to what they said.
fn mark_read(hub: &Hub, batch: &[Waiting<Item, Answer>], answers: &[Result<Appended, Rejected>]) {
    let marks = batch.iter().zip(answers).filter_map(|(sent, answer)| {
        let ((message, _), _) = sent;
        let stored = answer.as_ref().ok()?;
        let says = message.author != Author::Guest && message.operation.is_said();
        says.then_some(Mark {
            user: message.user,
            room: message.room.key,
            thread: None,
            seq: stored.seq,
        })
    });
    hub.marks.said(marks);
}

fn acknowledge(
    hub: &Hub,
    batch: Vec<Waiting<Item, Answer>>,
    answers: Vec<Result<Appended, Rejected>>,
) {
    for (((message, _), reply), answer) in batch.into_iter().zip(answers) {
        let answer = match answer {
            Ok(Appended {
                id,
                seq,
                number,
                created_at,
                ..
            }) => Ok(Receipt {
                id,
                seq,
                number,
                created_at,
            }),
            Err(rejected) => {
                match rejected {
                    Rejected::NoSuchRoom => hub.forget(&message.room),
                    Rejected::NoSuchUser => hub.strangers.notify_one(),
                    Rejected::NoSuchMessage => {}
                }
                hub.meters.refused.add(1);
                Err(rejected.into())
            }
        };
        // A sender that went away has lost its answer, not its message.
        let _ = reply.send(answer);
    }
}
