//! Hears from the other instances who came and went there: over the bus what comes next of each,
//! and from the store whatever that did not bring. So nothing is shown twice.
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::hub::Hub;
use crate::model::{Aside, News, Told};
use crate::store::{Bulletin, StoreError};

/// Between two looks, while the bus carries and while it does not.
const BESIDE_THE_BUS: Duration = Duration::from_secs(3);
const ALONE: Duration = Duration::from_secs(1);
/// Between two looks, whatever asks for them.
const AT_MOST: Duration = Duration::from_millis(100);
/// An instance that has said nothing for so long is forgotten: its rows are, too.
const FORGET: Duration = Duration::from_secs(600);

/// How far each other run of an instance was heard.
#[derive(Debug, Default)]
pub(super) struct Hearsay {
    known: Mutex<HashMap<i64, (i64, Instant)>>,
    /// Something may be in the store that was not heard.
    pub(super) look: Notify,
}

impl Hearsay {
    /// Whether this comes next of a run that is known. What was heard is dropped; what is ahead,
    /// or of an unknown run, is looked for in the store.
    fn is_next(&self, told: &Told, now: Instant) -> bool {
        let mut known = self.known.lock();
        match known.get_mut(&told.origin) {
            Some((n, heard)) if told.n == *n + 1 => {
                (*n, *heard) = (told.n, now);
                true
            }
            Some((n, _)) if told.n <= *n => false,
            _ => {
                self.look.notify_one();
                false
            }
        }
    }

    /// What of a row was not heard yet.
    fn news(&self, bulletin: &Bulletin, now: Instant) -> Vec<News> {
        // A kind that a newer version tells is counted and not understood.
        let all: Vec<serde_json::Value> = serde_json::from_str(&bulletin.body).unwrap_or_default();
        let first = bulletin.n + 1 - all.len() as i64;
        let mut known = self.known.lock();
        let (n, heard) = known.entry(bulletin.origin).or_insert((0, now));
        let news = (first..).zip(all).filter(|(at, _)| at > n);
        let news = news.filter_map(|(_, told)| serde_json::from_value(told).ok());
        let news = news.collect();
        (*n, *heard) = ((*n).max(bulletin.n), now);
        news
    }

    fn places(&self, now: Instant) -> Vec<(i64, i64)> {
        let mut known = self.known.lock();
        known.retain(|_, (_, heard)| now.duration_since(*heard) < FORGET);
        known.iter().map(|(origin, (n, _))| (*origin, *n)).collect()
    }
}

impl Hub {
    /// Takes what an instance told over the bus.
    pub(super) fn heard(&self, told: &Told) {
        if told.origin != self.herald.origin && self.hearsay.is_next(told, self.now()) {
            self.take(told.news.clone());
        }
    }

    /// Looks for what the bus did not bring, for ever. What there is at the beginning was for
    /// others.
    pub(super) async fn listen(self: &Arc<Self>) {
        while self.look().await.is_err() {
            sleep(ALONE).await;
        }
        loop {
            let every = if self.bus_carries() {
                BESIDE_THE_BUS
            } else {
                ALONE
            };
            tokio::select! {
                () = sleep(every) => {}
                () = self.hearsay.look.notified() => {}
            }
            match self.look().await {
                Ok(news) => news.into_iter().for_each(|told| self.take(told)),
                Err(error) => tracing::debug!(%error, "cannot read who came and went elsewhere"),
            }
            sleep(AT_MOST).await;
        }
    }

    /// Shows what another instance told to its addressees here.
    fn take(&self, news: News) {
        match news {
            News::Room(notice) => self.show(&notice),
            News::Person(Aside::Read(read)) => {
                let dropped = self.marks.hear(read).is_err();
                self.meters.notices_dropped.add(u64::from(dropped));
            }
        }
    }

    /// What the store has that was not heard yet.
    async fn look(&self) -> Result<Vec<News>, StoreError> {
        let now = self.now();
        let known = self.hearsay.places(now);
        let told = self.notices.told(self.herald.origin, &known).await?;
        let news = |bulletin| self.hearsay.news(bulletin, now);
        Ok(told.iter().flat_map(news).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, ManualClock};
    use crate::model::{Nickname, Notice, RoomName};

    fn joined(name: &str) -> News {
        let nickname = Nickname::parse(name).expect("a good name");
        Notice::joined(&RoomName::stored("general"), &nickname).into()
    }

    #[test]
    fn each_is_news_once_whichever_way_it_comes() {
        let (hearsay, now) = (Hearsay::default(), ManualClock::default().now());
        let told = |n| Told {
            origin: 7,
            n,
            news: joined("alice"),
        };
        let row = |n, body: &str| Bulletin {
            origin: 7,
            n,
            body: body.into(),
        };
        let text = |name| serde_json::to_string(&joined(name)).expect("JSON");
        assert!(
            !hearsay.is_next(&told(1), now),
            "of a run that is not known"
        );
        let body = format!("[{},{}]", text("ann"), text("bob"));
        assert_eq!(
            hearsay.news(&row(2, &body), now),
            [joined("ann"), joined("bob")]
        );
        assert_eq!(hearsay.news(&row(2, &body), now), []);
        assert!(!hearsay.is_next(&told(2), now), "it was read");
        assert!(hearsay.is_next(&told(3), now));
        assert!(!hearsay.is_next(&told(3), now), "replayed");
        assert!(!hearsay.is_next(&told(5), now), "one is missing");
        let body = format!(
            "[{},{{\"kind\":\"of tomorrow\"}},{}]",
            text("cid"),
            text("eve")
        );
        assert_eq!(hearsay.news(&row(5, &body), now), [joined("eve")]);
        assert_eq!(hearsay.places(now), [(7, 5)]);
    }
}
