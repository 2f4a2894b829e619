//! SQL that is written once for both kinds of database, and what is different between them: the
//! clock, and how times are bound. Parameters are `$1`, `$2`, … for both.
use std::borrow::Cow;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe};

use super::{Known, Mark};
use crate::model::{
    InstanceId, MessageId, Number, PackId, RoomId, RoomVersion, RunId, Seq, Uid, UserId,
    format_time,
};

/// Makes of a text what each kind understands: `@now` is the database's clock, `@now($1)` that plus a
/// length of time, `@true` a truth that is stored, `@position` where one text is in another, `@in($1)`
/// whether a value is among many, and `@greatest` the greater of two. After a text, `@c` has only the
/// letters of ASCII fold; a column of names without regard to case is compared as `@lower(name@c)`. A
/// text without such words is taken as it is.
pub(super) struct Sql;

impl Sql {
    /// The rows of a table, counted.
    pub(super) fn count(table: &str) -> String {
        format!("SELECT count(*) FROM \"{}\"", table.replace('"', "\"\""))
    }

    pub(super) fn postgres(sql: impl Into<Cow<'static, str>>) -> AssertSqlSafe<Cow<'static, str>> {
        const WORDS: [(&str, &str); 8] = [
            ("@now(", "clock_timestamp() + make_interval(secs => "),
            ("@now", "clock_timestamp()"),
            ("@c", " COLLATE \"C\""),
            ("@true", "true"),
            ("@position", "strpos"),
            ("@in(", "= ANY ("),
            ("@greatest", "greatest"),
            ("@lower", "lower"),
        ];
        reworded(sql.into(), &WORDS)
    }

    pub(super) fn sqlite(sql: impl Into<Cow<'static, str>>) -> AssertSqlSafe<Cow<'static, str>> {
        const WORDS: [(&str, &str); 8] = [
            ("@now(", "strftime('%Y-%m-%dT%H:%M:%fZ', 'now', "),
            ("@now", "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"),
            ("@c", ""),
            ("@true", "1"),
            ("@position", "instr"),
            ("@in($1)", "IN (SELECT value FROM json_each($1))"),
            ("@greatest", "max"),
            // Its column knows no case, and has an index of that.
            ("@lower", ""),
        ];
        reworded(sql.into(), &WORDS)
    }
}

fn reworded(sql: Cow<'static, str>, words: &[(&str, &str)]) -> AssertSqlSafe<Cow<'static, str>> {
    if !sql.contains('@') {
        return AssertSqlSafe(sql);
    }
    let reword = |sql: String, (word, is): &(&str, &str)| sql.replace(word, is);
    AssertSqlSafe(words.iter().fold(sql.into_owned(), reword).into())
}

/// A parameter.
#[derive(Debug, Clone, Copy)]
pub(super) enum Arg<'a> {
    Text(&'a str),
    /// A text, or NULL.
    TextIf(Option<&'a str>),
    /// A number, or NULL.
    Number(Option<i64>),
    Bytes(&'a [u8]),
    Texts(&'a [&'a str]),
    /// An array for PostgreSQL, one as JSON for SQLite.
    Numbers(&'a [i64]),
    /// Four arrays for PostgreSQL, one of rows as JSON for SQLite.
    Known(&'a [Known]),
    /// The same of six.
    Marks(&'a [Mark]),
    /// Three arrays for PostgreSQL, one of rows as JSON for SQLite.
    Triples(&'a [[i64; 3]]),
    /// An array for PostgreSQL, one of hexadecimal texts as JSON for SQLite.
    Blobs(&'a [&'a [u8]]),
    /// Two arrays for PostgreSQL, one of such rows as JSON for SQLite.
    BlobPairs(&'a [(&'a [u8], &'a [u8])]),
    /// Two arrays for PostgreSQL, one of rows as JSON for SQLite, with hexadecimal texts.
    Keyed(&'a [(i64, &'a [u8])]),
    Time(DateTime<Utc>),
    /// A time, or NULL.
    TimeIf(Option<DateTime<Utc>>),
    /// Lengths of time for `@now($1)`: after now, and before.
    Ahead(Duration),
    Ago(Duration),
}

impl Arg<'_> {
    pub(super) fn postgres(args: &[Self]) -> Result<PgArguments, sqlx::Error> {
        let mut bound = PgArguments::default();
        for arg in args {
            let added = match *arg {
                Self::Text(text) => bound.add(text),
                Self::TextIf(text) => bound.add(text),
                Self::TimeIf(time) => bound.add(time),
                Self::Number(number) => bound.add(number),
                Self::Bytes(bytes) => bound.add(bytes),
                Self::Texts(texts) => bound.add(texts),
                Self::Numbers(numbers) => bound.add(numbers),
                Self::Known(known) => {
                    let rooms: Vec<RoomId> = known.iter().map(|k| k.room.id).collect();
                    let uids: Vec<Uid> = known.iter().map(|k| k.room.uid).collect();
                    let seqs: Vec<Seq> = known.iter().map(|k| k.seq).collect();
                    let versions: Vec<RoomVersion> = known.iter().map(|k| k.version).collect();
                    let added = bound.add(rooms).and_then(|()| bound.add(uids));
                    let added = added.and_then(|()| bound.add(seqs));
                    added.and_then(|()| bound.add(versions))
                }
                Self::Marks(marks) => {
                    type Column = fn(&Mark) -> Option<i64>;
                    let column = |of: Column| marks.iter().map(of).collect::<Vec<_>>();
                    let columns: [Column; 6] = [
                        |mark| Some(mark.user.id.get()),
                        |mark| Some(mark.user.uid.get()),
                        |mark| Some(mark.room.id.get()),
                        |mark| Some(mark.room.uid.get()),
                        |mark| mark.thread.map(Seq::get),
                        |mark| Some(mark.seq.get()),
                    ];
                    let mut columns = columns.into_iter();
                    columns.try_for_each(|of| bound.add(column(of)))
                }
                Self::Triples(rows) => {
                    let mut columns = (0..3).map(|at| rows.iter().map(|row| row[at]).collect());
                    columns.try_for_each(|column: Vec<i64>| bound.add(column))
                }
                Self::Blobs(blobs) => bound.add(blobs),
                Self::BlobPairs(pairs) => {
                    let (first, second): (Vec<&[u8]>, Vec<&[u8]>) = pairs.iter().copied().unzip();
                    bound.add(first).and_then(|()| bound.add(second))
                }
                Self::Keyed(rows) => {
                    let (numbers, keys): (Vec<i64>, Vec<&[u8]>) = rows.iter().copied().unzip();
                    bound.add(numbers).and_then(|()| bound.add(keys))
                }
                Self::Time(time) => bound.add(time),
                Self::Ahead(length) => bound.add(length.as_secs_f64()),
                Self::Ago(length) => bound.add(-length.as_secs_f64()),
            };
            added.map_err(sqlx::Error::Encode)?;
        }
        Ok(bound)
    }

    pub(super) fn sqlite(args: &[Self]) -> Result<SqliteArguments, sqlx::Error> {
        let mut bound = SqliteArguments::default();
        for arg in args {
            let added = match *arg {
                Self::Text(text) => bound.add(text.to_owned()),
                Self::TextIf(text) => bound.add(text.map(str::to_owned)),
                Self::TimeIf(time) => bound.add(time.map(format_time)),
                Self::Number(number) => bound.add(number),
                Self::Bytes(bytes) => bound.add(bytes.to_vec()),
                Self::Texts(texts) => bound.add(json(texts)?),
                Self::Numbers(numbers) => bound.add(json(numbers)?),
                Self::Known(known) => {
                    let rows = known
                        .iter()
                        .map(|k| (k.room.id, k.room.uid, k.seq, k.version));
                    bound.add(json(rows.collect::<Vec<_>>())?)
                }
                Self::Marks(marks) => {
                    let rows = marks.iter().map(|mark| {
                        let (user, room) = (mark.user, mark.room);
                        (user.id, user.uid, room.id, room.uid, mark.thread, mark.seq)
                    });
                    bound.add(json(rows.collect::<Vec<_>>())?)
                }
                Self::Triples(rows) => bound.add(json(rows)?),
                Self::Blobs(blobs) => bound.add(json(
                    blobs.iter().map(|blob| hex(blob)).collect::<Vec<_>>(),
                )?),
                Self::BlobPairs(pairs) => {
                    let rows = pairs
                        .iter()
                        .map(|(first, second)| (hex(first), hex(second)));
                    bound.add(json(rows.collect::<Vec<_>>())?)
                }
                Self::Keyed(rows) => {
                    let rows = rows.iter().map(|(number, key)| (number, hex(key)));
                    bound.add(json(rows.collect::<Vec<_>>())?)
                }
                Self::Time(time) => bound.add(format_time(time)),
                Self::Ahead(length) => bound.add(format!("+{}", span(length))),
                Self::Ago(length) => bound.add(format!("-{}", span(length))),
            };
            added.map_err(sqlx::Error::Encode)?;
        }
        Ok(bound)
    }
}

fn json<T: serde::Serialize>(values: T) -> Result<String, sqlx::Error> {
    serde_json::to_string(&values).map_err(|e| sqlx::Error::Encode(e.into()))
}

/// As SQLite's `unhex` reads it.
fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |four: u8| char::from(DIGITS[usize::from(four)]);
    let pairs = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    pairs.collect()
}

/// A length of time as SQLite's date functions take it, after a sign.
pub(super) fn span(length: Duration) -> String {
    format!("{:.3} seconds", length.as_secs_f64())
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<Option<&'a str>> for Arg<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Self::TextIf(text)
    }
}

impl From<Option<DateTime<Utc>>> for Arg<'_> {
    fn from(time: Option<DateTime<Utc>>) -> Self {
        Self::TimeIf(time)
    }
}

impl<'a> From<&'a [&'a str]> for Arg<'a> {
    fn from(texts: &'a [&'a str]) -> Self {
        Self::Texts(texts)
    }
}

impl From<i64> for Arg<'_> {
    fn from(number: i64) -> Self {
        Self::Number(Some(number))
    }
}

/// A limit, of which there is no greater than the databases know.
impl From<usize> for Arg<'_> {
    fn from(number: usize) -> Self {
        Self::Number(Some(i64::try_from(number).unwrap_or(i64::MAX)))
    }
}

impl From<Option<usize>> for Arg<'_> {
    fn from(number: Option<usize>) -> Self {
        number.map_or(Self::Number(None), Self::from)
    }
}

impl From<DateTime<Utc>> for Arg<'_> {
    fn from(time: DateTime<Utc>) -> Self {
        Self::Time(time)
    }
}

macro_rules! numbers {
    ($($id:ty),+) => {$(
        impl From<$id> for Arg<'_> {
            fn from(id: $id) -> Self {
                Self::Number(Some(id.get()))
            }
        }

        impl From<Option<$id>> for Arg<'_> {
            fn from(id: Option<$id>) -> Self {
                Self::Number(id.map(<$id>::get))
            }
        }
    )+};
}

numbers!(
    InstanceId, MessageId, Number, PackId, RoomId, RunId, Seq, Uid, UserId
);
