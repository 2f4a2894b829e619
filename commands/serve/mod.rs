//! `discordctl serve`: one instance in the foreground.
mod failure;
mod life;

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use discordctl::config::{Config, Loaded, Retention};
use discordctl::model::{Access, AccessMode, Listener, ListenerKind, Registration, plain};
use discordctl::process::notify::Supervisor;
use discordctl::process::{Claim, Files, Lock, LogFile, Origin, State};
use discordctl::server::{self, Orders, Program, ServeError, Server, SystemClock, Waits, log};

use crate::exit::Exit;
use crate::runtime::this_program;
use crate::settings::Settings;
use failure::{explain, unclaimed};

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
    /// The systemd unit this is: start, stop and restart then go through systemctl
    #[arg(long, value_name = "NAME")]
    unit: Option<String>,
    /// As `start` does it: a session of its own, and the log in a file
    #[arg(long, hide = true)]
    background: bool,
    /// In the place of the process that serves this instance now, as `restart` does it
    #[arg(long, hide = true)]
    take_over: bool,
}

pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<Exit> {
    if args.background {
        // Away from the terminal: neither its Ctrl-C nor its end concerns this process. A
        // process that leads a session already is away from it.
        let _ = rustix::process::setsid();
    }
    let loaded = args.settings.load()?;
    for warning in &loaded.warnings {
        let warning = warning.to_string();
        let warning = plain(&warning);
        crate::output::tell(&format!("\x1b[1;33mwarning:\x1b[0m {warning}"));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let exit = runtime.block_on(serve(args, &loaded));
    // Nothing that was accepted is left in the runtime; what lingers is a read of a signal.
    runtime.shutdown_background();
    exit
}

/// Serves until a signal, then drains; a second signal ends at once.
async fn serve(args: &ServeArgs, loaded: &Loaded) -> anyhow::Result<Exit> {
    let config = &loaded.config;
    if let Some(failure) = failure::clock(&server::now()) {
        return Err(failure.into());
    }
    let mut orders = Orders::listen().context("cannot listen for signals")?;
    begin_log(args, config)?;
    raise_open_files();
    let origin = Origin {
        config: args.settings.file().map(Into::into),
        unit: args.unit.clone(),
    };
    let (mut server, mut claim) = tokio::select! {
        begun = begin(args, config, origin) => begun?,
        signal = orders.stop() => return Ok(Exit::of_signal(signal)),
    };
    server.can_hand_over(claim.lock().as_fd().try_clone_to_owned()?);
    let path = this_program()?;
    server.run_jobs(Program { path });
    claim
        .ready(&server.listeners, server.row())
        .map_err(|error| unclaimed(&error))?;
    // It serves, whether or not its greeting can be read.
    let _ = greet(&server, config, &args.settings).await;
    let supervisor = supervisor();
    tell(supervisor.ready(&listening(&server.listeners)));
    let heartbeat = tokio::spawn(heartbeat(supervisor.clone()));
    tokio::select! {
        () = life::until_stop(args, &server, &mut claim, &mut orders) => {
            tell(supervisor.stopping());
            // What it says of itself is for people; that it cannot must not keep it from stopping.
            let _ = claim.say(State::Draining);
        }
        // The file and everything else is the successor's now.
        () = server.replaced() => {}
    }
    let exit = tokio::select! {
        stopped = server.stop() => stopped.map(|()| Exit::Done).map_err(|error| explain(&error, config, &args.settings).into()),
        signal = orders.stop() => Ok(Exit::of_signal(signal)),
    };
    heartbeat.abort();
    exit
}

/// The server, and its claim on the instance's name: its own, or what a predecessor hands over.
async fn begin(
    args: &ServeArgs,
    config: &Config,
    origin: Origin,
) -> anyhow::Result<(Server, Claim)> {
    if args.take_over {
        let taken = Server::take_over(config).await;
        if let Some((server, lock)) =
            taken.map_err(|error| explain(&error, config, &args.settings))?
        {
            let lock = Lock::handed_over(lock);
            let claim = Claim::with(lock, config, origin, &SystemClock);
            return Ok((server, claim.map_err(|error| unclaimed(&error))?));
        }
    }
    let claim = Claim::take(config, origin, &SystemClock).await;
    let mut claim = claim.map_err(|error| unclaimed(&error))?;
    let server = started(config, &mut claim).await;
    Ok((
        server.map_err(|error| explain(&error, config, &args.settings))?,
        claim,
    ))
}

/// Starts, and says in its record what that waits for.
async fn started(config: &Config, claim: &mut Claim) -> Result<Server, ServeError> {
    let waits = Waits::new(None);
    let mut said = waits.subscribe();
    let succeeds = claim.succeeds();
    let mut starting = std::pin::pin!(Server::start_saying(config, succeeds, &waits));
    loop {
        tokio::select! {
            started = &mut starting => return started,
            Ok(()) = said.changed() => {
                let what = said.borrow_and_update().clone();
                // What it says of itself is for people.
                let _ = claim.waits(what);
            }
        }
    }
}

fn begin_log(args: &ServeArgs, config: &Config) -> anyhow::Result<()> {
    let path = Files::of(config).log;
    let (size, keep) = (config.log.rotate_size.bytes(), config.log.rotate_keep);
    let open = || LogFile::open(&path, size, keep);
    let file = args.background.then(open).transpose();
    let file = file.with_context(|| format!("cannot write the log {}", path.display()))?;
    log::init(&config.log, file);
    Ok(())
}

/// What systemd asks of a service it runs.
fn supervisor() -> Supervisor {
    let text = |name| std::env::var(name).ok();
    Supervisor::new(
        std::env::var_os("NOTIFY_SOCKET"),
        text("WATCHDOG_USEC").as_deref(),
        text("WATCHDOG_PID").as_deref(),
    )
}

/// A sign of life as often as it is wanted. It stops when the runtime is stuck, which is the
/// point of it.
async fn heartbeat(supervisor: Supervisor) {
    let Some(pause) = supervisor.heartbeat() else {
        return;
    };
    loop {
        tell(supervisor.alive());
        tokio::time::sleep(pause.max(Duration::from_millis(1))).await;
    }
}

fn tell(told: std::io::Result<()>) {
    if let Err(error) = told {
        tracing::warn!(%error, "cannot tell the supervisor");
    }
}

/// For the user at the terminal: where to talk, the access mode, what stays in the database, and how to stop.
async fn greet(server: &Server, config: &Config, settings: &Settings) -> anyhow::Result<()> {
    let first_owner = (!server.has_accounts().await)
        .then(|| settings.again("discordctl user create NAME --role owner"));
    let mut stdout = std::io::stdout().lock();
    for (what, how) in ways_in(&server.listeners, config) {
        writeln!(stdout, "{what:22} {how}")?;
    }
    writeln!(
        stdout,
        "who may come in:       {}",
        who_may(config.access())
    )?;
    writeln!(stdout, "what is kept here:     {}", kept(&config.retention))?;
    if let Some(command) = first_owner {
        writeln!(stdout, "no account yet:        {command}")?;
    }
    writeln!(
        stdout,
        "stored in:             {}  (Ctrl-C stops)",
        config.db_url
    )?;
    Ok(stdout.flush()?)
}

/// For the supervisor: `TCP on port 9001, HTTP on port 3001`.
fn listening(listeners: &[Listener]) -> String {
    let one = |listener: &Listener| {
        let what = match listener.kind {
            ListenerKind::Lines => "TCP",
            ListenerKind::Http => "HTTP",
            ListenerKind::TlsLines => "TCP by TLS",
            ListenerKind::Https => "HTTPS",
            ListenerKind::Other => "something else",
        };
        format!("{what} on port {}", listener.address.port())
    };
    let all: Vec<String> = listeners.iter().map(one).collect();
    all.join(", ")
}

/// How people come in: what for, and what to type.
fn ways_in(listeners: &[Listener], config: &Config) -> Vec<(&'static str, String)> {
    const TERMINAL: &str = "talk from a terminal:";
    const BROWSER: &str = "talk from a browser:";
    let (host, page) = callable(config.bind);
    let way = |listener: &Listener| {
        let port = listener.address.port();
        Some(match listener.kind {
            ListenerKind::Lines => (TERMINAL, format!("nc {host} {port}")),
            ListenerKind::TlsLines => (
                TERMINAL,
                format!("openssl s_client -quiet -connect {page}:{port}"),
            ),
            ListenerKind::Http => (BROWSER, format!("http://{page}:{port}")),
            ListenerKind::Https => (BROWSER, format!("https://{page}:{port}")),
            ListenerKind::Other => return None,
        })
    };
    listeners.iter().filter_map(way).collect()
}

fn who_may(access: Access) -> String {
    let Access {
        mode, registration, ..
    } = access;
    let who = match mode {
        AccessMode::Open => "guests and people with an account",
        AccessMode::Members | AccessMode::Invite => "people with an account",
    };
    let how = match registration {
        Registration::Open => "which all may register",
        Registration::Invite => "which takes an invite",
        Registration::Closed => "which operators make",
    };
    format!("{who}, {how}  (access.mode: {})", mode.as_str())
}

/// Said at each start, since what leaves the database is what people may miss.
fn kept(retention: &Retention) -> String {
    let Retention {
        keep_last, min_age, ..
    } = retention;
    if retention.schedule.is_off() {
        return "all that is said, but for what 'cleanup' is told to take  (retention.schedule: off)".into();
    }
    let rest = if retention.archive_first {
        "the archive has the rest"
    } else {
        "the rest is deleted"
    };
    format!("of each room {min_age} and the newest {keep_last} messages; {rest}  (retention.*)")
}

/// What to call the address that is listened on, at a terminal and in a URL.
fn callable(bind: IpAddr) -> (String, String) {
    let usual = IpAddr::V4(Ipv4Addr::LOCALHOST);
    match bind {
        ip if ip == usual || ip.is_unspecified() => ("localhost".into(), "localhost".into()),
        IpAddr::V4(ip) => (ip.to_string(), ip.to_string()),
        IpAddr::V6(ip) => (ip.to_string(), format!("[{ip}]")),
    }
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
