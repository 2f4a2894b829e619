//! Runbooks, walked: the trouble is caused for real, and `runbook run NAME --yes` leads to health.

mod background;
mod commands;
mod deploy;
mod migration;
mod pool;
mod restore;
mod site;
mod valkey;
