//! Reading what was archived: a page at a time, in bounded time and memory.
mod answer;
mod documents;
mod finding;
mod lines;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use self::answer::{Answer, Question};
use self::documents::Documents;
pub use self::documents::{AsOf, Erased};
pub use self::finding::Shelved;
pub use super::catalogue::Believed;
use super::destination::Destination;
use super::error::ArchiveError;
use crate::config::ArchiveUrl;
use crate::model::{Number, RoomRef, Seq};
use crate::store::history::Row;

/// Readings at once; each has a document of older versions in memory at most.
const TURNS: usize = 2;
/// For one to wait for its turn, and for an answer.
const TURN_WITHIN: Duration = Duration::from_secs(1);
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// An archive that did not answer is not asked again for so long: every reader would wait.
const REST: Duration = Duration::from_secs(2);

/// The same failure is logged once in so long.
const TOLD_AGAIN: Duration = Duration::from_secs(60);

/// Which entries are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    Entries,
    Messages,
    /// The replies in the thread of this message.
    Replies(Seq),
    /// Pinned messages.
    Pinned,
}

/// A page: of what is from one place to another, both included, the first or the last so many.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    pub of: Of,
    pub first: Seq,
    pub last: Seq,
    pub limit: usize,
    /// The last ones. In any case they are given ascending.
    pub newest: bool,
}

/// The archive, as a server reads it.
pub struct Library {
    opened: Mutex<Opened>,
    turns: Semaphore,
    /// Until then it is not asked, and why.
    resting: Mutex<Option<(Instant, Arc<str>)>>,
    /// The last failure that was logged, and when.
    told: Mutex<Option<(Instant, Arc<str>)>>,
}

struct Opened {
    url: ArchiveUrl,
    documents: Option<Arc<Documents>>,
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let url = self.opened.lock().url.to_string();
        f.debug_struct("Library")
            .field("url", &url)
            .finish_non_exhaustive()
    }
}

impl Library {
    /// What is at `url`, which is looked at when it is first read.
    pub fn new(url: ArchiveUrl) -> Self {
        Self {
            opened: Mutex::new(Opened {
                url,
                documents: None,
            }),
            turns: Semaphore::new(TURNS),
            resting: Mutex::default(),
            told: Mutex::default(),
        }
    }

    /// From now on what is at `url` is read.
    pub fn move_to(&self, url: &ArchiveUrl) {
        let mut opened = self.opened.lock();
        if opened.url != *url {
            *opened = Opened {
                url: url.clone(),
                documents: None,
            };
            *self.resting.lock() = None;
        }
    }

    /// A page of what was archived of a room: fewer than wanted only where there are no more.
    ///
    /// # Errors
    /// Fails where the archive cannot be read in time, or is damaged there.
    pub async fn page(
        &self,
        room: &RoomRef,
        as_of: &AsOf,
        wanted: Wanted,
    ) -> Result<Vec<Row>, ArchiveError> {
        let answer = self.ask(room, as_of, Question::Page(wanted)).await?;
        Ok(answer.rows())
    }

    /// The entries in these places, those of them that were archived.
    ///
    /// # Errors
    /// As for a page.
    pub async fn at(
        &self,
        room: &RoomRef,
        as_of: &AsOf,
        places: &[Seq],
    ) -> Result<Vec<Row>, ArchiveError> {
        let answer = self.ask(room, as_of, Question::At(places)).await?;
        Ok(answer.rows())
    }

    /// The place of the first archived message of that number or beyond; `None` where there is none.
    ///
    /// # Errors
    /// As for a page.
    pub async fn numbered(
        &self,
        room: &RoomRef,
        as_of: &AsOf,
        number: Number,
    ) -> Result<Option<Seq>, ArchiveError> {
        let answer = self.ask(room, as_of, Question::Numbered(number)).await?;
        Ok(answer.place())
    }

    /// Asks in turn, and within a time.
    async fn ask(
        &self,
        room: &RoomRef,
        as_of: &AsOf,
        question: Question<'_>,
    ) -> Result<Answer, ArchiveError> {
        if let Some((until, why)) = self.resting.lock().clone()
            && Instant::now() < until
        {
            return Err(self.away(&why));
        }
        let turn = timeout(TURN_WITHIN, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(ArchiveError::Busy);
        };
        // In a place of its own: most that may wait for it never do.
        let answer = Box::pin(self.answer(room, as_of, &question));
        let answer = timeout(ANSWER_WITHIN, answer).await.unwrap_or_else(|_| {
            let within = ANSWER_WITHIN.as_secs();
            Err(self.away(&format!("no answer within {within} s")))
        });
        if let Err(error) = &answer {
            self.note(error);
        }
        answer
    }

    /// A document that was rewritten since the manifest was read is looked for again.
    async fn answer(
        &self,
        room: &RoomRef,
        as_of: &AsOf,
        question: &Question<'_>,
    ) -> Result<Answer, ArchiveError> {
        let documents = self.documents()?;
        documents.look(&[(room.key.id, as_of.version)]).await?;
        match documents.answer(room, as_of, question).await {
            Err(ArchiveError::Vanished(_)) => {
                documents.look_again().await?;
                documents.answer(room, as_of, question).await
            }
            answer => answer,
        }
    }

    /// Tells the operator, and lets an archive rest that cannot be reached.
    fn note(&self, error: &ArchiveError) {
        let why: Arc<str> = error.chain().into();
        // A folder answers at once, and what is wrong with one file need not be wrong with others.
        let is_folder = || {
            let documents = self.opened.lock().documents.clone();
            documents.is_some_and(|documents| documents.destination().folder().is_some())
        };
        if matches!(error, ArchiveError::Destination { .. }) && !is_folder() {
            *self.resting.lock() = Some((Instant::now() + REST, why.clone()));
        }
        let mut told = self.told.lock();
        let now = Instant::now();
        let known = |(at, before): &(Instant, Arc<str>)| *before == why && now < *at + TOLD_AGAIN;
        if !told.as_ref().is_some_and(known) {
            tracing::warn!(%why, "the archive cannot be read: older messages are not shown");
            *told = Some((now, why));
        }
    }

    fn away(&self, why: &str) -> ArchiveError {
        let what = format!("cannot read the archive {}", self.opened.lock().url);
        ArchiveError::destination(what, std::io::Error::other(why.to_owned()))
    }

    fn documents(&self) -> Result<Arc<Documents>, ArchiveError> {
        let mut opened = self.opened.lock();
        if let Some(documents) = &opened.documents {
            return Ok(documents.clone());
        }
        let documents = Arc::new(Documents::new(Destination::open(&opened.url)?));
        opened.documents = Some(documents.clone());
        Ok(documents)
    }
}
