//! What can be typed.
use clap::{Args, Parser, Subcommand};

use crate::control::{connections, disconnect, drain, log_level, reload};
use crate::exit;
use crate::output::Asked;
use crate::{
    archive, audit, backup, bench, cleanup, completion, config, doctor, drill, epoch, erase,
    events, health, instances, invite, jobs, logs, man, migrate, monitor, order, replay, restart,
    restore, room, runbook, search, serve, storage, token, user, workspace,
};

/// A chat server that one person can run, and the operator's tool for it.
#[derive(Debug, Parser)]
#[command(
    name = "discordctl",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  discordctl serve                           chat at once, nothing to set up
  nc localhost 9001                          … and talk
  discordctl config init instance.json       a file with every setting in it
  discordctl serve --config instance.json
  discordctl start                           the instances of config/, in the background
  discordctl restart --rolling               a new version, and nobody notices

See 'discordctl help <command>', and 'discordctl help exit-codes'."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// How to print the result, and errors
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value_t
    )]
    pub(crate) output: Asked,
    /// Do not ask before what cannot be undone
    #[arg(long, global = true)]
    pub(crate) yes: bool,
    // main looks for it in the raw arguments, so that errors in those obey it too.
    /// No colours; NO_COLOR=1 does the same
    #[arg(long, global = true)]
    no_color: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(serve::ServeArgs),
    Start(instances::StartArgs),
    Stop(instances::StopArgs),
    Status(instances::StatusArgs),
    Restart(restart::RestartArgs),
    #[command(hide = true)]
    RestartStep(restart::StepArgs),
    Health(health::HealthArgs),
    Doctor(doctor::DoctorArgs),
    Monitor(monitor::MonitorArgs),
    Runbook(runbook::RunbookArgs),
    Bench(bench::BenchArgs),
    Drill(drill::DrillArgs),
    Connections(connections::ConnectionsArgs),
    Disconnect(disconnect::DisconnectArgs),
    Drain(drain::DrainArgs),
    Undrain(drain::UndrainArgs),
    Logs(logs::LogsArgs),
    LogLevel(log_level::LogLevelArgs),
    Reload(reload::ReloadArgs),
    Migrate(migrate::MigrateArgs),
    Archive(archive::ArchiveArgs),
    Cleanup(cleanup::CleanupArgs),
    Jobs(jobs::JobsArgs),
    Backup(backup::BackupArgs),
    Restore(restore::RestoreArgs),
    Erase(erase::EraseArgs),
    Epoch(epoch::EpochArgs),
    Events(events::EventsArgs),
    Search(search::SearchArgs),
    Storage(storage::StorageArgs),
    Replay(replay::ReplayArgs),
    User(user::UserArgs),
    Workspace(workspace::WorkspaceArgs),
    Room(room::RoomArgs),
    Invite(invite::InviteArgs),
    Token(token::TokenArgs),
    /// Keep a person out of a room
    Ban(order::RestrictArgs),
    /// Let a person into a room again
    Unban(order::WhomArgs),
    /// Let a person read a room only
    Mute(order::RestrictArgs),
    /// Let a person speak in a room again
    Unmute(order::WhomArgs),
    /// Put a person out of a room; into a public one it may come back
    Kick(order::KickArgs),
    /// Show what each role may do
    Roles,
    Audit(audit::AuditArgs),
    Config(config::ConfigArgs),
    Completion(completion::CompletionArgs),
    Man(man::ManArgs),
    /// What the exit codes mean
    #[command(hide = true, long_about = exit::describe())]
    ExitCodes,
}

#[cfg(test)]
mod documents;

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn verify_cli() {
        super::Cli::command().debug_assert();
    }
}
