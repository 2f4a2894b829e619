//! Tells the other instances who comes and goes here: a crowd as sums, numbered, written to the
//! store and then hurried over the bus.
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::hub::Hub;
use super::notices::{Notices, PERIOD};
use crate::model::{Aside, HasRead, News, Notice, RoomName, Told};
use crate::random;
use crate::store::Bulletin;

/// Notices that may wait to be told; beyond, they are counted and not told elsewhere.
const WAITING: usize = 4_096;
/// Notices in one row, and the time between two rows: so a crowd costs twenty small commits a
/// second, and the table holds some hundred rows.
const MOST: usize = 256;
const PACE: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(super) struct Herald {
    /// The number of this run.
    pub(super) origin: i64,
    gathered: Mutex<Gathered>,
    filled: Notify,
    /// How many were told.
    told: AtomicI64,
}

#[derive(Debug, Default)]
struct Gathered {
    /// What each room's notices come to; only rooms in which something happened lately.
    rooms: HashMap<RoomName, Notices>,
    ready: VecDeque<News>,
}

impl Herald {
    pub(super) fn new() -> Self {
        let bits = random::number().expect("the operating system has random numbers");
        Self {
            // Exact in every reader of JSON.
            origin: (bits >> 11) as i64,
            gathered: Mutex::default(),
            filled: Notify::new(),
            told: AtomicI64::new(0),
        }
    }

    /// Takes a notice to be told. Returns how many were dropped.
    pub(super) fn note(&self, notice: Notice, now: Instant) -> u64 {
        let mut gathered = self.gathered.lock();
        let known = gathered.rooms.contains_key(notice.room());
        if gathered.ready.len() >= WAITING || (!known && gathered.rooms.len() >= WAITING) {
            return 1;
        }
        let room = gathered.rooms.entry(notice.room().clone()).or_default();
        if room.admit(&notice, 1, now) {
            gathered.ready.push_back(notice.into());
            self.filled.notify_one();
        }
        0
    }

    /// Tells the sums that are due.
    pub(super) fn sum_up(&self, now: Instant) {
        let mut gathered = self.gathered.lock();
        let Gathered { rooms, ready } = &mut *gathered;
        rooms.retain(|room, notices| {
            let summary = notices.summary(room, now);
            let keep = summary.is_some() || !notices.is_over(now);
            ready.extend(summary.map(News::from));
            keep
        });
        if !ready.is_empty() {
            self.filled.notify_one();
        }
    }

    /// The same of what is for single people. Returns how many were dropped.
    fn pass_on(&self, reads: impl ExactSizeIterator<Item = HasRead>) -> u64 {
        if reads.len() == 0 {
            return 0;
        }
        let mut gathered = self.gathered.lock();
        let place = WAITING.saturating_sub(gathered.ready.len());
        let dropped = reads.len().saturating_sub(place);
        let reads = reads
            .take(place)
            .map(|read| News::Person(Aside::Read(read)));
        gathered.ready.extend(reads);
        self.filled.notify_one();
        dropped as u64
    }

    fn take(&self) -> Vec<News> {
        let mut gathered = self.gathered.lock();
        let count = gathered.ready.len().min(MOST);
        gathered.ready.drain(..count).collect()
    }
}

impl Hub {
    /// Tells a room that something happened in it, here and on all instances.
    pub fn announce(&self, notice: Notice) {
        let now = self.now();
        self.show(&notice);
        self.meters
            .notices_dropped
            .add(self.herald.note(notice, now));
    }

    /// Tells the other instances how far people have read.
    pub fn tell_reads(&self, reads: impl ExactSizeIterator<Item = HasRead>) {
        self.meters.notices_dropped.add(self.herald.pass_on(reads));
    }

    /// Shows a notice to readers here.
    pub(super) fn show(&self, notice: &Notice) {
        if let Some(room) = self.named(notice.room()) {
            room.announce(notice, self.now());
        }
    }

    /// Tells the others, for ever.
    pub(super) async fn herald(&self) {
        loop {
            self.herald.filled.notified().await;
            while self.tell_some().await {
                sleep(PACE).await;
            }
        }
    }

    /// Tells the others what is still to be told, at the end.
    pub(super) async fn last_words(&self) {
        self.herald.sum_up(self.now() + PERIOD);
        while self.tell_some().await {}
    }

    /// False if there is nothing to tell.
    async fn tell_some(&self) -> bool {
        let news = self.herald.take();
        if news.is_empty() {
            return false;
        }
        let count = news.len() as i64;
        let first = self.herald.told.fetch_add(count, Relaxed) + 1;
        let bulletin = Bulletin {
            origin: self.herald.origin,
            n: first + count - 1,
            body: serde_json::to_string(&news).unwrap_or_default(),
        };
        if let Err(error) = self.notices.tell(&bulletin).await {
            tracing::debug!(%error, "cannot write who came and went");
        }
        let told = |(n, news)| Told {
            origin: bulletin.origin,
            n,
            news,
        };
        let told: Vec<Told> = (first..).zip(news).map(told).collect();
        self.bus.tell(&told, self.lineage().as_ref());
        true
    }
}
