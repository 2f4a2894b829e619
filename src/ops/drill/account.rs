//! What became of every message: said, stored, and seen by each reader.
use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use super::error::DrillError;
use super::fault::Recovery;
use super::journal::{Journal, Micros};
use super::number_of;
use super::reader::Notes;
use super::report::{ReaderReport, ms};
use super::sender::Said;
use crate::model::{RoomName, Seq, format_time};
use crate::store::history;

/// Rows read at once.
const PAGE: usize = 1_000;

pub(super) struct Account {
    /// What was acknowledged need not be stored: then it is not due to any reader either.
    pub(super) may_lose: bool,
    pub(super) said: Vec<Said>,
    /// Messages in the database, by their place in the room.
    pub(super) stored: Vec<usize>,
    pub(super) readers: Vec<(String, Notes)>,
    pub(super) recovery: Recovery,
}

/// The messages that the database has.
pub(super) async fn stored(url: &str, room: &str) -> Result<Vec<usize>, DrillError> {
    let mut history = history::open(url, "discordctl drill").await?;
    let room = RoomName::stored(room);
    let mut numbers = Vec::new();
    if let Some(stand) = history.room(&room).await? {
        let mut after = Seq::START;
        loop {
            let page = history
                .page(stand.room.key.id, after, stand.last_seq, PAGE)
                .await?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            numbers.extend(page.iter().filter_map(|row| number_of(&row.content)));
        }
    }
    history.close().await;
    Ok(numbers)
}

impl Account {
    /// When each message was first sent.
    fn sent(&self) -> HashMap<usize, Micros> {
        let said = self.said.iter();
        said.map(|said| (said.number, said.sent)).collect()
    }

    /// How many messages were acknowledged and are not stored.
    pub(super) fn lost_with_primary(&self) -> usize {
        let acknowledged = self.said.iter().filter(|said| said.acknowledged.is_some());
        let lost = acknowledged.filter(|said| !self.stored.contains(&said.number));
        lost.count()
    }

    /// From when it was mended until the next message was acknowledged.
    pub(super) fn writes_again(&self) -> Option<Micros> {
        let mended = self.recovery.mended;
        let times = self.said.iter().filter_map(|said| said.acknowledged);
        let first = times.filter(|time| *time >= mended).min();
        first.map(|time| time - mended)
    }

    /// What one reader made of it, and how long after it was first sent each message came.
    pub(super) fn reading(&self, name: &str, notes: &Notes) -> (ReaderReport, Vec<Micros>) {
        let places = self.stored.iter().enumerate();
        let places: HashMap<usize, usize> =
            places.map(|(place, number)| (*number, place)).collect();
        let sent = self.sent();
        let mut first = HashMap::new();
        // What it saw under the past that holds; what it saw before may have another place now.
        let mut under_this = HashSet::new();
        let last_reset = notes.resets.last().copied().unwrap_or(0);
        let (mut repeated, mut out_of_order, mut furthest) = (0, 0, None);
        let mut latencies = Vec::new();
        for (seen, (number, at)) in notes.seen.iter().enumerate() {
            let is_past = seen < last_reset;
            if !is_past && !under_this.insert(*number) {
                repeated += 1;
                continue;
            }
            if first.contains_key(number) {
                // Stored before the past changed and again after it, or one of both.
                repeated += usize::from(!self.may_lose);
                continue;
            }
            first.insert(*number, *at);
            if is_past {
                continue;
            }
            let place = places.get(number).copied();
            out_of_order += usize::from(place < furthest);
            furthest = furthest.max(place);
            if let Some(sent) = sent.get(number) {
                latencies.push(at.saturating_sub(*sent));
            }
        }
        // What was stored or acknowledged is there to be read.
        let acknowledged = self.said.iter().filter(|said| said.acknowledged.is_some());
        let acknowledged = acknowledged.filter(|_| !self.may_lose);
        let mut due: Vec<usize> = acknowledged.map(|said| said.number).collect();
        due.extend(&self.stored);
        due.sort_unstable();
        due.dedup();
        let lost = due.iter().filter(|number| !first.contains_key(number));
        let report = ReaderReport {
            reader: name.to_owned(),
            received: first.len(),
            lost: lost.count(),
            repeated,
            out_of_order,
            not_stored: under_this
                .iter()
                .filter(|number| !places.contains_key(number))
                .count(),
            resets: notes.resets.len(),
            cut_off: notes.connections.saturating_sub(1),
            longest_pause_ms: ms(longest_pause(notes, &sent)),
        };
        (report, latencies)
    }
}

