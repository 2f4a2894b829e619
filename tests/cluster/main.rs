//! Several instances of the real program over a real PostgreSQL and Redis that are killed,
//! frozen, cut off and brought back: no fault loses a message, or shows one twice.
#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
#[allow(
    dead_code,
    unused_macros,
    unused_imports,
    reason = "`whole` uses the rest"
)]
mod support;

mod alerts;
mod busy;
mod by_hand;
mod changes;
mod clocks;
mod cluster;
mod doctor;
mod ear;
mod figures;
mod forged;
mod health;
mod instances;
mod kills;
mod marks;
mod moves;
mod network;
mod notices;
mod point_in_time;
mod pooler;
mod postgres_faults;
mod presence;
mod put_back;
mod redis_faults;
mod rights;
mod roles;
mod runbooks;
mod secrets;
mod silence;
mod threads;
mod went_back;
