//! `discordctl health` over real instances, while what they depend on is well and is not.
use std::path::PathBuf;

use serde_json::{Value, json};

use super::cluster::Cluster;
use crate::support::Ran;
use crate::support::http::request;
use crate::support::postgres::run;
use crate::support::process::program;

const DEEP: &str = "health --level 5 --timeout 30s -o";

/// The findings of one check, as `(on, level)`.
fn of(ran: &Ran, check: &str) -> Vec<(String, String)> {
    let report = ran.json();
    let checks = report["checks"].as_array().expect("a list").clone();
    let word = |finding: &Value, key: &str| finding[key].as_str().unwrap_or("").to_owned();
    checks
        .iter()
        .filter(|finding| finding["check"] == check)
        .map(|finding| (word(finding, "on"), word(finding, "level")))
        .collect()
}

impl Cluster {
    /// The folder of configurations of these instances.
    pub(crate) fn configs(&self) -> PathBuf {
        let folder = self.instances[0].plan.folder.join("config");
        std::fs::create_dir_all(&folder).expect("a folder");
        for (i, instance) in self.instances.iter().enumerate() {
            let config = json!({
                "instance_id": instance.plan.name,
                "tcp_port": instance.at.tcp.port(),
                "http_port": instance.at.http.port(),
                "db_url": instance.plan.db_url,
                "redis_url": instance.plan.redis_url,
                "data_dir": instance.plan.folder,
            });
            let file = folder.join(format!("instance{}.json", i + 1));
            std::fs::write(file, config.to_string()).expect("a file");
        }
        folder
    }

