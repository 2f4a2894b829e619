//! The ledger beside the archive: what was erased, so that no document and no backup brings it back.
use std::collections::HashMap;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::destination::{Destination, Version};
use super::digest::Sum;
use super::entry::Line;
use super::error::ArchiveError;
use crate::model::{RoomName, Seq, Uid};
use crate::store::history::Erasure;

/// Its place in the archive.
pub(crate) const PATH: &str = "erasures.json";
const SCHEMA: &str = "discordctl.erasures/1";
/// Names with remembered digests.
const MOST: usize = 10_000;
/// `gone` of what was erased.
const ERASED: i16 = 3;

#[derive(Serialize, Deserialize)]
struct File {
    schema: String,
    erasures: Vec<Erasure>,
}

/// As it was read, and may be written again.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    erasures: Vec<Erasure>,
    version: Option<Version>,
}

impl Ledger {
    pub(crate) async fn load(destination: &Destination) -> Result<Self, ArchiveError> {
        let Some((bytes, version)) = destination.get(PATH).await? else {
            return Ok(Self::default());
        };
        let damaged = |why: String| ArchiveError::damaged(PATH, why);
        let file: File = serde_json::from_slice(&bytes).map_err(|e| damaged(e.to_string()))?;
        if file.schema != SCHEMA {
            let is = file.schema.escape_debug();
            return Err(damaged(format!("it is '{is}', not '{SCHEMA}'")));
        }
        Ok(Self {
            erasures: file.erasures,
            version: Some(version),
        })
    }

    pub(crate) fn erasures(&self) -> &[Erasure] {
        &self.erasures
    }

    /// Adds these, or makes those later that it has. Writes it if that changes it.
    pub(crate) async fn add(
        &mut self,
        destination: &Destination,
        erasures: &[Erasure],
    ) -> Result<(), ArchiveError> {
        let before = self.erasures.clone();
        for new in erasures {
            match self.erasures.iter_mut().find(|old| old.uid == new.uid) {
                Some(old) => old.at = old.at.max(new.at),
                None => self.erasures.push(new.clone()),
            }
        }
        if self.erasures == before {
            return Ok(());
        }
        let file = File {
            schema: SCHEMA.to_owned(),
            erasures: self.erasures.clone(),
        };
        let text = serde_json::to_vec_pretty(&file);
        let text = Bytes::from(text.map_err(|e| ArchiveError::Inside(e.to_string()))?);
        let before = self.version.take();
        self.version = Some(destination.replace(PATH, text, before).await?);
        Ok(())
    }
}

/// By which a person is found in documents, which know no uids; it does not say the name. Of each erasure, which
/// has that uid, it is another.
pub(crate) fn digest(uid: Uid, name: &str) -> String {
    Sum::of(format!("{uid}:{}", name.to_ascii_lowercase()).as_bytes()).sha256
}

/// What was erased, to hold lines against.
#[derive(Debug, Clone, Default)]
pub(crate) struct Erasures {
    parts: Vec<Part>,
    people: Vec<Person>,
    known: HashMap<String, Option<DateTime<Utc>>>,
}

#[derive(Debug, Clone)]
struct Part {
    room: String,
    from: Seq,
    to: Seq,
    at: DateTime<Utc>,
}

#[derive(Debug, Clone)]
struct Person {
    uid: Uid,
    digest: String,
    at: DateTime<Utc>,
}

impl Erasures {
    pub(crate) fn of<'e>(erasures: impl IntoIterator<Item = &'e Erasure>) -> Self {
        let mut all = Self::default();
        for erasure in erasures {
            let (at, name) = (erasure.at, erasure.name.clone().unwrap_or_default());
            match (erasure.seq_from, erasure.seq_to, erasure.user_uid) {
                (Some(from), Some(to), _) => {
                    let room = RoomName::stored(&name).key();
                    all.parts.push(Part { room, from, to, at });
                }
                (_, _, Some(_)) => {
                    let (uid, digest) = (erasure.uid, name);
                    all.people.push(Person { uid, digest, at });
                }
                _ => {}
            }
        }
        all
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.people.is_empty()
    }

    /// Whether a document of that room with those places may hold some of it.
    pub(crate) fn may_touch(&self, room: &str, first: Seq, last: Seq) -> bool {
        let room = RoomName::stored(room).key();
        let touches = |part: &Part| part.room == room && part.from <= last && part.to >= first;
        !self.people.is_empty() || self.parts.iter().any(touches)
    }

    /// Takes away what was erased of a line; false if it had nothing of that.
    pub(crate) fn scrub(&mut self, room: &RoomName, line: &mut Line) -> bool {
        let mut changed = false;
        let of_part = line.seq.is_some_and(|seq| {
            let key = room.key();
            let meant = |part: &Part| (part.from..=part.to).contains(&seq) && part.room == key;
            let mut parts = self.parts.iter().filter(|part| meant(part));
            parts.any(|part| line.created_at <= part.at)
        });
        let user = line.user.clone();
        let of_person = user.is_some_and(|user| self.names(&user, line.created_at));
        if line.is_message() && line.gone.is_none() && (of_part || of_person) {
            line.lose_words(ERASED);
            changed = true;
        }
        if of_person {
            line.user = None;
            changed = true;
        }
        if !self.people.is_empty() {
            changed |= self.scrub_names(line);
        }
        changed
    }

    /// The names of erased people in what others said.
    fn scrub_names(&mut self, line: &mut Line) -> bool {
        let (reactions, mentions) = (line.reactions.len(), line.mentions.len());
        line.reactions
            .retain(|reaction| !self.names(&reaction.user, reaction.at));
        let said = line.created_at;
        line.mentions.retain(|name| !self.names(name, said));
        if line.reactions.len() < reactions {
            line.reacted = Some(true);
        }
        line.reactions.len() < reactions || line.mentions.len() < mentions
    }

    /// Whether the entries of that author from that time were erased.
    fn names(&mut self, name: &str, time: DateTime<Utc>) -> bool {
        if self.people.is_empty() {
            return false;
        }
        if let Some(until) = self.known.get(name) {
            return until.is_some_and(|until| time <= until);
        }
        let theirs = |person: &&Person| digest(person.uid, name) == person.digest;
        let until = self.people.iter().filter(theirs).map(|p| p.at).max();
        if self.known.len() >= MOST {
            self.known.clear();
        }
        self.known.insert(name.to_owned(), until);
        until.is_some_and(|until| time <= until)
    }
}
