//! Runbooks, walked: the trouble is caused for real, and `runbook run NAME --yes` leads to health.

mod background;
mod commands;
mod damaged;
mod database;
mod deploy;
mod disk;
mod migration;
mod pool;
mod restore;
mod site;
mod valkey;
