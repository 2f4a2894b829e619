//! What is asked of an archive, and its answers.
use super::documents::{AsOf, Documents};
use super::{Of, Wanted, lines};
use crate::archive::error::ArchiveError;
use crate::model::{Number, RoomRef, Seq};
use crate::store::history::Row;

/// Indexes of places that are read together, where few documents have what is wanted.
const AHEAD: usize = 32;

pub(super) enum Question<'q> {
    Page(Wanted),
    /// The entries in these places.
    At(&'q [Seq]),
    /// The place of the first message of that number or beyond.
    Numbered(Number),
}

pub(super) enum Answer {
    Rows(Vec<Row>),
    Place(Option<Seq>),
}

impl Answer {
    pub(super) fn rows(self) -> Vec<Row> {
        match self {
            Self::Rows(rows) => rows,
            Self::Place(_) => Vec::new(),
        }
    }

    pub(super) fn place(self) -> Option<Seq> {
        match self {
            Self::Place(place) => place,
            Self::Rows(_) => None,
        }
    }
}

impl Documents {
    pub(super) async fn answer(
        &self,
        room: &RoomRef,
        as_of: &AsOf,
        question: &Question<'_>,
    ) -> Result<Answer, ArchiveError> {
        match question {
            Question::Page(wanted) => self.page(room, as_of, *wanted).await.map(Answer::Rows),
            Question::At(places) => self.at(room, as_of, places).await.map(Answer::Rows),
            Question::Numbered(number) => {
                let all = self.between(room, (Seq::FIRST, Seq::MAX), as_of);
                self.numbered(&all, *number).await.map(Answer::Place)
            }
        }
    }

    async fn page(
        &self,
        room: &RoomRef,
        as_of: &AsOf,
        wanted: Wanted,
    ) -> Result<Vec<Row>, ArchiveError> {
        let mut found = self.between(room, (wanted.first, wanted.last), as_of);
        if wanted.newest {
            found.reverse();
        }
        let sparse = matches!(wanted.of, Of::Replies(_) | Of::Pinned);
        let mut rows = Vec::new();
        for (n, (entry, (first, last))) in found.iter().enumerate() {
            if sparse && n % AHEAD == 0 {
                let next = found[n..].iter().take(AHEAD).map(|(entry, _)| entry);
                let next = next.filter(|entry| !lines::has_none(entry, wanted.of));
                self.read_places(&next.collect::<Vec<_>>()).await?;
            }
            if rows.len() >= wanted.limit {
                break;
            }
            let wanted = Wanted {
                first: *first,
                last: *last,
                limit: wanted.limit - rows.len(),
                ..wanted
            };
            self.read(entry, &wanted, as_of, &mut rows).await?;
        }
        if wanted.newest {
            rows.reverse();
        }
        Ok(rows)
    }

    async fn at(
        &self,
        room: &RoomRef,
        as_of: &AsOf,
        places: &[Seq],
    ) -> Result<Vec<Row>, ArchiveError> {
        let mut rows = Vec::new();
        for place in places {
            let wanted = Wanted {
                of: Of::Entries,
                first: *place,
                last: *place,
                limit: 1,
                newest: false,
            };
            for (entry, _) in self.between(room, (*place, *place), as_of) {
                self.read(&entry, &wanted, as_of, &mut rows).await?;
            }
        }
        Ok(rows)
    }
}
