//! Opening the database for a command, and what its errors mean for whoever typed it.
use std::future::Future;
use std::sync::Arc;

use anyhow::Context;
use discordctl::config::Config;
use discordctl::ops::upkeep::{self, StoreError, Upkeep};

use crate::exit::Exit;
use crate::failure::Failure;

/// Runs `work`, a command's, to its end.
pub(crate) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let done = runtime.block_on(work);
    // What lingers is a read of a signal.
    runtime.shutdown_background();
    done
}

/// The database of `config`, for the command `discordctl <name>`.
pub(crate) async fn open(config: &Config, name: &str) -> Result<Arc<dyn Upkeep>, Failure> {
    let application = format!("discordctl {name}, pid {}", std::process::id());
    let opened = upkeep::open(config.db_url.expose(), &application).await;
    opened.map_err(|error| explain(&error, config))
}

pub(crate) fn explain(error: &StoreError, config: &Config) -> Failure {
    let url = &config.db_url;
    let (exit, code, hint) = match error {
        StoreError::Schema(_) => (
            Exit::Config,
            "schema",
            "bring the database and this program together, then try again",
        ),
        StoreError::Unsupported(_) => (
            Exit::Config,
            "db_url",
            "check 'db_url'; 'discordctl config show' says where it comes from",
        ),
        StoreError::Full(_) => (
            Exit::CannotCreate,
            "full",
            "make room on the database's disk",
        ),
        StoreError::Busy => (Exit::TryAgain, "busy", "try again in a moment"),
        StoreError::Refused(_) => (
            Exit::Io,
            "refused",
            "'discordctl migrate verify' says whether the schema is as it should be",
        ),
        StoreError::Unavailable(_) | StoreError::Unknown(_) => (
            Exit::Unavailable,
            "database_unavailable",
            "check that the database runs and that 'db_url' is right",
        ),
    };
    Failure {
        exit,
        code,
        what: format!("cannot use the database {url}"),
        why: error.to_string(),
        hint: hint.into(),
        runbook: None,
    }
}
