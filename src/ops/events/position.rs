//! How far each room was told: a place, and the newest messages before it, to know it again.
use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::model::{Entry, Epoch, MessageId, RoomName, Seq};
use crate::regular;

/// So many of the newest messages of a room are known again.
const KNOWN: usize = 64;
/// The longest line that is believed to be one of ours.
const LONGEST: u64 = 1 << 20;

/// What was told of a room.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    pub(super) seq: Seq,
    /// `None` where it is not known of which.
    epoch: Option<Epoch>,
    /// Ascending, up to `seq`.
    known: VecDeque<Mark>,
}

/// By what a message is known again. Ids come again in a database that went back, times do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    seq: Seq,
    id: MessageId,
    millis: i64,
}

impl From<&Entry> for Mark {
    fn from(message: &Entry) -> Self {
        Self {
            seq: message.seq,
            id: message.id,
            millis: message.created_at.timestamp_millis(),
        }
    }
}

impl Place {
    pub(super) fn at(seq: Seq, epoch: &Epoch) -> Self {
        Self {
            seq,
            epoch: Some(epoch.clone()),
            known: VecDeque::new(),
        }
    }

    pub(super) fn is_of(&self, epoch: &Epoch) -> bool {
        self.epoch.as_ref().is_none_or(|of| of == epoch)
    }

    /// After which place to read, so that the newest known message comes once more.
    pub(super) fn look_from(&self) -> Seq {
        let newest = self.known.back();
        newest.map_or(self.seq, |newest| newest.seq.previous())
    }

    pub(super) fn first_known(&self) -> Seq {
        let first = self.known.front();
        first.map_or(self.seq.next(), |first| first.seq)
    }

    pub(super) fn known(&self) -> usize {
        self.known.len()
    }

    /// Whether the newest known message is not what it was. One that was deleted proves nothing.
    pub(super) fn denied_by(&self, page: &[Entry]) -> bool {
        let (Some(newest), Some(first)) = (self.known.back(), page.first()) else {
            return false;
        };
        first.seq == newest.seq && Mark::from(first) != *newest
    }

    /// Up to where all is as it was told, by what is stored in the places that are known, in a room
    /// that ends at `end`.
    pub(super) fn holds(&self, stored: &[Entry], end: Seq) -> Seq {
        if self.known.is_empty() {
            return self.seq.min(end);
        }
        let is = |mark: &&Mark| stored.iter().any(|message| Mark::from(message) == **mark);
        let denied = |mark: &Mark| {
            let mut stored = stored.iter();
            stored.any(|message| message.seq == mark.seq && Mark::from(message) != *mark)
        };
        let last = self.known.iter().rev().find(is).map(|mark| mark.seq);
        if self.known.iter().any(denied) || end < self.seq {
            return last.unwrap_or(Seq::START);
        }
        self.seq
    }

    pub(super) fn go_back(&mut self, to: Seq, epoch: &Epoch) {
        self.known.retain(|mark| mark.seq <= to);
        self.skip_to(to, epoch);
    }

    pub(super) fn skip_to(&mut self, to: Seq, epoch: &Epoch) {
        self.seq = to;
        self.epoch = Some(epoch.clone());
    }

    pub(super) fn tell(&mut self, message: &Entry, epoch: &Epoch) {
        self.mark(message.into(), epoch);
    }

    fn mark(&mut self, mark: Mark, epoch: &Epoch) {
        if self.known.len() == KNOWN {
            self.known.pop_front();
        }
        self.known.push_back(mark);
        self.skip_to(mark.seq, epoch);
    }
}

/// After what to begin.
#[derive(Debug, Default)]
pub struct Since {
    end: bool,
    places: HashMap<String, Place>,
    /// Lines of files that were none of ours, or were cut off.
    pub skipped: u64,
    /// Files with a last line that was cut off.
    pub torn: Vec<PathBuf>,
}

/// Why a position is none.
#[derive(Debug, thiserror::Error)]
pub enum BadPosition {
    #[error("'{0}' is no position")]
    Unknown(String),
    #[error("cannot read {}: {source}", path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
}

impl Since {
    /// What is there when it begins is not told.
    pub(super) fn is_end(&self) -> bool {
        self.end
    }

    pub(super) fn places(self) -> HashMap<String, Place> {
        self.places
    }

    /// Adds `end`, `ROOM=SEQ`, or `@FILE` with lines that were told before.
    ///
    /// # Errors
    /// Where it is none of these, or the file cannot be read.
    pub fn add(&mut self, position: &str) -> Result<(), BadPosition> {
        if position == "end" {
            self.end = true;
            return Ok(());
        }
        if let Some(file) = position.strip_prefix('@') {
            let path = Path::new(file);
            return self.read(path).map_err(|source| BadPosition::File {
                path: path.to_owned(),
                source,
            });
        }
        let place = position.rsplit_once('=').and_then(|(room, seq)| {
            let seq = seq.parse().ok().filter(|seq| *seq >= Seq::START)?;
            (!room.is_empty()).then(|| (RoomName::stored(room), seq))
        });
        let unknown = || BadPosition::Unknown(position.escape_debug().to_string());
        let (room, seq) = place.ok_or_else(unknown)?;
        let place = Place {
            seq,
            ..Place::default()
        };
        self.places.insert(room.key(), place);
        Ok(())
    }

