//! What went wrong with a replay, for the operator.
use discordctl::config::Config;
use discordctl::ops::archive::ArchiveError;
use discordctl::ops::replay::ReplayError;

use crate::archive::failure;
use crate::exit::Exit;
use crate::failure::Failure;

pub(super) fn explain(error: &ReplayError, config: &Config) -> Failure {
    let (exit, code, what, hint) = match error {
        ReplayError::Archive(ArchiveError::Damaged { .. }) => (
            Exit::BadData,
            "damaged",
            "the archive's manifest cannot be read",
            "nothing was restored; 'discordctl archive verify' looks at all of it",
        ),
        ReplayError::Archive(error) => return failure::explain(error, config),
        ReplayError::Unreadable { source, .. }
            if source.kind() == std::io::ErrorKind::InvalidInput =>
        {
            (
                Exit::BadData,
                "no_file",
                "a document cannot be read",
                "nothing was restored; name files, or folders of them",
            )
        }
        ReplayError::Unreadable { source, .. } => (
            Exit::from(source),
            "unreadable",
            "a document cannot be read",
            "see that the path is right and allowed",
        ),
        ReplayError::NotFound(_) => (
            Exit::NoInput,
            "no_such_file",
            "there is nothing to replay",
            "'discordctl archive list' shows what the archive holds",
        ),
        ReplayError::Foreign { .. } => (
            Exit::BadData,
            "foreign_document",
            "a document is not as discordctl's are",
            "nothing was restored; 'discordctl replay --help' says what one may hold: convert it",
        ),
        // A run that is stopped says so, and is no failure.
        ReplayError::Stopped => (
            Exit::Interrupted,
            "interrupted",
            "it was stopped",
            "run it again",
        ),
        ReplayError::Bad { .. } => (
            Exit::BadData,
            "bad_document",
            "a document is damaged",
            "nothing was restored; take that file from another copy, or leave it out",
        ),
        ReplayError::Unfit { .. } => (
            Exit::BadData,
            "does_not_fit",
            "a document does not fit the database",
            "nothing was restored; see what is there with '/history', or leave that file out",
        ),
        ReplayError::OtherRooms(_) => (
            Exit::BadData,
            "other_rooms",
            "there is nothing to replay",
            "leave out --room, or name the room that the documents are of",
        ),
    };
    Failure {
        exit,
        code,
        what: what.into(),
        why: error.to_string(),
        hint: hint.into(),
        runbook: None,
    }
}
