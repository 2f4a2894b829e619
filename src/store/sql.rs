//! SQL that is written once for both kinds of database, and what is different between them: the
//! clock, and how times are bound. Parameters are `$1`, `$2`, … for both.
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe};

use crate::model::{InstanceId, MessageId, RoomId, Seq, UserId, format_time};

/// Makes of a text what each kind understands: `@now` is the database's clock, `@now($1)` that plus a
/// length of time, `@true` a truth that is stored, `@position` where one text is in another, and `@c`
/// after a text has only the letters of ASCII fold.
pub(super) struct Sql;

impl Sql {
    /// The rows of a table, counted.
    pub(super) fn count(table: &str) -> String {
        format!("SELECT count(*) FROM \"{}\"", table.replace('"', "\"\""))
    }

    pub(super) fn postgres(sql: &str) -> AssertSqlSafe<String> {
        let sql = sql.replace("@now(", "clock_timestamp() + make_interval(secs => ");
        let sql = sql
            .replace("@now", "clock_timestamp()")
            .replace("@c", " COLLATE \"C\"");
        AssertSqlSafe(sql.replace("@true", "true").replace("@position", "strpos"))
    }

    pub(super) fn sqlite(sql: &str) -> AssertSqlSafe<String> {
        let sql = sql.replace("@now(", "strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ");
        let sql = sql.replace("@now", "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')");
        let sql = sql.replace("@c", "").replace("@true", "1");
        AssertSqlSafe(sql.replace("@position", "instr"))
    }
}

/// A parameter.
#[derive(Debug, Clone, Copy)]
pub(super) enum Arg<'a> {
    Text(&'a str),
    /// A number, or NULL.
    Number(Option<i64>),
    Bytes(&'a [u8]),
    Texts(&'a [&'a str]),
    /// An array for PostgreSQL, one as JSON for SQLite.
    Numbers(&'a [i64]),
    Time(DateTime<Utc>),
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
                Self::Number(number) => bound.add(number),
                Self::Bytes(bytes) => bound.add(bytes),
                Self::Texts(texts) => bound.add(texts),
                Self::Numbers(numbers) => bound.add(numbers),
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
                Self::Number(number) => bound.add(number),
                Self::Bytes(bytes) => bound.add(bytes.to_vec()),
                Self::Texts(texts) => bound.add(json(texts)?),
                Self::Numbers(numbers) => bound.add(json(numbers)?),
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

/// A length of time as SQLite's date functions take it, after a sign.
pub(super) fn span(length: Duration) -> String {
    format!("{:.3} seconds", length.as_secs_f64())
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
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

numbers!(InstanceId, MessageId, RoomId, Seq, UserId);
