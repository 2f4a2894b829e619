//! `discordctl serve`: one instance in the foreground.
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use discordctl::config::Config;
use discordctl::server::{Program, ServeError, Server, StoreError, log, signalled};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Settings;

/// Run one instance in the foreground
#[derive(Debug, Args)]
#[command(after_help = "\
Flags beat DISCORDCTL_* variables, which beat the file, which beats the defaults.
'discordctl config show' says what wins.

Examples:
  discordctl serve
  discordctl serve --tcp-port 9002 --http-port 3002
  discordctl serve --config config/instance1.json
  DISCORDCTL_DB_URL=postgresql://chat:PASSWORD@db/chat discordctl serve")]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    settings: Settings,
}

pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<Exit> {
    let loaded = args.settings.load()?;
    for warning in &loaded.warnings {
        anstream::eprintln!("\x1b[1;33mwarning:\x1b[0m {warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let exit = runtime.block_on(serve(loaded.config));
    // Nothing that was accepted is left in the runtime; what lingers is a read of a signal.
    runtime.shutdown_background();
    exit
}

/// Serves until a signal, then drains; a second signal ends at once.
async fn serve(config: Config) -> anyhow::Result<Exit> {
    log::init(&config.log);
    raise_open_files();
    let mut server = Server::start(&config)
        .await
        .map_err(|error| explain(&error))?;
    server.run_jobs(&config, program(&config)?);
    greet(&server, &config)?;
    signalled().await.context("cannot listen for signals")?;
    tokio::select! {
        stopped = server.stop() => stopped.map_err(|error| explain(&error))?,
        signal = signalled() => {
            return Ok(match signal.context("cannot listen for signals")? {
                2 => Exit::Interrupted,
                _ => Exit::Terminated,
            });
        }
    }
    Ok(Exit::Done)
}

/// This program, for jobs to be run by: on Linux also if its file was replaced meanwhile.
fn program(config: &Config) -> anyhow::Result<Program> {
    let path = match cfg!(target_os = "linux") {
        true => PathBuf::from("/proc/self/exe"),
        false => std::env::current_exe().context("cannot find this program")?,
    };
    Ok(Program {
        path,
        variables: config.variables(),
    })
}

/// Three lines for whoever started it: where to talk, and how to stop.
fn greet(server: &Server, config: &Config) -> anyhow::Result<()> {
    let host = match config.bind {
        ip if ip.is_loopback() || ip.is_unspecified() => "localhost".to_owned(),
        ip => ip.to_string(),
    };
    let mut stdout = std::io::stdout().lock();
    writeln!(
        stdout,
        "talk from a terminal:  nc {host} {}",
        server.tcp.port()
    )?;
    writeln!(
        stdout,
        "talk from a browser:   http://{host}:{}",
        server.http.port()
    )?;
    writeln!(
        stdout,
        "stored in:             {}  (Ctrl-C stops)",
        config.db_url
    )?;
    Ok(stdout.flush()?)
}

/// Every connection needs a descriptor; the soft limit is often far below what is allowed.
pub(crate) fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // Where it is not allowed, the limit that was stays.
    let _ = setrlimit(Resource::Nofile, raised);
}

fn explain(error: &ServeError) -> Failure {
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
        ServeError::Database {
            error: StoreError::Schema(_),
            ..
        } => (
            Exit::Config,
            "schema",
            "bring the database and this program together, then start again",
        ),
        ServeError::Database {
            error: StoreError::Unsupported(_),
            ..
        } => (
            Exit::Config,
            "db_url",
            "check 'db_url'; 'discordctl config show' says where it comes from",
        ),
        ServeError::Bus(_) => (
            Exit::Config,
            "redis_url",
            "check 'redis_url'; 'discordctl config show' says where it comes from",
        ),
        ServeError::Database { .. } => (
            Exit::Unavailable,
            "database_unavailable",
            "check that the database runs and that 'db_url' is right",
        ),
        ServeError::Cut(_) => (
            Exit::TryAgain,
            "cut",
            "a longer 'drain.deadline' gives them more time",
        ),
    };
    let what = match error {
        ServeError::Database { url, .. } => format!("cannot open the database {url}"),
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
