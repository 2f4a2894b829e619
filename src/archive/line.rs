//! How an entry is written in a document. There may be millions, so that digits count.
use std::io;

use chrono::{DateTime, Datelike, Utc};

use super::details;
use crate::model::format_time;
use crate::store::history::Row;

const DAY: i64 = 24 * 60 * 60;
/// What follows the day in a time: `09:15:00.123Z`.
const WITHIN: usize = 13;

/// Writes messages, and remembers the day of the last.
#[derive(Debug)]
pub(crate) struct Lines {
    day: i64,
    /// As in `2024-01-14T`.
    date: String,
    month: (i32, u32),
}

impl Lines {
    pub(crate) fn new() -> Self {
        Self {
            day: i64::MIN,
            date: String::new(),
            month: (0, 0),
        }
    }

    /// The month that a message of this time belongs to.
    pub(crate) fn month(&mut self, time: DateTime<Utc>) -> (i32, u32) {
        self.turn_to(time);
        self.month
    }

    fn turn_to(&mut self, time: DateTime<Utc>) {
        let day = time.timestamp().div_euclid(DAY);
        if day != self.day {
            self.day = day;
            self.month = (time.year(), time.month());
            self.date = format_time(time);
            self.date.truncate(self.date.len() - WITHIN);
        }
    }

    pub(crate) fn write(&mut self, row: &Row, out: &mut Vec<u8>) -> io::Result<()> {
        out.extend_from_slice(b"{\"id\":");
        serde_json::to_writer(&mut *out, &row.id)?;
        out.extend_from_slice(b",\"user\":");
        serde_json::to_writer(&mut *out, &row.user.as_deref())?;
        out.extend_from_slice(b",\"content\":");
        serde_json::to_writer(&mut *out, &row.content)?;
        out.extend_from_slice(b",\"created_at\":\"");
        self.write_time(row.created_at, out);
        out.extend_from_slice(b"\",\"seq\":");
        serde_json::to_writer(&mut *out, &row.seq)?;
        // Where nothing but messages was before it, it follows from the place.
        if row.number.get() != row.seq.get() {
            out.extend_from_slice(b",\"number\":");
            serde_json::to_writer(&mut *out, &row.number)?;
        }
        match &row.details {
            Some(details) => details::close_with(details, out)?,
            None => out.push(b'}'),
        }
        Ok(())
    }

    /// The same as [`format_time`].
    fn write_time(&mut self, time: DateTime<Utc>, out: &mut Vec<u8>) {
        self.turn_to(time);
        out.extend_from_slice(self.date.as_bytes());
        let second = time.timestamp().rem_euclid(DAY);
        let ms = i64::from(time.timestamp_subsec_millis() % 1_000);
        let digit = |number: i64| b'0' + (number % 10) as u8;
        let two = |number: i64| [digit(number / 10), digit(number)];
        let ([h, hh], [m, mm], [s, ss]) =
            (two(second / 3600), two(second / 60 % 60), two(second % 60));
        let [t, u, v] = [digit(ms / 100), digit(ms / 10), digit(ms)];
        let within: [u8; WITHIN] = [h, hh, b':', m, mm, b':', s, ss, b'.', t, u, v, b'Z'];
        out.extend_from_slice(&within);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_everywhere() {
        let mut lines = Lines::new();
        for text in [
            "2024-01-14T09:15:00.123Z",
            "2024-01-14T23:59:59.999Z",
            "2024-01-15T00:00:00.000Z",
            "1969-12-31T23:59:59.001Z",
            "0001-12-31T23:59:59.000Z",
            "9999-01-01T00:00:00.999Z",
            "+12345-06-07T08:09:10.011Z",
            "-0044-03-15T12:00:00.000Z",
        ] {
            let time: DateTime<Utc> = text.parse().expect("a time");
            let mut out = Vec::new();
            lines.write_time(time, &mut out);
            let out = String::from_utf8(out).expect("text");
            assert_eq!(out, format_time(time));
            assert_eq!(lines.month(time), (time.year(), time.month()));
        }
    }
}
