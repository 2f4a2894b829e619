//! What is said in a drill: one message at each interval, by one client after another.
use std::sync::Arc;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Plan;
use super::error::DrillError;
use super::instance::Address;
use super::journal::Journal;
use super::sender::{Said, Sender};

/// How the talk and the fault know of each other.
pub(super) struct Cue {
    /// The message at which the fault is caused is due.
    pub(super) due: Notify,
    /// The fault is over. Everybody says the last message after that, to prove it.
    pub(super) over: watch::Sender<bool>,
}

impl Default for Cue {
    fn default() -> Self {
        Self {
            due: Notify::new(),
            over: watch::Sender::new(false),
        }
    }
}

/// Everybody who sends, connected.
pub(super) async fn senders(
    plan: &Plan,
    room: &str,
    addresses: &[Address],
) -> Result<Vec<Sender>, DrillError> {
    let mut senders = Vec::new();
    for client in 1..=plan.clients {
        senders.push(Sender::start(client, room, addresses.to_vec()).await?);
    }
    Ok(senders)
}

/// Has all messages said; what became of each, by its number.
pub(super) async fn talk(
    plan: &Arc<Plan>,
    senders: Vec<Sender>,
    cue: &Arc<Cue>,
    journal: &Arc<Journal>,
    stop: &CancellationToken,
) -> Vec<Said> {
    let start = Instant::now();
    let mut talking = JoinSet::new();
    for sender in senders {
        let (plan, cue) = (plan.clone(), cue.clone());
        let (journal, stop) = (journal.clone(), stop.clone());
        talking.spawn(async move {
            let turns = Turns {
                plan: &plan,
                sender,
                start,
                cue: &cue,
                journal: &journal,
            };
            turns.until(stop).await
        });
    }
    let mut said: Vec<Said> = talking.join_all().await.into_iter().flatten().collect();
    said.sort_by_key(|said| said.number);
    said
}

struct Turns<'t> {
    plan: &'t Plan,
    sender: Sender,
    start: Instant,
    cue: &'t Cue,
    journal: &'t Journal,
}

impl Turns<'_> {
    /// Says this client's messages, each when it is due or as soon after as it can.
    async fn until(mut self, stop: CancellationToken) -> Vec<Said> {
        let mut all = Vec::new();
        let mine = (self.sender.client..=self.plan.messages).step_by(self.plan.clients);
        for number in mine {
            let due = self.start + self.plan.interval * (number as u32 - 1);
            tokio::select! {
                () = sleep_until(due) => {}
                () = stop.cancelled() => break,
            }
            if number == self.plan.kill_at {
                self.cue.due.notify_one();
            }
            if number + self.plan.clients > self.plan.messages {
                let mut over = self.cue.over.subscribe();
                tokio::select! {
                    _ = over.wait_for(|over| *over) => {}
                    () = stop.cancelled() => break,
                }
            }
            let content = self.plan.content(number);
            all.push(self.sender.say(number, &content, self.journal, &stop).await);
        }
        self.sender.leave().await;
        all
    }
}
