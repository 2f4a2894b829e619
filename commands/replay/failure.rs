//! What went wrong with a replay, for the operator.
use std::io::ErrorKind::InvalidInput;

use discordctl::archive::ArchiveError;
use discordctl::config::Config;
use discordctl::ops::replay::ReplayError;

use crate::archive::failure;
use crate::exit::Exit;
use crate::failure::{Failure, explain};

pub(super) fn explain(error: &ReplayError, config: &Config) -> Failure {
    let what = match error {
        ReplayError::Archive(_) => "the archive's manifest cannot be read",
        ReplayError::Unreadable { .. } => "a document cannot be read",
        ReplayError::NotFound(_) | ReplayError::OtherRooms(_) => "there is nothing to replay",
        ReplayError::Foreign { .. } => "a document is not as discordctl's are",
        // A run that is stopped says so, and is no failure.
        ReplayError::Stopped => "it was stopped",
        ReplayError::Bad { .. } => "a document is damaged",
        ReplayError::Unfit { .. } => "a document does not fit the database",
    };
    explain!(error, what, error;
        ReplayError::Archive(ArchiveError::Damaged { .. }) => [Exit::BadData, "damaged",
            "nothing was restored; 'discordctl archive verify' looks at all of it"];
        ReplayError::Archive(error) => { failure::explain(error, config) };
        ReplayError::Unreadable { source, .. } if source.kind() == InvalidInput =>
            [Exit::BadData, "no_file", "nothing was restored; name files, or folders of them"];
        ReplayError::Unreadable { source, .. } => [Exit::from(source), "unreadable",
            "see that the path is right and allowed"];
        ReplayError::NotFound(_) => [Exit::NoInput, "no_such_file",
            "'discordctl archive list' shows what the archive holds"];
        ReplayError::Foreign { .. } => [Exit::BadData, "foreign_document",
            "nothing was restored; 'discordctl replay --help' says what one may hold: convert it"];
        ReplayError::Stopped => [Exit::Interrupted, "interrupted", "run it again"];
        ReplayError::Bad { .. } => [Exit::BadData, "bad_document",
            "nothing was restored; take that file from another copy, or leave it out"];
        ReplayError::Unfit { .. } => [Exit::BadData, "does_not_fit",
            "nothing was restored; see what is there with '/history', or leave that file out"];
        ReplayError::OtherRooms(_) => [Exit::BadData, "other_rooms",
            "leave out --room, or name the room that the documents are of"];
    )
}
