//! What belongs to one instance, or is taken from it: its ports, its files, its connections.
use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use super::super::finding::{Finding, Verdict};
use crate::config::Config;
use crate::process::{self, Files, Known, Proof};

/// Descriptors beside those of clients: listeners, files, the database's and Redis' connections.
const OWN: u64 = 64;

/// What two configurations cannot both have.
pub(super) fn contradictions(configs: &[&Config]) -> Vec<Finding> {
    let mut taken: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for config in configs {
        let id = config.instance_id.as_str();
        taken.entry(format!("the name {id}")).or_default().push(id);
        for (_, port) in ports_of(config) {
            taken.entry(format!("port {port}")).or_default().push(id);
        }
    }
    let twice = taken.into_iter().filter(|(_, by)| by.len() > 1);
    twice
        .map(|(what, by)| {
            let detail = format!("{what} is given more than once");
            Finding::bad("config", by.join(", "), Verdict::Critical, detail)
                .fix("give each instance a name and ports of its own")
        })
        .collect()
}

pub(super) async fn look(configs: &[&Config]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for config in configs {
        let known = process::look(&Files::of(config)).await;
        let running = match &known {
            Ok(Known::Running(proof)) => Some(proof),
            _ => None,
        };
        findings.push(leftovers(config, &known));
        findings.extend(running.map(|proof| socket(config, proof)));
        let ports = ports_of(config);
        findings.extend(ports.map(|(check, port)| port_of(config, check, port, running)));
        findings.push(open_files(config, running));
    }
    findings
}

/// Files of an instance that is not there any more.
fn leftovers(config: &Config, known: &Result<Known, process::LookError>) -> Finding {
    const CHECK: &str = "instance files";
    let on = &config.instance_id;
    let files = Files::of(config);
    match known {
        Ok(Known::Stopped) => Finding::ok(CHECK, on, "none; it does not run"),
        Ok(Known::Starting) => Finding::ok(CHECK, on, "it is starting"),
        Ok(Known::Running(proof)) => {
            let pid = proof.identity.pid;
            Finding::ok(CHECK, on, format!("they are those of pid {pid}"))
        }
        Ok(Known::Dead { why, .. }) => {
            let detail = format!("they are of a process that is gone: {why}");
            let fix = format!(
                "discordctl start {on} takes its place; to forget it: rm {}",
                files.identity.display()
            );
            Finding::bad(CHECK, on, Verdict::Warning, detail).fix(fix)
        }
        Ok(Known::Foreign { why, .. }) => {
            let detail = format!("they fit no process of yours: {why}");
            Finding::bad(CHECK, on, Verdict::Warning, detail)
                .fix("look as the user that runs it, or end what holds its lock")
        }
        Err(error) => Finding::bad(CHECK, on, Verdict::Unknown, error.to_string())
            .fix("look as the user that runs it"),
    }
}

/// Through which a running instance is controlled, and asked for its settings.
fn socket(config: &Config, running: &Proof) -> Finding {
    const CHECK: &str = "control socket";
    let (on, path) = (&config.instance_id, Files::of(config).socket);
    if path.exists() {
        return Finding::ok(CHECK, on, format!("{} is there", path.display()));
    }
    let pid = running.identity.pid;
    let detail = format!("{} was removed, and pid {pid} runs", path.display());
    Finding::bad(CHECK, on, Verdict::Warning, detail).fix(
        "it makes the socket again within a second; if it does not, its log says why. Keep \
         cleaners of old files away from 'data_dir'",
    )
}

/// Those that are set, and the checks of them.
fn ports_of(config: &Config) -> impl Iterator<Item = (String, u16)> {
    let listeners = config.listeners().into_iter();
    let named = listeners.map(|of| {
        (
            format!("{} port", of.name.to_uppercase()),
            of.address.port(),
        )
    });
    named.filter(|(_, port)| *port != 0)
}

fn port_of(config: &Config, check: String, port: u16, running: Option<&Proof>) -> Finding {
    let on = &config.instance_id;
    let owner = process::owner(port);
    if let (Some(owner), Some(proof)) = (&owner, running)
        && owner.pid == proof.identity.pid
    {
        return Finding::ok(check, on, format!("{port} is its own"));
    }
    let bad = |level, detail: String| Finding::bad(check.clone(), on, level, detail);
    if let Some(owner) = owner {
        let fix = format!("stop that process, or choose another port for {on}");
        let detail = format!("{port} is held by {owner}");
        return bad(Verdict::Critical, detail).fix(fix);
    }
    let address = SocketAddr::new(config.bind, port);
    match TcpListener::bind(address) {
        Ok(_) if running.is_some() => bad(
            Verdict::Critical,
            format!("it runs, and does not listen on {port}"),
        )
        .fix("its configuration was changed since it started: restart it"),
        Ok(_) => Finding::ok(check, on, format!("{port} is free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => bad(
            Verdict::Warning,
            format!("{port} is held by a process that cannot be seen"),
        )
        .fix("look as root: ss -ltnp"),
        Err(error) => bad(Verdict::Critical, format!("{address}: {error}"))
            .fix("choose a port above 1023, and an address of this machine for 'bind'"),
    }
}

/// Each client needs a descriptor. An instance raises its soft limit to the hard one.
fn open_files(config: &Config, running: Option<&Proof>) -> Finding {
    const CHECK: &str = "open files";
    let on = &config.instance_id;
    let clients = config.limits.connections as u64;
    let needed = clients + u64::from(config.db_pool.max) + OWN;
    let limit = match running {
        Some(proof) => of_process(proof.identity.pid),
        None => rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum,
    };
    match limit {
        Some(limit) if limit < needed => {
            let detail =
                format!("{limit} may be open, and 'limits.connections' {clients} needs {needed}");
            let fix = format!(
                "ulimit -H -n {needed} before it starts, LimitNOFILE={needed} in a systemd unit, \
                 or a lower 'limits.connections'"
            );
            Finding::bad(CHECK, on, Verdict::Warning, detail).fix(fix)
        }
        Some(limit) => Finding::ok(
            CHECK,
            on,
            format!("{limit} may be open, {needed} are needed"),
        ),
        None => Finding::ok(CHECK, on, "there is no limit"),
    }
}

/// The soft limit that a process has (proc(5), `/proc/PID/limits`).
fn of_process(pid: u32) -> Option<u64> {
    let limits = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("limits"));
    let limits = limits.ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}
