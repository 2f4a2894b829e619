//! A new process is watched for a while before it is believed.
use std::time::Duration;

use tokio::time::Instant;

use super::super::launch::is_ready;
use super::super::{ANSWER_WITHIN, Place};
use super::event::{Fault, How};
use crate::ops::probe::{self, instance::Metrics};
use crate::process::{Handle, Identity};

const BETWEEN: Duration = Duration::from_millis(100);
/// One look at a bad moment is no finding; not to be ready for so long is.
const UNREADY_FOR: Duration = Duration::from_secs(2);
/// Fewer sends than these say nothing about a rate.
const ENOUGH: u64 = 20;
/// So much more of all sends may be refused than before, in percent.
const MORE_REFUSED: u64 = 5;

/// What an instance did with what was sent to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sends {
    pub(super) committed: u64,
    pub(super) refused: u64,
}

impl Sends {
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            committed: self.committed.saturating_sub(before.committed),
            refused: self.refused.saturating_sub(before.refused),
        }
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self {
            committed: self.committed + other.committed,
            refused: self.refused + other.refused,
        }
    }

    fn percent_refused(self) -> u64 {
        let all = self.committed + self.refused;
        (self.refused * 100).checked_div(all).unwrap_or(0)
    }

    /// Why these are worse than `usual`, if they are.
    pub(super) fn worse_than(self, usual: Self) -> Option<String> {
        let (now, before) = (self.percent_refused(), usual.percent_refused());
        let enough = self.committed + self.refused >= ENOUGH;
        (enough && now > before + MORE_REFUSED)
            .then(|| format!("it refuses {now} % of what is sent to it, not {before} %"))
    }
}

/// What the instance has counted, if it answers.
pub(super) async fn metrics(place: &Place) -> Option<Metrics> {
    let identity = Identity::read(&place.files.identity).ok()??;
    probe::instance::metrics(place.http(&identity), ANSWER_WITHIN)
        .await
        .ok()
}

/// What came of what was sent to it, if it answers.
pub(super) async fn sends(place: &Place) -> Option<Sends> {
    let metrics = metrics(place).await?;
    Some(Sends {
        committed: metrics.messages_committed?,
        refused: metrics.messages_refused?,
    })
}

/// Watches process `pid` so long; says what was wrong if it did not stay well.
pub(super) async fn watch(place: &Place, pid: u32, time: Duration) -> Result<(), Fault> {
    let start = Instant::now();
    let dead = |why: String| Fault::new(How::Dead, why);
    let unseen = |error: std::io::Error| dead(format!("cannot watch pid {pid}: {error}"));
    let ended = || dead(format!("pid {pid} was ready, and ended after"));
    let handle = Handle::open(pid).map_err(unseen)?.ok_or_else(ended)?;
    let mut well = start;
    while start.elapsed() < time {
        if handle.ended(BETWEEN).await.map_err(unseen)? {
            return Err(ended());
        }
        match is_ready(place, pid).await {
            Ok(()) => well = Instant::now(),
            Err(why) if well.elapsed() > UNREADY_FOR => {
                let why = format!("pid {pid} was ready, lives, and is not any more: {why}");
                return Err(Fault::new(How::Slow, why));
            }
            Err(_) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_worse_when_there_is_enough_of_it() {
        let sends = |committed, refused| Sends { committed, refused };
        assert_eq!(sends(0, 0).worse_than(sends(0, 0)), None);
        assert_eq!(sends(0, 19).worse_than(sends(100, 0)), None, "too few");
        assert_eq!(sends(96, 4).worse_than(sends(100, 0)), None, "hardly more");
        assert!(sends(90, 10).worse_than(sends(100, 0)).is_some());
        assert_eq!(sends(50, 50).worse_than(sends(5, 5)), None, "as before");
    }
}
