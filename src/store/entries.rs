//! The log as a program reads it that is no instance: where each room stands, and what it holds. Over a
//! connection of its own, and only to read, whether or not anything runs.
use std::time::Duration;

use super::session::{Purpose, Session};
use super::{StoreError, epoch, read, rows};
use crate::model::{Entry, Epoch, RoomId, RoomName, RoomRef, Seq, Uid};

/// For a connection, and for each answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a room stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomEnd {
    pub room: RoomRef,
    pub last_seq: Seq,
}

/// A reader of the log.
pub struct Entries {
    url: String,
    application: String,
    session: Session,
}

impl Entries {
    /// Connects with the first question.
    ///
    /// # Errors
    /// Where the URL is none, or an embedded database cannot be read.
    pub fn open(url: &str, application: &str) -> Result<Self, StoreError> {
        Ok(Self {
            session: session(url, application)?,
            url: url.to_owned(),
            application: application.to_owned(),
        })
    }

    /// Sees what is at the URL now: an embedded database may have been put in the place of another
    /// since, and is locked by no reader for long.
    ///
    /// # Errors
    /// Where it cannot be read any more.
    pub async fn renew(&mut self) -> Result<(), StoreError> {
        if self.url.starts_with("sqlite:") {
            self.session.close().await;
            self.session = session(&self.url, &self.application)?;
        }
        Ok(())
    }

    /// The epoch, and where these rooms end, or all if none is named.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn ends(&self, rooms: &[RoomName]) -> Result<(Epoch, Vec<RoomEnd>), StoreError> {
        const ALL: &str = "SELECT e.epoch, r.id, r.uid, r.name, r.last_seq
             FROM epoch e LEFT JOIN rooms r ON true ORDER BY r.id";
        const NAMED: &str = "SELECT e.epoch, r.id, r.uid, r.name, r.last_seq
             FROM epoch e LEFT JOIN rooms r ON @lower(r.name@c) @in($1) ORDER BY r.id";
        type Row = (
            String,
            Option<RoomId>,
            Option<Uid>,
            Option<String>,
            Option<Seq>,
        );
        let keys: Vec<String> = rooms.iter().map(RoomName::key).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let rows: Vec<Row> = if rooms.is_empty() {
            self.session.all(ALL, &[]).await?
        } else {
            self.session.all(NAMED, &[keys.as_slice().into()]).await?
        };
        let (name, ..) = rows.first().ok_or_else(epoch::missing)?;
        let end = |(_, id, uid, name, last): &Row| {
            Some(RoomEnd {
                room: RoomRef::stored((*id)?, (*uid)?, name.as_deref()?),
                last_seq: (*last)?,
            })
        };
        Ok((Epoch::named(name), rows.iter().filter_map(end).collect()))
    }

    /// Up to `limit` entries after a place, ascending. In a room the order of commits is the order
    /// of `seq`: what is not among them and comes before the last of them was deleted.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn page(
        &self,
        room: &RoomRef,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let (id, uid) = (room.key.id.into(), room.key.uid.into());
        let args = [id, after.into(), limit.into(), uid];
        let rows = self.session.all(read::AFTER, &args).await?;
        rows::entries(&self.session, room, rows).await
    }

    pub async fn close(self) {
        self.session.close().await;
    }
}

fn session(url: &str, application: &str) -> Result<Session, StoreError> {
    Session::to_read(
        url,
        Purpose {
            application,
            connections: 1,
            patience: PATIENCE,
            answer: PATIENCE,
        },
    )
}
