//! Rows in PostgreSQL's binary COPY format
//! (<https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format").
use chrono::{DateTime, Utc};

use super::row::{COLUMNS, Details, Raw, Row};
use crate::model::{MessageId, Number, RoomId, Seq, UserId};
use crate::store::StoreError;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// The signature, flags, and the length of an extension, which there is none of.
const HEADER: usize = SIGNATURE.len() + 8;
/// PostgreSQL counts microseconds from 2000-01-01, which is so many after 1970.
const EPOCH: i64 = 946_684_800_000_000;

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
            COLUMNS => rows.push(data.row().ok_or_else(broken)?),
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

    fn small(&mut self) -> Option<Option<i16>> {
        match self.field()? {
            Some(bytes) => Some(Some(i16::from_be_bytes(bytes.try_into().ok()?))),
            None => Some(None),
        }
    }

    fn seq(&mut self) -> Option<Option<Seq>> {
        Some(self.i64()?.map(Seq::new))
    }

    fn time(&mut self) -> Option<Option<DateTime<Utc>>> {
        match self.i64()? {
            Some(micros) => Some(Some(time(micros)?)),
            None => Some(None),
        }
    }

    fn row(&mut self) -> Option<Raw> {
        let (id, seq, user) = (self.i64()??, self.i64()??, self.i64()?);
        let content = String::from_utf8(self.field()??.to_vec()).ok()?;
        let created_at = self.time()??;
        let number = self.i64()?.map(Number::new);
        let details = Details {
            kind: self.small()??,
            target: self.seq()?,
            thread: self.seq()?,
            reply_to: self.seq()?,
            edited_at: self.time()?,
            gone: self.small()?,
            reacted: self.small()?? != 0,
            pinned_at: self.time()?,
            ..Details::default()
        };
        let place = (MessageId::new(id), Seq::new(seq), user.map(UserId::new));
        Some(Raw::new(place, (content, created_at), number, details))
    }
}

fn time(micros: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros.checked_add(EPOCH)?)
}

/// Rows on their way in, either all with details or all without.
pub(super) struct Input {
    bytes: Vec<u8>,
    form: Form,
}

/// Which columns rows are copied into: most need few.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    Detailed,
}

impl Form {
    pub(super) const fn target(self) -> &'static str {
        match self {
            Self::Plain => {
                "COPY messages (room_id, id, seq, number, user_id, content, created_at)
                 FROM STDIN (FORMAT binary)"
            }
            Self::Detailed => {
                "COPY messages (room_id, id, seq, number, user_id, content, created_at, kind,
                 target, thread, reply_to, edited_at, gone, reacted, pinned_at)
                 FROM STDIN (FORMAT binary)"
            }
        }
    }

    const fn columns(self) -> i16 {
        match self {
            Self::Plain => 7,
            Self::Detailed => 15,
        }
    }
}

impl Input {
    pub(super) fn new(form: Form, rows: usize) -> Self {
        let mut bytes = Vec::with_capacity(HEADER + rows * 200);
        bytes.extend_from_slice(SIGNATURE);
        bytes.extend_from_slice(&[0; 8]);
        Self { bytes, form }
    }

    pub(super) fn push(
        &mut self,
        room: RoomId,
        row: &Row,
        user: Option<UserId>,
    ) -> Result<(), StoreError> {
        let length = i32::try_from(row.content.len())
            .map_err(|_| StoreError::Refused("a text too long".into()))?;
        self.put(&self.form.columns().to_be_bytes());
        self.i64(Some(room.get()));
        self.i64(Some(row.id.get()));
        self.i64(Some(row.seq.get()));
        self.i64(Some(row.number.get()));
        self.i64(user.map(UserId::get));
        self.put(&length.to_be_bytes());
        self.put(row.content.as_bytes());
        self.time(Some(row.created_at));
        if self.form == Form::Detailed {
            self.details(row.details.as_deref().unwrap_or(&Details::default()));
        }
        Ok(())
    }

    fn details(&mut self, details: &Details) {
        self.small(Some(details.kind));
        for place in [details.target, details.thread, details.reply_to] {
            self.i64(place.map(Seq::get));
        }
        self.time(details.edited_at);
        self.small(details.gone);
        self.small(Some(i16::from(details.reacted)));
        self.time(details.pinned_at);
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Of any time that chrono can tell, its microseconds are far from the ends of this type.
    fn time(&mut self, time: Option<DateTime<Utc>>) {
        self.i64(time.map(|time| time.timestamp_micros() - EPOCH));
    }

    fn small(&mut self, value: Option<i16>) {
        match value {
            Some(value) => {
                self.put(&2i32.to_be_bytes());
                self.put(&value.to_be_bytes());
            }
            None => self.put(&(-1i32).to_be_bytes()),
        }
    }

    fn i64(&mut self, value: Option<i64>) {
        match value {
            Some(value) => {
                self.put(&8i32.to_be_bytes());
                self.put(&value.to_be_bytes());
            }
            None => self.put(&(-1i32).to_be_bytes()),
        }
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.put(&(-1i16).to_be_bytes());
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_whole_rows_is_an_error() {
        let mut found = Vec::new();
        for bad in [&[0u8][..], &[0, 14, 0], &[0, 5], &[0, 14, 0, 0, 0, 8, 1]] {
            assert!(rows(bad, &mut found).is_err(), "{bad:?}");
        }
        assert!(rows(&[], &mut found).is_ok());
        assert!(found.is_empty());
    }
}
