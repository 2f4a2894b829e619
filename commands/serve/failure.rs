//! Why an instance did not start, or did not stop as it should, and what to do.
use discordctl::config::Config;
use discordctl::process::ClaimError;
use discordctl::server::ServeError;

use crate::database;
use crate::exit::Exit;
use crate::failure::{Failure, explain};
use crate::settings::Settings;

pub(super) fn unclaimed(error: &ClaimError) -> Failure {
    explain!(error, "cannot start", error;
        ClaimError::Taken { .. } => [Exit::TryAgain, "already_running",
            "'discordctl status' shows it, 'discordctl stop' stops it; another instance needs \
             another 'instance_id'"];
        ClaimError::Io { source, .. } => [Exit::from(source), "run_folder",
            "an instance keeps its lock and its file below 'data_dir'; let its user write there"];
    )
}

pub(super) fn explain(error: &ServeError, config: &Config, settings: &Settings) -> Failure {
    let failure = by_cause(error, config);
    // A schema may be too new as well, and then the reason says what to do.
    if failure.code == "schema" && failure.why.ends_with("has to be migrated") {
        let migrate = settings.again("discordctl migrate up");
        let whose = match config.db_url.file() {
            Some(_) => "",
            None => ", as the role that owns the schema (docs/database-roles.md)",
        };
        return failure.hint(format!("{migrate}{whose}; then start again"));
    }
    failure
}

fn by_cause(error: &ServeError, config: &Config) -> Failure {
    let what = match error {
        ServeError::Cut(_) => "the stop was not clean",
        _ => "cannot start",
    };
    explain!(error, what, error;
        ServeError::PortInUse { .. } => [Exit::Unavailable, "port_in_use",
            "stop that process, or choose ports with --tcp-port and --http-port"];
        ServeError::Listen { .. } => [Exit::Unavailable, "cannot_listen",
            "check 'bind' and the ports"];
        ServeError::NotHandedOver(_) => [Exit::TryAgain, "not_handed_over",
            "stop the process that serves now, and start this one without --take-over"];
        ServeError::Control { .. } => [Exit::CannotCreate, "cannot_control",
            "see that 'data_dir' is a folder of yours that may be written to"];
        ServeError::Database { url, error } => {
            database::explain(error, config).what(format!("cannot open the database {url}"))
        };
        ServeError::LivesElsewhere { .. } => [Exit::TryAgain, "lives_elsewhere",
            "give each instance another 'instance_id' ('instance-' and the TCP port unless it is \
             set), or stop that process first"];
        ServeError::Certificate(_) => [Exit::Config, "certificate",
            "'discordctl config check FILE' says when it is right"];
        ServeError::Tls(_) => [Exit::Unavailable, "tls",
            "see that this system gives random numbers"];
        ServeError::Bus(_) => [Exit::Config, "redis_url",
            "check 'redis_url'; 'discordctl config show' says where it comes from"];
        ServeError::Keys { .. } => [Exit::Config, "auth_keys",
            "let 'auth.jwt.keys' name a readable file with the public keys of the issuer, as a JWK set"];
        ServeError::Certificates(_) => [Exit::Config, "certificates",
            "install this system's package of certificates (Debian: ca-certificates), or name a \
             file of them in SSL_CERT_FILE"];
        ServeError::Cut(_) => [Exit::TryAgain, "cut",
            "a longer 'drain.deadline' gives them more time"];
    )
}

/// HTTP has no way of writing a time before 1970 or after 9999, and its answers are dated.
pub(super) fn clock(now: &str) -> Option<Failure> {
    let year = now.split_once('-').and_then(|(year, _)| year.parse().ok());
    let is_sane = year.is_some_and(|year: u32| (1970..=9999).contains(&year));
    (!is_sane).then(|| {
        Failure::new(Exit::Unavailable, "clock", "cannot start")
            .why(format!("this machine's clock says {now}"))
            .hint("set it ('timedatectl set-ntp true'), then start again")
    })
}

#[cfg(test)]
mod tests {
    use super::clock;

    #[test]
    fn a_clock_that_answers_cannot_be_dated_by_is_refused() {
        for now in [
            "1970-01-01T00:00:00Z",
            "2026-11-29T00:00:00Z",
            "9999-01-01T00:00:00Z",
        ] {
            assert!(clock(now).is_none(), "{now}");
        }
        for now in [
            "1969-12-31T23:59:59Z",
            "-0001-01-01T00:00:00Z",
            "+10000-01-01T00:00:00Z",
        ] {
            assert!(clock(now).is_some(), "{now}");
        }
    }
}
