//! What is said in a drill: one message at each interval, by one client after another.
use futures_util::future::join_all;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Plan;
use super::journal::Journal;
use super::sender::{Said, Sender};

/// How the talk and the fault know of each other.
pub(super) struct Cue {
    /// The message at which the fault is caused is due.
    pub(super) due: Notify,
    /// The fault is over. Every client says its last message after that, to prove it.
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

/// Has all messages said; what became of each, by its number.
pub(super) async fn talk(
    plan: &Plan,
    senders: Vec<Sender>,
    cue: &Cue,
    journal: &Journal,
    stop: &CancellationToken,
) -> Vec<Said> {
    let start = Instant::now();
    let turns = |sender| turns(plan, sender, start, cue, journal, stop);
    let talking = join_all(senders.into_iter().map(turns)).await;
    let mut said: Vec<Said> = talking.into_iter().flatten().collect();
    said.sort_by_key(|said| said.number);
    said
}

/// Says one client's messages, each when it is due or as soon after as it can.
async fn turns(
    plan: &Plan,
    mut sender: Sender,
    start: Instant,
    cue: &Cue,
    journal: &Journal,
    stop: &CancellationToken,
) -> Vec<Said> {
    let mut all = Vec::new();
    for number in (sender.client..=plan.messages).step_by(plan.clients) {
        let due = start + plan.interval * (number as u32 - 1);
        tokio::select! {
            () = sleep_until(due) => {}
            () = stop.cancelled() => break,
        }
        if number == plan.kill_at {
            cue.due.notify_one();
        }
        if number + plan.clients > plan.messages {
            let mut over = cue.over.subscribe();
            tokio::select! {
                _ = over.wait_for(|over| *over) => {}
                () = stop.cancelled() => break,
            }
        }
        let content = plan.content(number);
        all.push(sender.say(number, &content, journal, stop).await);
    }
    sender.leave().await;
    all
}
