//! A real Prometheus over real instances: it scrapes them, takes the rules, and an outage fires.
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use discordctl::client;
use serde_json::Value;
use tempfile::TempDir;

use super::cluster::Cluster;
use crate::support::comes_true;
use crate::support::process::{Ours, free_port};

/// Ended when dropped.
struct Prometheus {
    at: SocketAddr,
    folder: TempDir,
    _child: Ours,
}

impl Prometheus {
    /// As it is shipped, but quicker and with these instances; `None` where it is not installed.
    async fn start(cluster: &Cluster) -> Option<Self> {
        let found = Command::new("prometheus").arg("--version").output();
        if found.is_err() {
            crate::support::need::left_out("tools", "prometheus is not on the PATH");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let rules = cluster.run("monitor --alert-rules").await.exits(0);
        // The rules as they are, but without their waits.
        let rules = regex::Regex::new(r"for: \d+[sm]")
            .expect("a pattern")
            .replace_all(&rules.stdout, "for: 1s")
            .into_owned();
        let targets = cluster.addresses(0);
        let targets: Vec<String> = targets.iter().map(|at| at.http.to_string()).collect();
        let shipped = std::fs::read_to_string("config/prometheus.yml").expect("it is shipped");
        let config = shipped.replace("10s", "200ms").replace(
            "localhost:3001, localhost:3002, localhost:3003",
            &targets.join(", "),
        );
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).expect("a file");
        };
        write("alerts.yml", &rules);
        write("prometheus.yml", &config);
        promtool(&["check", "config", "prometheus.yml"], &folder);
        let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut command = Command::new("prometheus");
        command
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address={at}"))
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Some(Self {
            at,
            folder,
            _child: Ours::spawn(command),
        })
    }

    async fn ask(&self, path: &str) -> Option<Value> {
        let answer = client::get(self.at, path, "application/json", Duration::from_secs(5)).await;
        let answer = answer.ok()?.json();
        (answer["status"] == "success").then(|| answer["data"].clone())
    }

    async fn until(&self, what: &str, path: &str, good: impl Fn(&Value) -> bool) {
        let is_so = async || self.ask(path).await.is_some_and(|data| good(&data));
        if comes_true(is_so).await.is_none() {
            panic!("never: {what}; {:?}", self.ask(path).await);
        }
    }

    /// Waits until an alert fires on so many instances.
    async fn fires(&self, name: &str, count: usize) {
        let firing = |data: &Value| {
            let alerts = data["alerts"].as_array().cloned().unwrap_or_default();
            let ours = alerts
                .iter()
                .filter(|alert| alert["labels"]["alertname"] == name && alert["state"] == "firing");
            ours.count() == count
        };
        let what = format!("{name} fires {count} times");
        self.until(&what, "/api/v1/alerts", firing).await;
    }
}

fn promtool(args: &[&str], folder: &TempDir) {
    let ran = Command::new("promtool")
        .args(args)
        .current_dir(folder.path())
        .output()
        .expect("promtool comes with prometheus");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "promtool {args:?}: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_redis_fires_its_alert_and_a_living_one_ends_it() {
    let Some(mut cluster) = Cluster::start(3).await else {
        return;
    };
    let Some(prometheus) = Prometheus::start(&cluster).await else {
        return;
    };
    promtool(&["check", "rules", "alerts.yml"], &prometheus.folder);
    let all_up = |data: &Value| {
        let targets = data["activeTargets"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        targets.len() == 3 && targets.iter().all(|target| target["health"] == "up")
    };
    prometheus
        .until("three targets are up", "/api/v1/targets", all_up)
        .await;
    let healthy = |data: &Value| {
        let groups = data["groups"].as_array().cloned().unwrap_or_default();
        let rules: Vec<Value> = groups
            .iter()
            .flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default())
            .collect();
        !rules.is_empty() && rules.iter().all(|rule| rule["health"] == "ok")
    };
    prometheus
        .until("every rule can be evaluated", "/api/v1/rules", healthy)
        .await;
    prometheus.fires("DiscordBusDown", 0).await;

    cluster.redis().kill();
    prometheus.fires("DiscordBusDown", 3).await;
    cluster.redis().restart();
    prometheus.fires("DiscordBusDown", 0).await;

    cluster.instances[2].kill().await;
    prometheus.fires("DiscordInstanceDown", 1).await;
}
