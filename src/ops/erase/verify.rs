//! Looking for what should be gone.
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Serialize;
use tokio::task::spawn_blocking;

use super::{EraseError, beyond};
use crate::archive::path;
use crate::archive::{ArchiveError, Destination, Erasures, Ledger, Manifest, Stored};
use crate::config::Config;
use crate::model::Seq;
use crate::ops::archive::{Alone, Session, without};
use crate::regular;
use crate::store::copy::Embedded;
use crate::store::history::{Erasing, Erasure, History, Scope};

/// Read at once.
const PART: usize = 1 << 20;

/// Something that should not be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    pub place: String,
    pub what: String,
}

/// What a look found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Erasures that were looked for, and documents and database files that were read.
    pub erasures: usize,
    pub documents: usize,
    pub files: usize,
    pub found: Vec<Found>,
    /// What this cannot see.
    pub beyond: Vec<&'static str>,
}

/// Looks for rows, documents and entries of the manifest that still have what was erased, and for `words` in all
/// that holds text: rows, documents, and the bytes of an embedded database's files. Not for a process that has
/// that open: to read its files would give up its locks.
///
/// # Errors
/// Fails where the database or the archive cannot be read.
pub async fn verify(config: &Config, words: &[String]) -> Result<Verdict, EraseError> {
    let destination = Destination::open(&config.archive.url)?;
    let session = Session::open(&config.db_url, "discordctl erase", Alone::No).await?;
    let stop = tokio_util::sync::CancellationToken::new();
    let ledger = Ledger::load(&destination).await?;
    let look = async |session: &mut Session, _: &tokio_util::sync::CancellationToken| {
        let mut look = Look {
            history: &mut session.history,
            destination: &destination,
            words,
            verdict: Verdict {
                erasures: 0,
                documents: 0,
                files: 0,
                found: Vec::new(),
                beyond: beyond(config.db_url.expose()),
            },
        };
        look.ledgers(&ledger).await?;
        look.documents(ledger.erasures()).await?;
        look.rows().await?;
        Ok::<_, EraseError>(look.verdict)
    };
    let mut verdict = session.during(&stop, look).await?;
    if config.db_url.expose().starts_with("sqlite:") {
        bytes(config, words, &mut verdict).await?;
    }
    Ok(verdict)
}

struct Look<'a> {
    history: &'a mut History,
    destination: &'a Destination,
    words: &'a [String],
    verdict: Verdict,
}

