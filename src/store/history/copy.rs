//! Rows in PostgreSQL's binary COPY format
//! (<https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format").
use chrono::{DateTime, Utc};

use crate::model::{MessageId, RoomId, Seq, UserId};
use crate::store::StoreError;
use crate::store::history::{Raw, Row};

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// The signature, flags, and the length of an extension, which there is none of.
const HEADER: usize = SIGNATURE.len() + 8;
/// PostgreSQL counts microseconds from 2000-01-01, which is so many after 1970.
const EPOCH: i64 = 946_684_800_000_000;

/// The columns that [`rows`] expects, in order.
pub(super) const COLUMNS: &str = "id, seq, user_id, content, created_at";

/// Adds the rows of one message of the protocol, which holds whole rows.
pub(super) fn rows(data: &[u8], rows: &mut Vec<Raw>) -> Result<(), StoreError> {
    let mut data = if data.starts_with(SIGNATURE) {
        Data(data.get(HEADER..).unwrap_or_default())
    } else {
        Data(data)
    };
    let broken = || StoreError::Refused("PostgreSQL sent rows in another form than asked".into());
    while !data.0.is_empty() {
        match data.i16().ok_or_else(broken)? {
            -1 => return Ok(()),
            5 => rows.push(data.row().ok_or_else(broken)?),
            _ => return Err(broken()),
        }
    }
    Ok(())
}

struct Data<'d>(&'d [u8]);

impl<'d> Data<'d> {
    fn take(&mut self, count: usize) -> Option<&'d [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn i16(&mut self) -> Option<i16> {
        Some(i16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    /// A column's bytes; `Some(None)` for NULL.
    fn field(&mut self) -> Option<Option<&'d [u8]>> {
        match i32::from_be_bytes(self.take(4)?.try_into().ok()?) {
            -1 => Some(None),
            length => Some(Some(self.take(usize::try_from(length).ok()?)?)),
        }
    }

    fn i64(&mut self) -> Option<Option<i64>> {
        match self.field()? {
            Some(bytes) => Some(Some(i64::from_be_bytes(bytes.try_into().ok()?))),
            None => Some(None),
        }
    }

    fn row(&mut self) -> Option<Raw> {
        let (id, seq, user) = (self.i64()??, self.i64()??, self.i64()?);
        let content = String::from_utf8(self.field()??.to_vec()).ok()?;
        let created_at = time(self.i64()??)?;
        Some((
            MessageId::new(id),
            Seq::new(seq),
            user.map(UserId::new),
            content,
            created_at,
        ))
    }
}

fn time(micros: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros.checked_add(EPOCH)?)
}

/// Rows on their way in, for [`TARGET`].
pub(super) struct Input(Vec<u8>);

/// What [`Input`] is to be copied into.
pub(super) const TARGET: &str = "messages (room_id, id, seq, user_id, content, created_at)";

impl Input {
    pub(super) fn new(rows: usize) -> Self {
        let mut bytes = Vec::with_capacity(HEADER + rows * 200);
        bytes.extend_from_slice(SIGNATURE);
        bytes.extend_from_slice(&[0; 8]);
        Self(bytes)
    }

    pub(super) fn push(
        &mut self,
        room: RoomId,
        row: &Row,
        user: Option<UserId>,
    ) -> Result<(), StoreError> {
        // Of any time that chrono can tell, they are far from the ends of this type.
        let micros = row.created_at.timestamp_micros() - EPOCH;
        let length = i32::try_from(row.content.len())
            .map_err(|_| StoreError::Refused("a text too long".into()))?;
        self.0.extend_from_slice(&6i16.to_be_bytes());
        self.i64(Some(room.get()));
        self.i64(Some(row.id.get()));
        self.i64(Some(row.seq.get()));
        self.i64(user.map(UserId::get));
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(row.content.as_bytes());
        self.i64(Some(micros));
        Ok(())
    }

    fn i64(&mut self, value: Option<i64>) {
        match value {
            Some(value) => {
                self.0.extend_from_slice(&8i32.to_be_bytes());
                self.0.extend_from_slice(&value.to_be_bytes());
            }
            None => self.0.extend_from_slice(&(-1i32).to_be_bytes()),
        }
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&(-1i16).to_be_bytes());
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_whole_rows_is_an_error() {
        let mut found = Vec::new();
        for bad in [&[0u8][..], &[0, 5, 0], &[0, 4], &[0, 5, 0, 0, 0, 8, 1]] {
            assert!(rows(bad, &mut found).is_err(), "{bad:?}");
        }
        assert!(rows(&[], &mut found).is_ok());
        assert!(found.is_empty());
    }
}
