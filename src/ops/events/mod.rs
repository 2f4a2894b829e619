//! Every entry of every room, as lines for another program, from a position on and as they come.
//!
//! The position is one of each room, and never an id: an id is given before its row is committed, so
//! that one may become visible after greater ones. In a room the order of commits is the order of
//! `seq`, and nothing comes later before a place that was read.
mod line;
mod position;

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use self::line::Line;
use self::position::Place;
use crate::config::DbUrl;
use crate::model::{Entry, Epoch, RoomName, Seq};
use crate::random;
use crate::store::StoreError;
use crate::store::entries::{Entries, RoomEnd};

pub use position::{BadPosition, Since};

/// Messages in a page.
const PAGE: usize = 200;
/// Between two looks for what is new, and the longest where a look takes long.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A look may take so much of the database's time.
const SHARE: u32 = 10;

/// How long to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// What is there when it begins is told.
    End,
    /// For ever.
    Stopped,
}

/// What comes next.
#[derive(Debug)]
pub enum Next {
    /// Some whole lines of JSON, each with its end.
    Lines(String),
    /// All is told.
    End,
    /// The database does not answer; it is asked again until it does.
    Away(StoreError),
    /// It answers again.
    Back,
}

/// Reads the log.
pub struct Events {
    entries: Entries,
    rooms: Vec<RoomName>,
    until: Until,
    places: HashMap<String, Place>,
    /// Rooms that were never told of begin at their ends.
    from_ends: bool,
    /// What is still to be looked at in this round; `None` before it.
    round: Option<Round>,
    rounds: u64,
    failures: u32,
}

struct Round {
    epoch: Epoch,
    ends: VecDeque<RoomEnd>,
    began: Instant,
    /// What is to be told first.
    lines: String,
}

