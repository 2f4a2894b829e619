//! What is a sign of life: a heartbeat within the lease. One that is dated ahead by more than that
//! was written by a clock that went back since, and tells nothing.
use std::time::Duration;

use super::sql::Arg;

/// The condition for a column, as SQL: for [`Sql`](super::sql::Sql) with [`args`] as the first
/// parameters; for one kind of database, with the parameter that the lease is.
macro_rules! alive {
    ($column:literal) => {
        concat!($column, " > @now($1) AND ", $column, " < @now($2)")
    };
    (postgres $column:literal, $lease:literal) => {
        concat!(
            $column,
            " > now() - make_interval(secs => ",
            $lease,
            ") AND ",
            $column,
            " < now() + make_interval(secs => ",
            $lease,
            ")"
        )
    };
    (sqlite $column:literal, $lease:literal) => {
        concat!(
            $column,
            " > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-' || ",
            $lease,
            ") AND ",
            $column,
            " < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '+' || ",
            $lease,
            ")"
        )
    };
}

pub(super) use alive;

pub(super) fn args(lease: Duration) -> [Arg<'static>; 2] {
    [Arg::Ago(lease), Arg::Ahead(lease)]
}