    fn read(&mut self, path: &Path) -> std::io::Result<()> {
        let mut file = BufReader::new(regular::open(path)?);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = (&mut file).take(LONGEST).read_until(b'\n', &mut line)?;
            if read == 0 {
                return Ok(());
            }
            let whole = line.ends_with(b"\n");
            if !whole {
                self.torn.push(path.to_owned());
            }
            match serde_json::from_slice(&line).ok().filter(|_| whole) {
                Some(told) => self.told(told),
                None => self.skipped += 1,
            }
        }
    }

    fn told(&mut self, told: Told) {
        let room = match &told {
            Told::Entry { room, .. } | Told::Gap { room, .. } | Told::Reset { room, .. } => room,
        };
        let place = self.places.entry(RoomName::stored(room).key()).or_default();
        match told {
            Told::Entry {
                epoch,
                seq,
                id,
                created_at,
                ..
            } => {
                let millis = created_at.timestamp_millis();
                place.mark(Mark { seq, id, millis }, &Epoch::named(&epoch));
            }
            Told::Gap { epoch, to, .. } => place.skip_to(to, &Epoch::named(&epoch)),
            Told::Reset {
                epoch, last_seq, ..
            } => place.go_back(last_seq, &Epoch::named(&epoch)),
        }
    }
}

/// A line that was told before.
#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Told {
    #[serde(
        rename = "message",
        alias = "edit",
        alias = "delete",
        alias = "reaction",
        alias = "pin",
        alias = "topic",
        alias = "void"
    )]
    Entry {
        epoch: String,
        room: String,
        seq: Seq,
        id: MessageId,
        created_at: DateTime<Utc>,
    },
    Gap {
        epoch: String,
        room: String,
        to: Seq,
    },
    Reset {
        epoch: String,
        room: String,
        last_seq: Seq,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Number;
    use crate::ops::events::line::Line;

    fn message(seq: i64, id: i64) -> Entry {
        Entry {
            id: MessageId::new(id),
            seq: Seq::new(seq),
            room: RoomName::stored("general"),
            user: "alice".into(),
            number: Number::new(seq),
            what: "x".into(),
            created_at: DateTime::UNIX_EPOCH + chrono::Duration::microseconds(id * 1_000_123),
        }
    }

    fn told(messages: &[Entry], epoch: &str) -> Place {
        let mut place = Place::default();
        for message in messages {
            place.tell(message, &Epoch::named(epoch));
        }
        place
    }

    #[test]
    fn what_was_told_is_a_position() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("told");
        let epoch = Epoch::named("e");
        let room = RoomName::stored("General");
        let mut lines = String::new();
        Line::gap(&room, &epoch, Seq::new(1), Seq::new(4)).write(&mut lines);
        for message in [message(5, 15), message(6, 17)] {
            Line::entry(&message, &epoch).write(&mut lines);
        }
        lines += "{\"event\":\"message\",\"seq\":7";
        std::fs::write(&file, &lines).expect("written");
        let mut since = Since::default();
        since.add(&format!("@{}", file.display())).expect("a file");
        assert_eq!((since.skipped, &since.torn[..]), (1, &[file][..]));
        let place = &since.places()["general"];
        assert_eq!(place.seq, Seq::new(6));
        let stored = [message(6, 17), message(7, 19)];
        assert!(place.is_of(&epoch) && !place.denied_by(&stored));
        assert!(place.denied_by(&[message(6, 18)]));
        for bad in ["", "general", "general=", "=3", "general=-1", "general=x"] {
            assert!(Since::default().add(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_place_goes_back_to_what_still_holds() {
        let was: Vec<Entry> = (1..=5).map(|seq| message(seq, 10 + seq)).collect();
        let place = told(&was, "a");
        let end = Seq::new(9);
        // All as it was; the newest deleted; from 4 on others; from before all that is known.
        assert_eq!(place.holds(&was, end), Seq::new(5));
        assert_eq!(place.holds(&was[..3], end), Seq::new(5));
        let mut other = was.clone();
        (other[3], other[4]) = (message(4, 40), message(5, 41));
        assert_eq!(place.holds(&other, end), Seq::new(3));
        assert_eq!(place.holds(&was[..2], Seq::new(2)), Seq::new(2));
        let none: Vec<Entry> = (1..=5).map(|seq| message(seq, 90 + seq)).collect();
        assert_eq!(place.holds(&none, end), Seq::START);
        let bare = Place {
            seq: Seq::new(7),
            ..Place::default()
        };
        assert_eq!(bare.holds(&[], Seq::new(3)), Seq::new(3));
        let mut place = place;
        place.go_back(Seq::new(3), &Epoch::named("b"));
        assert_eq!((place.seq, place.known()), (Seq::new(3), 3));
    }
}
