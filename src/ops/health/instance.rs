//! One instance: its process, its listeners, and what it says of itself.
use serde::Serialize;

use super::super::finding::{Finding, Verdict, worst};
use super::super::probe::instance::{Health, health, target};
use super::process::{self, Seen};
use super::{Deadline, Depth, listener};
use crate::config::Config;
use crate::model::{Cause, ListenerKind, Listeners};

/// How an instance is, in a line.
#[derive(Debug, Serialize)]
pub struct InstanceHealth {
    pub instance: String,
    /// What it says of itself (`healthy`, `degraded`, `draining`, `unhealthy`), or `down`;
    /// `running` where no more than that was looked at.
    pub state: String,
    /// The worst of what was found of it.
    pub level: Verdict,
    pub pid: Option<u32>,
    pub version: Option<String>,
    pub uptime_seconds: Option<u64>,
    /// Where it listens, or would by its settings.
    #[serde(flatten)]
    pub listeners: Listeners,
    pub db: Option<String>,
    pub valkey: Option<String>,
}

pub(super) async fn look(
    config: &Config,
    depth: Depth,
    deadline: Deadline,
) -> (InstanceHealth, Vec<Finding>) {
    let on = &config.instance_id;
    let Seen {
        identity,
        mut finding,
    } = process::see(config).await;
    let told = identity
        .as_ref()
        .filter(|_| finding.level != Verdict::Critical);
    let listeners = match told {
        Some(identity) if !identity.listeners.is_empty() => identity.listeners.clone(),
        _ => Listeners::expected(config.listeners()),
    };
    let [tcp_address, address] = [ListenerKind::OF_LINES, ListenerKind::OF_HTTP]
        .map(|kinds| target(config, listeners.first_of(&kinds).as_ref()));
    let mut seen = InstanceHealth {
        instance: on.clone(),
        state: "unknown".into(),
        level: Verdict::Ok,
        pid: told.map(|identity| identity.pid),
        version: told.map(|identity| identity.version.clone()),
        uptime_seconds: None,
        listeners,
        db: None,
        valkey: None,
    };
    if depth == Depth::Process {
        let runs = finding.level != Verdict::Critical;
        seen.state = if runs { "running" } else { "down" }.into();
        seen.level = finding.level;
        return (seen, vec![finding]);
    }
    // What does not run cannot answer either.
    let because = match (finding.is_ok(), &told) {
        (false, None) => Cause::NotStarted,
        _ => Cause::Unresponsive,
    };
    let ((http, ready), own, tcp) = tokio::join!(
        async {
            match address {
                Some(address) => listener::http(on, address, because, deadline).await,
                None => (no_port("http", on), None),
            }
        },
        async { health(address?, deadline.left()).await.ok() },
        async {
            match tcp_address {
                Some(address) => listener::tcp(on, address, because, deadline).await,
                None => no_port("tcp", on),
            }
        }
    );
    // Another's answer on that port says nothing about this instance.
    let ready = ready.filter(|ready| ready.instance.as_ref() == Some(on));
    let own = own.filter(|own| own.instance.as_ref() == Some(on));
    if let Some(pid) = ready.and_then(|ready| ready.pid) {
        seen.pid = Some(pid);
        if finding.level == Verdict::Critical {
            finding = elsewhere(config, pid);
        }
    }
    let mut findings = vec![finding, tcp, http];
    match own {
        Some(own) => {
            findings.extend(complaints(on, &own));
            seen.learn(own);
        }
        None => seen.state = "down".into(),
    }
    seen.level = worst(&findings);
    (seen, findings)
}

fn no_port(check: &'static str, on: &str) -> Finding {
    let why = "its port is chosen at start, and it has not said which";
    Finding::bad(check, on, Verdict::Unknown, why).because(Cause::Starting)
}

/// It answers, and its files are not where they should be: started in another folder, or on
/// another machine.
fn elsewhere(config: &Config, pid: u32) -> Finding {
    let folder = config.data_dir.display();
    let detail = format!("pid {pid} by its own word; what {folder}/run says does not fit");
    Finding::bad("process", &config.instance_id, Verdict::Warning, detail)
        .fix("ask from the folder in which it was started, or restart it to have its record again")
}

impl InstanceHealth {
    fn learn(&mut self, own: Health) {
        self.state = own.status.unwrap_or_else(|| "unknown".into());
        self.version = own.version;
        self.uptime_seconds = own.uptime_seconds;
        self.db = own.db;
        self.valkey = own.valkey;
    }
}

/// What the instance itself finds wrong, in its own words.
fn complaints(on: &str, own: &Health) -> Vec<Finding> {
    let bad = own.checks.iter().filter(|(_, check)| !check.ok);
    bad.map(|(name, check)| {
        let level = match check.level.as_deref() {
            Some("warning") => Verdict::Warning,
            _ => Verdict::Critical,
        };
        let detail = check.detail.as_deref().unwrap_or("it says no more");
        let finding = Finding::bad(name.clone(), on, level, detail);
        match &check.runbook {
            Some(runbook) => finding.runbook(runbook.clone()),
            None => finding.fix("discordctl storage and discordctl doctor tell more"),
        }
    })
    .collect()
}