impl Events {
    /// Begins after `since`, with these rooms, or all if none is named.
    ///
    /// # Errors
    /// Where the database cannot be used.
    pub fn open(
        url: &DbUrl,
        application: &str,
        rooms: Vec<RoomName>,
        since: Since,
        until: Until,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            entries: Entries::open(url.expose(), application)?,
            rooms,
            until,
            from_ends: since.is_end(),
            places: since.places(),
            round: None,
            rounds: 0,
            failures: 0,
        })
    }

    /// Waits for what comes next.
    ///
    /// # Errors
    /// Where the database cannot be used, and it is not followed or was never reached.
    pub async fn next(&mut self) -> Result<Next, StoreError> {
        loop {
            let told = match self.round.take() {
                Some(round) => self.tell(round).await,
                None => match self.begin().await {
                    Ok(_) if std::mem::take(&mut self.failures) > 0 => return Ok(Next::Back),
                    Ok(round) => self.tell(round).await,
                    Err(error) => Err(error),
                },
            };
            match told {
                Ok(Some(lines)) => return Ok(Next::Lines(lines)),
                Ok(None) if self.until == Until::End => return Ok(Next::End),
                Ok(None) => {}
                Err(error) if self.until == Until::End || self.rounds == 0 => return Err(error),
                Err(error) if self.failures == 0 => {
                    self.failures = 1;
                    return Ok(Next::Away(error));
                }
                Err(_) => {
                    self.failures += 1;
                    let longest = PAUSE * 2u32.pow(self.failures.min(5));
                    sleep(random::between(PAUSE, longest.min(LONGEST_PAUSE))).await;
                }
            }
        }
    }

    /// Some lines of a round; or, at its end and after a pause, none.
    async fn tell(&mut self, mut round: Round) -> Result<Option<String>, StoreError> {
        loop {
            if !round.lines.is_empty() {
                let lines = std::mem::take(&mut round.lines);
                self.round = Some(round);
                return Ok(Some(lines));
            }
            let Some(end) = round.ends.front() else {
                break;
            };
            let whole = self.advance(&round.epoch, end, &mut round.lines).await?;
            if whole == Whole::Yes {
                round.ends.pop_front();
            }
        }
        self.rounds += 1;
        if self.until == Until::Stopped {
            let took = round.began.elapsed() * SHARE;
            sleep(took.clamp(PAUSE, LONGEST_PAUSE)).await;
        }
        Ok(None)
    }

    /// Learns which rooms have something to tell.
    async fn begin(&mut self) -> Result<Round, StoreError> {
        let began = Instant::now();
        self.entries.renew().await?;
        let (epoch, ends) = self.entries.ends(&self.rooms).await?;
        if self.from_ends && self.rounds == 0 {
            for end in &ends {
                let place = Place::at(end.last_seq, &epoch);
                self.places.entry(end.room.name.key()).or_insert(place);
            }
        }
        let lines = self.gone(&epoch, &ends);
        let news = |end: &RoomEnd| match self.places.get(&end.room.name.key()) {
            Some(place) => place.seq != end.last_seq || !place.is_of(&epoch),
            None => end.last_seq > Seq::START,
        };
        Ok(Round {
            ends: ends.into_iter().filter(news).collect(),
            epoch,
            began,
            lines,
        })
    }

    /// What was told of rooms that are not there any more is not so any more.
    fn gone(&mut self, epoch: &Epoch, ends: &[RoomEnd]) -> String {
        let there: HashSet<String> = ends.iter().map(|end| end.room.name.key()).collect();
        let is_gone = |(key, place): &(&String, &Place)| {
            place.seq > Seq::START && !there.contains(*key) && self.asked(key)
        };
        let gone = self.places.iter().filter(is_gone);
        let gone: Vec<String> = gone.map(|(key, _)| key.clone()).collect();
        let mut lines = String::new();
        for key in gone {
            self.places.remove(&key);
            Line::reset(&RoomName::stored(&key), epoch, Seq::START).write(&mut lines);
        }
        lines
    }

    fn asked(&self, key: &str) -> bool {
        self.rooms.is_empty() || self.rooms.iter().any(|room| room.key() == key)
    }

    /// Tells a page of a room, or that its past is another one.
    async fn advance(
        &mut self,
        epoch: &Epoch,
        end: &RoomEnd,
        lines: &mut String,
    ) -> Result<Whole, StoreError> {
        let key = end.room.name.key();
        let place = self.places.entry(key).or_default();
        // The newest that was told is read once more: it may be another one by now.
        let page = self.entries.page(&end.room, place.look_from(), PAGE);
        let page = page.await?;
        if end.last_seq < place.seq || !place.is_of(epoch) || place.denied_by(&page) {
            let from = place.first_known().previous();
            let known = self.entries.page(&end.room, from, place.known());
            let holds = place.holds(&known.await?, end.last_seq);
            place.go_back(holds, epoch);
            Line::reset(&end.room.name, epoch, holds).write(lines);
            return Ok(Whole::No);
        }
        let news = page.iter().filter(|entry| entry.seq > place.seq);
        let news: Vec<&Entry> = news.collect();
        for entry in news {
            place.hole(entry.seq.previous(), &end.room.name, epoch, lines);
            Line::entry(entry, epoch).write(lines);
            place.tell(entry, epoch);
        }
        if page.len() < PAGE {
            place.hole(end.last_seq, &end.room.name, epoch, lines);
        }
        Ok(if place.seq >= end.last_seq {
            Whole::Yes
        } else {
            Whole::No
        })
    }

    pub async fn close(self) {
        self.entries.close().await;
    }
}

/// Whether a room was told up to where it ended when the round began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whole {
    Yes,
    No,
}

impl Place {
    /// Tells that up to `to` there is nothing any more.
    fn hole(&mut self, to: Seq, room: &RoomName, epoch: &Epoch, lines: &mut String) {
        if to > self.seq {
            Line::gap(room, epoch, self.seq.next(), to).write(lines);
            self.skip_to(to, epoch);
        }
    }
}
