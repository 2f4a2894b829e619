//! What the watching routes tell.
use std::collections::HashSet;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::events::Events;
use super::server::Running;
use crate::support::eventually;

#[tokio::test]
async fn a_server_at_rest_is_live_ready_and_healthy() {
    let server = Running::with(&[("instance_id", "one")]).await;
    assert_eq!(server.get("/livez").await.status, 200);
    let ready = server.get("/readyz").await;
    assert_eq!(ready.status, 200);
    let ready = ready.json();
    assert_eq!(
        (&ready["ready"], &ready["instance"]),
        (&true.into(), &"one".into())
    );
    assert_eq!(ready["pid"], std::process::id());
    let health = server.get("/health").await;
    assert_eq!(health.status, 200);
    let health = health.json();
    assert_eq!(health["status"], "healthy");
    assert_eq!(
        (&health["db"], &health["valkey"]),
        (&"connected".into(), &"disabled".into())
    );
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
}

/// The routes say so while the server gives balancers time to notice.
#[tokio::test]
async fn a_draining_server_is_live_and_not_ready() {
    let server = Running::with(&[("drain.delay", "10m"), ("drain.deadline", "20m")]).await;
    let _reader = Events::open(&server, "/api/messages/general").await;
    let (server, stopping) = server.stop_aside();
    let told = async || server.get("/readyz").await.status == 503;
    eventually("draining is told", told).await;
    assert_eq!(server.get("/readyz").await.json()["reason"], "draining");
    let health = server.get("/health").await;
    assert_eq!(
        (health.status, &health.json()["status"]),
        (503, &"draining".into())
    );
    assert_eq!(server.get("/livez").await.status, 200);
    stopping.abort();
}

#[tokio::test]
async fn metrics_are_json_for_people_and_text_for_prometheus() {
    let server = Running::start().await;
    let alice = server.connect("alice").await;
    let mut reader = Events::open(&server, "/api/messages/general").await;
    for _ in 0..3 {
        server.said(&alice, "general", "x").await;
    }
    reader.seqs(3).await;
    let json = server.get("/metrics").await;
    assert_eq!(json.header("content-type"), Some("application/json"));
    let json = json.json();
    assert_eq!(
        (&json["messages_committed"], &json["queue_depth"]),
        (&3.into(), &0.into())
    );
    assert_eq!(
        (&json["active_connections"], &json["rooms_in_memory"]),
        (&1.into(), &1.into())
    );
    assert_eq!(json["delivery_latency_ms"]["count"], 3);
    assert_eq!(json["delivery_latency_ms"]["recent"], 3);
    assert_eq!(
        (&json["db_up"], &json["db_breaker"], &json["bus"]),
        (&true.into(), &"closed".into(), &"disabled".into())
    );
    assert_eq!(json["queues"]["database"]["limit"], 1_000);

    for accept in [
        "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        "application/openmetrics-text",
    ] {
        let text = server
            .ask("GET", "/metrics", &[("accept", accept)], None)
            .await;
        let kind = text.header("content-type").unwrap_or_default();
        assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
        let has = |line: &str| text.text().lines().any(|given| given == line);
        assert!(has("discord_messages_committed_total 3"), "{text}");
        assert!(has("discord_connections{transport=\"sse\"} 1"), "{text}");
        assert!(
            has("discord_delivery_latency_seconds_bucket{le=\"+Inf\"} 3"),
            "{text}"
        );
        // Rooms and users are without bound.
        assert!(!text.text().contains("general") && !text.text().contains("alice"));
    }
    let any = server
        .ask("GET", "/metrics", &[("accept", "*/*")], None)
        .await;
    assert_eq!(any.header("content-type"), Some("application/json"));
}

/// As `promtool check metrics` judges them: names, units, help, types. Left out where there is
/// no promtool (`scripts/test` installs it).
#[tokio::test]
async fn prometheus_finds_no_fault_with_the_metrics() {
    let server = Running::start().await;
    let alice = server.connect("alice").await;
    server.said(&alice, "general", "x").await;
    let text = server
        .ask("GET", "/metrics", &[("accept", "text/plain")], None)
        .await;
    let mut check = match Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
    {
        Ok(check) => check,
        Err(error) => {
            return crate::support::need::left_out("tools", &format!("promtool: {error}"));
        }
    };
    let mut stdin = check.stdin.take().expect("a pipe");
    stdin.write_all(text.text().as_bytes()).expect("it reads");
    drop(stdin);
    let verdict = check.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&verdict.stderr);
    assert!(verdict.status.success() && said.is_empty(), "{said}");
}

/// A panel or an alert over a metric that is not there is empty for ever, and looks well.
#[tokio::test]
async fn the_dashboard_and_the_rules_ask_for_metrics_that_are_there() {
    let server = Running::start().await;
    // The tables are looked up beside everything else.
    eventually("the sizes are known", async || {
        !server.get("/metrics").await.json()["table_bytes"]["messages"].is_null()
    })
    .await;
    let answer = server
        .ask("GET", "/metrics", &[("accept", "text/plain")], None)
        .await;
    let there: HashSet<&str> = answer
        .text()
        .lines()
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    let read = |file| std::fs::read_to_string(file).expect("it is shipped");
    let dashboard: Value =
        serde_json::from_str(&read("config/grafana-dashboard.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    assert!(panels.len() > 10 && dashboard["schemaVersion"].is_u64());
    let mut asked = vec![read("config/alerts.yml")];
    for panel in panels {
        assert!(
            panel["title"].is_string() && panel["gridPos"].is_object(),
            "{panel}"
        );
        for target in panel["targets"].as_array().expect("targets") {
            asked.push(target["expr"].as_str().expect("a query").to_owned());
        }
    }
    let name = regex::Regex::new(r"\b(?:discord|process)_[a-z_]+\b").expect("a pattern");
    let asked = asked.join("\n");
    let mut names = 0;
    for found in name.find_iter(&asked) {
        assert!(there.contains(found.as_str()), "{}", found.as_str());
        names += 1;
    }
    assert!(names > 40, "found only {names}");
}

/// A check that fails says so with its threshold, and warns without taking the instance out.
#[tokio::test]
async fn what_is_beyond_its_threshold_is_told_with_it() {
    let server = Running::start().await;
    let health = server.get("/health").await.json();
    let queue = &health["checks"]["queue"];
    assert_eq!(
        (&queue["ok"], &queue["level"]),
        (&true.into(), &"ok".into())
    );
    assert_eq!(
        (&queue["warning"], &queue["critical"]),
        (&100.0.into(), &500.0.into())
    );
    for check in ["database", "pool", "bus", "disk", "publish_latency"] {
        assert!(health["checks"][check].is_object(), "{check}: {health}");
    }
}

/// The watching routes go on where the database refuses.
#[tokio::test]
async fn without_its_tables_a_server_is_live_and_says_what_is_wrong() {
    let server = Running::start().await;
    let rename = "PRAGMA foreign_keys = OFF; ALTER TABLE rooms RENAME TO gone";
    server.sql(rename).await;
    assert_eq!(server.get("/livez").await.status, 200);
    let ready = server.get("/readyz").await;
    assert_eq!((ready.status, &ready.json()["ready"]), (503, &false.into()));
    let health = server.get("/health").await;
    assert_eq!(
        (health.status, &health.json()["status"]),
        (503, &"unhealthy".into())
    );
    assert_eq!(health.json()["db"], "disconnected");
    assert_eq!(health.json()["checks"]["database"]["ok"], false);
    assert_eq!(server.get("/metrics").await.status, 200);
    assert_eq!(server.get("/api/rooms").await.status, 500);
}