/// A pause begins with what came last, or when the next was sent if that was later.
fn longest_pause(notes: &Notes, sent: &HashMap<usize, Micros>) -> Micros {
    let mut longest = 0;
    let (mut under_way, mut next) = (Micros::MAX, None);
    for (number, at) in notes.seen.iter().rev() {
        if let Some(next) = next {
            longest = longest.max(Micros::saturating_sub(next, under_way.max(*at)));
        }
        under_way = under_way.min(sent.get(number).copied().unwrap_or(*at));
        next = Some(*at);
    }
    let first = next.map_or(0, |next| next.saturating_sub(under_way));
    longest.max(first)
}

/// A line for each message and each reader; what never came has no time.
pub(super) fn csv(account: &Account, journal: &Journal) -> String {
    let mut text = "client,message,sent,received,latency_ms\n".to_owned();
    for (name, notes) in &account.readers {
        let mut received = HashMap::new();
        for (number, at) in &notes.seen {
            received.entry(*number).or_insert(*at);
        }
        for said in &account.said {
            let sent = format_time(journal.utc(said.sent));
            let _ = write!(text, "{name},{},{sent},", said.number);
            let _ = match received.get(&said.number) {
                Some(at) => {
                    let ms = at.saturating_sub(said.sent) as f64 / 1e3;
                    writeln!(text, "{},{ms:.1}", format_time(journal.utc(*at)))
                }
                None => writeln!(text, ","),
            };
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(stored: &[usize]) -> Account {
        let said = |number: usize| Said {
            number,
            sent: number as Micros * 100,
            acknowledged: Some(number as Micros * 100 + 10),
            tries: 1,
        };
        Account {
            may_lose: false,
            said: (1..=4).map(said).collect(),
            stored: stored.to_vec(),
            readers: Vec::new(),
            recovery: Recovery {
                caused: 0,
                mended: 0,
                well: 0,
            },
        }
    }

    fn notes(seen: &[(usize, Micros)]) -> Notes {
        Notes {
            seen: seen.to_vec(),
            ..Notes::default()
        }
    }

    #[test]
    fn what_is_lost_repeated_or_out_of_order_is_counted() {
        let account = account(&[1, 2, 3, 4]);
        let (reading, _) = account.reading("", &notes(&[(1, 110), (3, 330), (2, 340), (3, 350)]));
        let counts = (reading.lost, reading.repeated, reading.out_of_order);
        assert_eq!((reading.received, counts), (3, (1, 1, 1)));
        let well = notes(&[(1, 110), (2, 210), (3, 310), (4, 410)]);
        let (well, _) = account.reading("", &well);
        let counts = (well.lost, well.repeated, well.out_of_order);
        assert_eq!((well.received, counts), (4, (0, 0, 0)));
    }

    #[test]
    fn the_order_is_that_of_the_database() {
        let seen = notes(&[(2, 210), (1, 220), (4, 410)]);
        let (reading, _) = account(&[2, 1, 4, 3]).reading("", &seen);
        assert_eq!((reading.out_of_order, reading.lost), (0, 1));
    }

    #[test]
    fn what_was_acknowledged_and_is_not_stored_is_lost() {
        let (reading, _) = account(&[1, 2, 4]).reading("", &notes(&[(1, 1), (2, 2), (4, 4)]));
        assert_eq!(reading.lost, 1);
    }

    #[test]
    fn what_was_lost_with_its_primary_is_told_as_that() {
        let mut account = account(&[1, 4]);
        account.may_lose = true;
        assert_eq!(account.lost_with_primary(), 2);
        let mut seen = notes(&[(1, 1), (2, 2), (3, 3), (4, 4)]);
        let (reading, _) = account.reading("", &seen);
        assert_eq!((reading.not_stored, reading.resets), (2, 0));
        seen.resets.push(3);
        let (reading, _) = account.reading("", &seen);
        assert_eq!((reading.not_stored, reading.resets), (0, 1));
        assert_eq!(
            (reading.lost, reading.repeated, reading.out_of_order),
            (0, 0, 0)
        );
    }

    #[test]
    fn no_reader_pauses_while_nothing_is_said() {
        let sent = account(&[1, 2, 3, 4]).sent();
        let pause = |seen: &[(usize, Micros)]| longest_pause(&notes(seen), &sent);
        assert_eq!(pause(&[(1, 105), (2, 205), (3, 305), (4, 405)]), 5);
        assert_eq!(pause(&[(1, 105), (2, 390), (3, 391), (4, 405)]), 190);
    }
}
