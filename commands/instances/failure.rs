//! Why an instance was not started or stopped, and what to do.
use discordctl::ops::instances::{End, InstanceError, Place};

use crate::exit::Exit;
use crate::failure::{Failure, SEE_THE_PATH, explain};

/// `what` is what could not be done, as in "cannot start".
pub(crate) fn explain(what: &str, place: &Place, error: &InstanceError) -> Failure {
    explain!(error, format!("cannot {what} {}", place.name()), error;
        InstanceError::Foreign { .. } => [Exit::NotPermitted, "not_ours",
            "nothing was signalled; look at that process, and stop it as whom it runs if it is \
             in the way"];
        InstanceError::Look(error) => [Exit::from(&error.source), "run_folder",
            "run this as the user of the instance, or give that user the folder"];
        InstanceError::Io { source, .. } => [Exit::from(source), "io", SEE_THE_PATH];
        InstanceError::Ended { how, .. } => [ended(*how), "ended",
            "correct what its log says, then start it again"];
        InstanceError::Slow { .. } => [Exit::TryAgain, "not_ready",
            "it was left running; 'discordctl status' shows it, --within waits longer"];
        InstanceError::StillThere { .. } => [Exit::TryAgain, "still_there",
            "it drains, or hangs: wait, or kill it with 'discordctl stop --force'"];
        InstanceError::NoFile => [Exit::Usage, "no_file",
            "'discordctl stop' stops it, and 'discordctl serve' with the same options starts it \
             again; an instance with a file, config/instance1.json, can be started and restarted \
             in the background"];
        InstanceError::TooEarly => [Exit::TryAgain, "starting", "try again in a moment"];
        InstanceError::Systemd { .. } => [Exit::Unavailable, "systemd",
            "systemd runs this instance: 'systemctl status' and 'journalctl -u' say more"];
    )
}

/// As the child did, where that is a code of ours that says something.
fn ended(how: End) -> Exit {
    let code = match how {
        End::Exit(code) => Exit::of_code(code),
        End::Signal(_) => None,
    };
    code.filter(|exit| *exit as u8 >= Exit::Usage as u8)
        .unwrap_or(Exit::Unavailable)
}
