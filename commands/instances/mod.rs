//! `discordctl start | stop | status`: the instances of a folder, in the background.
mod failure;
mod row;
mod start;
mod status;
mod stop;

use discordctl::ops::instances::Place;
use indicatif::ProgressBar;

use crate::deployment::Member;

pub(crate) use failure::explain;
pub(crate) use start::{StartArgs, run as start};
pub(crate) use status::{StatusArgs, run as status};
pub(crate) use stop::{StopArgs, run as stop};

pub(crate) fn places(members: Vec<Member>) -> Vec<Place> {
    let place = |member: Member| Place {
        file: member.file,
        ..Place::without_file(member.config)
    };
    members.into_iter().map(place).collect()
}

/// What turns on stderr during a wait, if that is a terminal.
pub(crate) fn spinner() -> ProgressBar {
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(std::time::Duration::from_millis(120));
    spinner
}