impl Look<'_> {
    fn found(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.verdict.found.push(Found {
            place: place.into(),
            what: what.into(),
        });
    }

    /// Whether both ledgers know the same, and rows that are in them.
    async fn ledgers(&mut self, ledger: &Ledger) -> Result<(), EraseError> {
        let stored = self.history.erasures().await?;
        let missing = |all: &[Erasure], others: &[Erasure]| {
            let known = |erasure: &&Erasure| others.iter().any(|other| other.uid == erasure.uid);
            all.iter().filter(|erasure| !known(erasure)).count()
        };
        let (beside, within) = (
            missing(&stored, ledger.erasures()),
            missing(ledger.erasures(), &stored),
        );
        if beside > 0 {
            self.found(
                "the ledger beside the archive",
                format!("it lacks {beside} erasures"),
            );
        }
        if within > 0 {
            self.found("the table erasures", format!("it lacks {within} erasures"));
        }
        let stands = self.history.rooms().await?;
        for erasure in ledger.erasures() {
            self.verdict.erasures += 1;
            for stand in &stands {
                let mut what = Erasing {
                    room: stand.room.key.id,
                    from: Seq::FIRST,
                    to: Seq::MAX,
                    by: None,
                    until: erasure.at,
                };
                match erasure.scope() {
                    Some(Scope::Part { room, from, to }) if room == stand.room.key.uid => {
                        (what.from, what.to) = (from, to);
                    }
                    Some(Scope::Person(uid)) => {
                        what.by = self.history.person_of(uid).await?;
                        if what.by.is_none() {
                            continue;
                        }
                    }
                    _ => continue,
                }
                let left = self.history.erasable(&what).await?;
                if left > 0 {
                    let place = format!("the database, room '{}'", stand.room.name);
                    self.found(place, format!("{left} messages have their words"));
                }
            }
        }
        Ok(())
    }

    async fn documents(&mut self, erasures: &[Erasure]) -> Result<(), EraseError> {
        let manifest = Manifest::load(self.destination).await?;
        let mut erasures = Erasures::of(erasures);
        for entry in manifest.entries() {
            match without(self.destination, entry, &mut erasures).await {
                Ok(None) => {}
                Ok(Some(left)) => {
                    let what = format!("{} entries have what was erased", left.lines);
                    self.found(&entry.path, what);
                }
                Err(ArchiveError::Damaged { path, why }) => self.found(path, why),
                Err(error) => return Err(error.into()),
            }
        }
        for path in self.destination.list("rooms").await? {
            let document = path::document_of(&path);
            let listed = (manifest.entries().iter()).any(|entry| entry.path == document);
            if !listed {
                self.found(
                    &path,
                    "it is in the archive, and the manifest does not name it",
                );
            }
            self.verdict.documents += 1;
            if let Some(stored) = self.destination.read(&path).await? {
                let (words, of) = (self.words.to_vec(), path.clone());
                let seen = spawn_blocking(move || in_text(stored, &words)).await;
                let seen = seen.map_err(|e| ArchiveError::Inside(e.to_string()))?;
                if seen.unwrap_or(true) {
                    self.found(of, "it has the words, or cannot be read");
                }
            }
        }
        Ok(())
    }

    async fn rows(&mut self) -> Result<(), EraseError> {
        for words in self.words {
            let rows = self.history.with_words(words).await?;
            if rows > 0 {
                self.found("the database", format!("{rows} messages have the words"));
            }
        }
        Ok(())
    }
}

/// Whether a document has one of these, as JSON writes them.
fn in_text(stored: Stored, words: &[String]) -> std::io::Result<bool> {
    let escaped = words
        .iter()
        .filter_map(|words| serde_json::to_string(words).ok());
    let needles: Vec<Vec<u8>> = escaped.map(|json| json.trim_matches('"').into()).collect();
    let (seen, _) = stored.text(|text| contains(text, &needles))?;
    Ok(seen)
}

fn contains(text: &mut dyn Read, needles: &[Vec<u8>]) -> std::io::Result<bool> {
    let longest = needles.iter().map(Vec::len).max().unwrap_or(0);
    let (mut kept, mut part) = (Vec::new(), vec![0; PART]);
    loop {
        let count = text.read(&mut part)?;
        if count == 0 {
            return Ok(false);
        }
        kept.extend_from_slice(&part[..count]);
        let is_there = |needle: &Vec<u8>| memchr::memmem::find(&kept, needle).is_some();
        if needles.iter().any(is_there) {
            return Ok(true);
        }
        // What begins at the end may go on in the next part.
        let done = kept.len().saturating_sub(longest);
        kept.drain(..done);
    }
}

/// The bytes of the embedded database's files, free pages and log included.
async fn bytes(config: &Config, words: &[String], verdict: &mut Verdict) -> Result<(), EraseError> {
    for path in Embedded::of(config.db_url.expose())?.files() {
        verdict.files += 1;
        let needles: Vec<Vec<u8>> = words
            .iter()
            .map(|words| words.as_bytes().to_vec())
            .collect();
        let file = path.clone();
        let seen = spawn_blocking(move || in_file(&file, &needles)).await;
        let seen = seen.map_err(|e| ArchiveError::Inside(e.to_string()))?;
        if seen.unwrap_or(true) {
            verdict.found.push(Found {
                place: path.display().to_string(),
                what: "its bytes have the words, or cannot be read".into(),
            });
        }
    }
    Ok(())
}

fn in_file(path: &Path, needles: &[Vec<u8>]) -> std::io::Result<bool> {
    let mut file: File = regular::open(path)?;
    contains(&mut file, needles)
}
