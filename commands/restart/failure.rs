//! Why nothing was restarted, and what to do.
use discordctl::model::Cause;
use discordctl::ops::instances::roll::{Refusal, RollError};

use crate::exit::Exit;
use crate::failure::{Failure, SEE_THE_PATH, explain};

pub(super) fn explain(error: &RollError) -> Failure {
    explain!(error, "nothing was restarted", error;
        RollError::Busy(_) => [Exit::TryAgain, "roll_in_progress", "wait until it is done"];
        RollError::Unfinished(_) => [Exit::TryAgain, "roll_unfinished",
            "'discordctl restart --resume' goes on with it, '--abort' takes it back"];
        RollError::Nothing(_) => [Exit::NoInput, "nothing_to_resume",
            "'discordctl restart --rolling' begins one"];
        RollError::OtherBinary(_) => [Exit::TryAgain, "other_binary",
            "'discordctl restart --abort' takes the roll back; then begin a new one"];
        RollError::Io { source, .. } => [Exit::from(source), "io", SEE_THE_PATH];
        RollError::Refused(refusal) => { refused(refusal, error) };
    )
}

fn refused(refusal: &Refusal, error: &RollError) -> Failure {
    explain!(refusal, "nothing was restarted", error;
        Refusal::Binary { .. } => [Exit::Config, "binary",
            "give a discordctl that runs on this machine"];
        Refusal::Config { .. } => [Exit::Config, "config",
            "correct the file so that the new binary accepts it"];
        Refusal::Schema { .. } => [Exit::Config, "schema",
            "run 'migrate up' with the new binary first; the old one goes on with the new schema",
            Cause::SchemaUnfit];
        Refusal::Database { .. } => [Exit::Unavailable, "database_unavailable",
            "see that the database runs; nothing can start without it"];
        Refusal::TooFew { .. } => [Exit::Critical, "too_few",
            "start the others ('discordctl start'), or say --allow-downtime"];
        Refusal::NoFile { .. } => [Exit::Usage, "no_file",
            "'discordctl stop' stops it, and 'discordctl serve' with the same options starts it \
             again; give it a file, config/instance1.json, to have it started and restarted in \
             the background"];
        Refusal::Foreign { .. } => [Exit::NotPermitted, "not_ours",
            "'discordctl status' shows what is in its place"];
        Refusal::Unit { .. } => [Exit::Usage, "unit",
            "put the new binary where the unit's ExecStart has it, and leave --binary out"];
    )
}
