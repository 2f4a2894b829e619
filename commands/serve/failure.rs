//! Why an instance did not start, or did not stop as it should, and what to do.
use discordctl::config::Config;
use discordctl::process::ClaimError;
use discordctl::server::ServeError;

use crate::database;
use crate::exit::Exit;
use crate::failure::Failure;

pub(super) fn unclaimed(error: &ClaimError) -> Failure {
    let (exit, code, hint) = match error {
        ClaimError::Taken { .. } => (
            Exit::TryAgain,
            "already_running",
            "'discordctl status' shows it, 'discordctl stop' stops it; another instance needs \
             another 'instance_id'",
        ),
        ClaimError::Io { source, .. } => (
            Exit::from(source),
            "run_folder",
            "an instance keeps its lock and its file below 'data_dir'; let its user write there",
        ),
    };
    Failure {
        exit,
        code,
        what: "cannot start".to_owned(),
        why: error.to_string(),
        hint: hint.to_owned(),
        runbook: None,
    }
}

pub(super) fn explain(error: &ServeError, config: &Config) -> Failure {
    let (exit, code, hint) = match error {
        ServeError::PortInUse { .. } => (
            Exit::Unavailable,
            "port_in_use",
            "stop that process, or choose ports with --tcp-port and --http-port",
        ),
        ServeError::Listen { .. } => (
            Exit::Unavailable,
            "cannot_listen",
            "check 'bind' and the ports",
        ),
        ServeError::NotHandedOver(_) => (
            Exit::TryAgain,
            "not_handed_over",
            "stop the process that serves now, and start this one without --take-over",
        ),
        ServeError::Control { .. } => (
            Exit::CannotCreate,
            "cannot_control",
            "see that 'data_dir' is a folder of yours that may be written to",
        ),
        ServeError::Database { url, error } => {
            return Failure {
                what: format!("cannot open the database {url}"),
                ..database::explain(error, config)
            };
        }
        ServeError::Bus(_) => (
            Exit::Config,
            "redis_url",
            "check 'redis_url'; 'discordctl config show' says where it comes from",
        ),
        ServeError::Cut(_) => (
            Exit::TryAgain,
            "cut",
            "a longer 'drain.deadline' gives them more time",
        ),
    };
    let what = match error {
        ServeError::Cut(_) => "the stop was not clean".to_owned(),
        _ => "cannot start".to_owned(),
    };
    Failure {
        exit,
        code,
        what,
        why: error.to_string(),
        hint: hint.to_owned(),
        runbook: None,
    }
}
