//! What keeps the database small and safe, the same cases over every database.
#![allow(clippy::unwrap_used)]

#[path = "../support/db.rs"]
#[allow(dead_code, reason = "the store's own tests use more of it")]
mod db;
mod leases;

/// Makes a test of every case for every kind of database.
macro_rules! both {
    ($($group:ident { $($case:ident),* $(,)? })*) => {
        mod sqlite {
            $($(#[test] fn $case() {
                crate::db::run(crate::db::Kind::Sqlite, crate::$group::$case);
            })*)*
        }
        mod postgres {
            $($(#[test] fn $case() {
                crate::db::run(crate::db::Kind::Postgres, crate::$group::$case);
            })*)*
        }
    };
}

both! {
    leases {
        a_lease_has_one_holder,
        of_many_at_once_one_gets_it,
        a_killed_holder_loses_it_when_its_time_is_over,
        a_late_holder_may_renew_while_nobody_else_came,
    }
}
