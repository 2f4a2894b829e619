//! The `discordctl` binary: parse, run, say how it went.
mod archive;
mod audit;
mod backup;
mod bench;
mod cleanup;
mod cli;
mod completion;
mod config;
mod confirm;
mod control;
mod database;
mod deployment;
mod doctor;
mod drill;
mod epoch;
mod erase;
mod events;
mod exit;
mod failure;
mod health;
mod instances;
mod interrupt;
mod invite;
mod jobs;
mod logs;
mod man;
mod migrate;
mod monitor;
mod order;
mod output;
mod progress;
mod replay;
mod restart;
mod restore;
mod roles;
mod room;
mod runbook;
mod runtime;
mod search;
mod secret;
mod serve;
mod settings;
mod storage;
mod token;
mod units;
mod user;
mod workspace;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;
use discordctl::ops::people::Restraint;
use discordctl::private;

use cli::{Cli, Command};
use exit::Exit;
use failure::Failure;
use order::Order;
use output::{Asked, Format, Output};

fn main() -> ExitCode {
    private::by_default();
    let args: Vec<OsString> = std::env::args_os().collect();
    // Before parsing, because its errors too have a form and a colour.
    let format = Format::asked_for(&args);
    if args.iter().any(|arg| arg == "--no-color") {
        anstream::ColorChoice::Never.write_global();
    }
    let exit = match Cli::try_parse_from(args) {
        Ok(cli) => run(cli),
        Err(error) => failure::usage(&error, format),
    };
    ExitCode::from(exit)
}

fn run(cli: Cli) -> Exit {
    let asked = cli.global.output;
    let output = Output::new(asked);
    let yes = cli.global.yes;
    if asked.is_plugin() && !matches!(cli.command, Command::Health(_)) {
        return Failure::no_such_form().report(output.format());
    }
    let result = catch_unwind(AssertUnwindSafe(|| {
        dispatch(cli.command, yes, asked, &output)
    }))
    .unwrap_or_else(|_| Err(Failure::bug("it panicked (see above)").into()));
    result.unwrap_or_else(|error| Failure::from(error).report(output.format()))
}

fn dispatch(command: Command, yes: bool, asked: Asked, output: &Output) -> anyhow::Result<Exit> {
    match command {
        Command::Serve(args) => serve::run(&args),
        Command::Doctor(args) => doctor::run(&args, output),
        Command::Health(args) => health::run(&args, asked, output),
        Command::Monitor(args) => monitor::run(&args, output),
        Command::Start(args) => instances::start(&args, output),
        Command::Stop(args) => instances::stop(&args, yes, output),
        Command::Status(args) => instances::status(&args, output),
        Command::Restart(args) => restart::run(&args, output),
        Command::RestartStep(args) => restart::step(&args),
        Command::Runbook(args) => runbook::run(args, yes, output),
        Command::Bench(args) => bench::run(&args, output),
        Command::Drill(args) => drill::run(&args, yes, output),
        Command::Connections(args) => control::connections::run(&args, output),
        Command::Disconnect(args) => control::disconnect::run(&args, output),
        Command::Drain(args) => control::drain::drain(&args, output),
        Command::Undrain(args) => control::drain::undrain(&args, output),
        Command::Logs(args) => logs::run(&args, output),
        Command::LogLevel(args) => control::log_level::run(&args, output),
        Command::Reload(args) => control::reload::run(&args, output),
        Command::Migrate(args) => migrate::run(args, yes, output),
        Command::Archive(args) => archive::run(args, output),
        Command::Cleanup(args) => cleanup::run(args, yes, output),
        Command::Jobs(args) => jobs::run(args, output),
        Command::Backup(args) => backup::run(&args, output),
        Command::Erase(args) => erase::run(&args, yes, output),
        Command::Restore(args) => restore::run(&args, yes, output),
        Command::Epoch(args) => epoch::run(&args, output),
        Command::Events(args) => events::run(&args, output),
        Command::Search(args) => search::run(&args, output),
        Command::Storage(args) => storage::run(&args, output),
        Command::Replay(args) => replay::run(args, output),
        Command::User(args) => user::run(&args, yes, output),
        Command::Roles => roles::run(output),
        Command::Workspace(args) => workspace::run(&args, output),
        Command::Room(args) => room::run(&args, yes, output),
        Command::Invite(args) => invite::run(&args, output),
        Command::Token(args) => token::run(&args, output),
        Command::Ban(args) => order::run(&Order::Restrict(Restraint::Ban, &args), output),
        Command::Unban(args) => order::run(&Order::Lift(Restraint::Ban, &args), output),
        Command::Mute(args) => order::run(&Order::Restrict(Restraint::Mute, &args), output),
        Command::Unmute(args) => order::run(&Order::Lift(Restraint::Mute, &args), output),
        Command::Kick(args) => order::run(&Order::Kick(&args), output),
        Command::Audit(args) => audit::run(&args, output),
        Command::Config(args) => config::run(args, output),
        Command::Completion(args) => completion::run(&args, output),
        Command::Man(args) => man::run(&args, output),
        Command::ExitCodes => exit::run(output),
    }
}
