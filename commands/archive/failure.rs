//! What went wrong with the archive, for the operator.
use discordctl::archive::ArchiveError;
use discordctl::config::Config;

use crate::database;
use crate::exit::Exit;
use crate::failure::{Failure, explain};

pub(crate) fn explain(error: &ArchiveError, config: &Config) -> Failure {
    explain!(error, format!("cannot use the archive {}", config.archive.url), error.chain();
        ArchiveError::Store(error) => { database::explain(error, config) };
        ArchiveError::InUse(_) => [Exit::TryAgain, "locked",
            "try again when that has ended; one that was killed on another machine is forgotten \
             in half a minute"];
        ArchiveError::LeaseLost(_) => [Exit::TryAgain, "lease_lost",
            "run it again: it goes on where it stopped"];
        ArchiveError::Url(_) => [Exit::Config, "archive_url",
            "set archive.url to file:FOLDER or s3://BUCKET/PREFIX"];
        ArchiveError::Destination { .. } => [Exit::Io, "archive_unreachable",
            "see that archive.url is right, can be reached and written, and has space; then run \
             it again"];
        ArchiveError::Exists(_) => [Exit::CannotCreate, "exists",
            "nothing is overwritten and no row was deleted for it: look at that file and move it \
             away"];
        ArchiveError::Busy => [Exit::TryAgain, "busy", "try again"];
        ArchiveError::Damaged { .. } | ArchiveError::Vanished(_) => [Exit::BadData, "damaged",
            "'discordctl archive verify' looks at all of it"];
        ArchiveError::NoSuchRoom(_) => [Exit::NoInput, "no_such_room",
            "name rooms as they are listed by '/rooms'"];
        ArchiveError::Inside(why) => { Failure::bug(why) };
    )
}
