//! Several clients that write at once while something breaks, until they are told to stop.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::eventually;
use super::instance::{Address, beginning};
use super::sender::{Sender, Told};

/// What they do about a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// They take it, and say the next thing.
    Resigned,
    /// They say it again elsewhere, under the same nonce.
    Insistent,
}

/// Between two things that one of them says: load is bounded, what breaks does so in between.
const BREATH: Duration = Duration::from_millis(5);

pub(crate) struct Crowd {
    tasks: Vec<JoinHandle<Told>>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    acknowledged: AtomicUsize,
    refused: AtomicUsize,
    stop: AtomicBool,
}

impl Crowd {
    /// So many that write in `room`, at one address after another.
    pub(crate) async fn of(size: usize, manner: Manner, room: &str, at: &[Address]) -> Self {
        let mut senders = Vec::new();
        for i in 0..size {
            let name = format!("sender-{i}");
            senders.push(Sender::start(&name, room, beginning(at, i)).await);
        }
        Self::start(senders, manner)
    }

    pub(crate) fn start(senders: Vec<Sender>, manner: Manner) -> Self {
        let counts = Arc::<Counts>::default();
        let tasks = senders
            .into_iter()
            .map(|sender| tokio::spawn(talk(sender, manner, counts.clone())))
            .collect();
        Self { tasks, counts }
    }

    /// Waits until so many more were acknowledged.
    pub(crate) async fn acknowledged(&self, more: usize) -> Duration {
        let enough = self.counts.acknowledged.load(Relaxed) + more;
        let is_so = || async { self.counts.acknowledged.load(Relaxed) >= enough };
        eventually(&format!("{more} more acknowledged"), is_so).await
    }

    /// Waits until so many more were refused.
    pub(crate) async fn refused(&self, more: usize) -> Duration {
        let enough = self.counts.refused.load(Relaxed) + more;
        let is_so = || async { self.counts.refused.load(Relaxed) >= enough };
        eventually(&format!("{more} more refused"), is_so).await
    }

    /// Lets all of them finish, and returns what they were told.
    pub(crate) async fn stop(self) -> Told {
        self.counts.stop.store(true, Relaxed);
        let mut all = Vec::new();
        for task in self.tasks {
            all.push(task.await.expect("none gave up"));
        }
        Told::join(all)
    }
}

async fn talk(mut sender: Sender, manner: Manner, counts: Arc<Counts>) -> Told {
    while !counts.stop.load(Relaxed) {
        let before = (sender.told.acknowledged.len(), sender.told.refused.len());
        match manner {
            Manner::Resigned => sender.say().await,
            Manner::Insistent => sender.insist().await,
        }
        let acknowledged = sender.told.acknowledged.len() - before.0;
        counts.acknowledged.fetch_add(acknowledged, Relaxed);
        let refused = sender.told.refused.len() - before.1;
        counts.refused.fetch_add(refused, Relaxed);
        sleep(BREATH).await;
    }
    sender.told
}