    /// Runs the program as an operator of these instances.
    pub(crate) async fn run(&self, line: &str) -> Ran {
        let mut command = program();
        command
            .args(line.split_whitespace())
            .env("COLUMNS", "80")
            .env("DISCORDCTL_CONFIG_DIR", self.configs());
        Ran::of(command).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_well_is_well_at_every_level_and_in_every_form() {
    let Some(cluster) = Cluster::start(3).await else {
        return;
    };
    for level in ["1", "2", "3", "4", "5"] {
        let ran = cluster
            .run(&format!("health --level {level} --timeout 30s"))
            .await;
        assert_eq!(ran.code, Some(0), "{level}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.lines().all(|line| line.chars().count() <= 80));
    }
    let ran = cluster.run(&format!("{DEEP} json")).await;
    let report = ran.json();
    assert_eq!(report["schema"], "discordctl.health/1");
    assert_eq!(report["instances"].as_array().map(Vec::len), Some(3));
    for instance in report["instances"].as_array().expect("a list") {
        assert_eq!(instance["state"], "healthy", "{report}");
        assert_eq!(instance["valkey"], "connected");
    }
    for (check, count) in [
        ("process", 3),
        ("tcp", 3),
        ("http", 3),
        ("database", 1),
        ("schema", 1),
        ("bus", 1),
        ("canary", 1),
    ] {
        assert_eq!(of(&ran, check).len(), count, "{check}: {report}");
    }
    let nagios = cluster.run(&format!("{DEEP} nagios")).await;
    assert!(
        nagios.stdout.starts_with("DISCORDCTL OK - instances: 3"),
        "{}",
        nagios.stdout
    );
    let prometheus = cluster.run(&format!("{DEEP} prometheus")).await;
    let line = "discord_check_status{check=\"canary\",on=\"postgresql\"} 0";
    assert!(
        prometheus.stdout.lines().any(|given| given == line),
        "{}",
        prometheus.stdout
    );
    // The canary left nothing.
    let left = "SELECT count(*) FROM leases WHERE name LIKE 'check:%'";
    assert_eq!(cluster.postgres.number(left).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_redis_is_a_warning_and_a_dead_instance_is_critical() {
    let Some(mut cluster) = Cluster::start(2).await else {
        return;
    };
    cluster.redis().kill();
    cluster.becomes("degraded").await;
    let json = format!("{DEEP} json");
    let ran = cluster.run(&json).await.exits(1);
    let warned = |on: &str| (on.to_owned(), "warning".to_owned());
    assert_eq!(
        of(&ran, "bus"),
        [warned("instance-1"), warned("instance-2"), warned("redis")]
    );
    for finding in ran.json()["checks"].as_array().expect("a list") {
        let bad = finding["level"] != "ok";
        assert_eq!(bad, finding["runbook"].is_string(), "{finding}");
    }
    let nagios = cluster.run(&format!("{DEEP} nagios")).await;
    assert!(
        nagios.stdout.starts_with("DISCORDCTL WARNING - bus on"),
        "{}",
        nagios.stdout
    );
    assert!(
        nagios
            .stdout
            .contains("discordctl runbook show valkey-down")
    );

    // Frozen is another matter: it takes connections and says nothing, until time is up.
    cluster.redis().restart();
    cluster.becomes("healthy").await;
    cluster.redis().freeze();
    let ran = cluster.run("health --level 4 --timeout 2s -o json").await;
    cluster.redis().thaw();
    assert!(of(&ran, "bus").contains(&warned("redis")), "{}", ran.stdout);

    cluster.instances[0].kill().await;
    let ran = cluster.run(&json).await.exits(2);
    let report = ran.json();
    assert_eq!(report["instances"][0]["state"], "down", "{report}");
    assert_eq!(
        of(&ran, "process"),
        [
            ("instance-1".to_owned(), "critical".to_owned()),
            ("instance-2".to_owned(), "ok".to_owned())
        ]
    );
    cluster.run("health instance-2 --level 1").await.exits(0);
}

/// The instance has its database, the one that asks has not: neither of the two is the whole truth.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_instance_says_is_held_against_what_is_seen_from_here() {
    let Some(cluster) = Cluster::start(1).await else {
        return;
    };
    cluster.configs();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("instance1.json");
    let mut config: Value = serde_json::from_str(
        &std::fs::read_to_string(cluster.configs().join("instance1.json")).expect("a file"),
    )
    .expect("JSON");
    config["db_url"] = json!("postgresql://me:s3cret@127.0.0.1:1/nowhere");
    std::fs::write(&file, config.to_string()).expect("a file");
    let path = file.display().to_string();
    let line = format!("health --config {path} --timeout 30s -o json");
    let ran = cluster.run(&line).await.exits(2);
    assert_eq!(
        of(&ran, "agreement"),
        [("instance-1".to_owned(), "warning".to_owned())],
        "{}",
        ran.stdout
    );
    assert!(!ran.stdout.contains("s3cret"), "{}", ran.stdout);
}

/// Sessions that sleep hold what every request needs, while the database itself answers.
#[tokio::test(flavor = "multi_thread")]
async fn an_exhausted_pool_does_not_stay_healthy() {
    let Some(mut cluster) = Cluster::prepare().await else {
        return;
    };
    let mut plan = cluster.plan();
    plan.env.push(("DISCORDCTL_DB_POOL_MAX", "4".into()));
    plan.env
        .push(("DISCORDCTL_DB_POOL_ACQUIRE_TIMEOUT", "2m".into()));
    cluster.add(plan).await;
    cluster.becomes("healthy").await;
    let mut sleeper = cluster.postgres.connect().await;
    let lock = "BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE";
    run(&mut sleeper, lock).await;
    let at = cluster.instances[0].at.http;
    let stuck = tokio::spawn(async move {
        let body = json!({ "nickname": "alice" });
        request(at, "POST", "/api/connect", Some(body)).await
    });
    cluster.becomes("degraded").await;
    let health = cluster.instances[0].get("/health").await;
    assert_eq!(health["checks"]["pool"]["level"], "critical", "{health}");
    assert_eq!(health["checks"]["pool"]["runbook"], "pool-exhaustion");
    assert_eq!(health["db"], "connected", "{health}");
    run(&mut sleeper, "ROLLBACK").await;
    cluster.becomes("healthy").await;
    let connected = stuck.await.expect("it ends").expect("an answer");
    assert_eq!(connected.status, 200, "{connected:?}");
}
