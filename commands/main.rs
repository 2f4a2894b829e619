//! The `discordctl` binary: parse, run, say how it went.
mod archive;
mod backup;
mod bench;
mod cleanup;
mod cli;
mod completion;
mod config;
mod confirm;
mod database;
mod exit;
mod failure;
mod fleet;
mod interrupt;
mod jobs;
mod man;
mod migrate;
mod output;
mod progress;
mod replay;
mod restore;
mod serve;
mod settings;
mod storage;
mod units;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use exit::Exit;
use failure::Failure;
use output::{Format, Output};

fn main() -> ExitCode {
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
    let output = Output::new(cli.global.output);
    let yes = cli.global.yes;
    let result = catch_unwind(AssertUnwindSafe(|| dispatch(cli.command, yes, &output)))
        .unwrap_or_else(|_| Err(Failure::bug("it panicked (see above)").into()));
    result.unwrap_or_else(|error| Failure::from(error).report(output.format()))
}

fn dispatch(command: Command, yes: bool, output: &Output) -> anyhow::Result<Exit> {
    match command {
        Command::Serve(args) => serve::run(&args),
        Command::Bench(args) => bench::run(&args, output),
        Command::Migrate(args) => migrate::run(args, yes, output),
        Command::Archive(args) => archive::run(args, output),
        Command::Cleanup(args) => cleanup::run(args, yes, output),
        Command::Jobs(args) => jobs::run(args, output),
        Command::Backup(args) => backup::run(&args, output),
        Command::Restore(args) => restore::run(&args, yes, output),
        Command::Storage(args) => storage::run(&args, output),
        Command::Replay(args) => replay::run(args, output),
        Command::Config(args) => config::run(args, output),
        Command::Completion(args) => completion::run(&args, output),
        Command::Man(args) => man::run(&args, output),
        Command::ExitCodes => exit::run(output),
    }
}
