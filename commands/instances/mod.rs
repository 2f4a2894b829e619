//! `discordctl start | stop | status`: the instances of a folder, in the background.
mod can_stop;
mod failure;
mod row;
mod start;
mod status;
mod stop;

use indicatif::ProgressBar;
use serde::Serialize;

pub(crate) use failure::explain;
pub(crate) use start::{StartArgs, run as start};
pub(crate) use status::{StatusArgs, run as status};
pub(crate) use stop::{StopArgs, run as stop};

/// A result with a row for each instance.
#[derive(Serialize)]
pub(crate) struct Report<T> {
    pub(crate) instances: Vec<T>,
}

/// What turns on stderr during a wait, if that is a terminal.
pub(crate) fn spinner() -> ProgressBar {
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(std::time::Duration::from_millis(120));
    spinner
}
