//! `discordctl bench` against a server of its own, over every transport: nothing may be lost,
//! and the report must have what scripts look for.
use serde_json::Value;

use crate::support::client::get;
use crate::support::process::{Process, free_port};
use crate::support::{Ran, Shell, eventually};

const UNLIMITED: [(&str, &str); 1] = [("DISCORDCTL_LIMITS_MESSAGES_PER_MINUTE", "0")];

/// Runs it for a moment, with this line's words on top.
async fn bench(shell: &Shell, line: &str) -> Ran {
    let duration = if line.contains("--duration") {
        ""
    } else {
        "--duration 500ms"
    };
    let warmup = if line.contains("--warmup") {
        ""
    } else {
        "--warmup 100ms"
    };
    let line = format!("bench {warmup} {duration} {line}");
    shell.run(&line).await
}

/// A server that ends with the test.
struct Server {
    process: Process,
    shell: Shell,
}

impl Server {
    async fn start(settings: &[(&str, &str)]) -> Self {
        let shell = Shell::new();
        let process = shell.serve("one", settings).await;
        Self { process, shell }
    }

    async fn bench(&self, line: &str) -> Ran {
        let (tcp, http) = self.process.ports();
        let line = format!("--tcp-port {tcp} --http-port {http} {line}");
        bench(&self.shell, &line).await
    }
}

/// The report of a run in which all went well.
fn right(ran: Ran) -> Value {
    let report = ran.well();
    assert_eq!(report["schema"], "discordctl.bench/1");
    for name in ["lost", "repeated", "out_of_order"] {
        assert_eq!(report[name], 0, "{name} in {report:#}");
    }
    assert_eq!(report["errors"], serde_json::json!({}), "{report:#}");
    for name in ["sent", "committed", "delivered"] {
        assert!(report[name].as_u64() > Some(0), "{name} in {report:#}");
    }
    for quantile in ["p50", "p90", "p95", "p99", "p999", "max"] {
        let ms = report["delivery_ms"][quantile].as_f64();
        assert!(ms > Some(0.0), "{quantile} in {report:#}");
    }
    report
}

#[tokio::test]
async fn nothing_is_lost_over_any_transport() {
    let server = Server::start(&UNLIMITED).await;
    for transport in ["tcp", "sse", "ws", "mixed"] {
        let load = "--connections 12 --senders 4 --rooms 2";
        let line = format!("--transport {transport} {load}");
        let report = right(server.bench(&line).await);
        assert!(report["ack_ms"]["p50"].as_f64() > Some(0.0), "{report:#}");
        let committed = report["committed"].as_u64().map(|n| n * 6);
        assert_eq!(committed, report["delivered"].as_u64(), "{report:#}");
    }
}

#[tokio::test]
async fn what_is_done_to_messages_is_accounted_for_over_any_transport() {
    let server =
        Server::start(&[UNLIMITED[0], ("DISCORDCTL_LIMITS_REQUESTS_PER_MINUTE", "0")]).await;
    // What a reaction tells is not when it was due: without a warm-up, all is counted.
    let load = "--events 20 --connections 6 --senders 2 --rooms 2 --warmup 0s";
    for transport in ["tcp", "sse", "ws", "mixed --reconnect 100ms"] {
        let line = format!("--transport {transport} {load}");
        let report = right(server.bench(&line).await);
        let count = |of: &Value, name: &str| of[name].as_u64().unwrap_or(0);
        let (committed, delivered) = (count(&report, "committed"), count(&report, "delivered"));
        let events = &report["of_events"];
        assert!(count(events, "committed") > 0, "{report:#}");
        assert!(count(events, "committed") * 4 < committed, "{report:#}");
        if !transport.contains("reconnect") {
            assert_eq!(count(events, "delivered"), count(events, "committed") * 3);
            assert_eq!(delivered, committed * 3, "{report:#}");
        }
    }
    server.bench("--events 51").await.exits(64);
}

#[tokio::test]
async fn a_rate_is_kept_and_written_down() {
    let server = Server::start(&UNLIMITED).await;
    let line = "--connections 3 --senders 2 --rate 20 --csv run.csv --svg run.svg";
    let report = right(server.bench(line).await);
    assert_eq!(report["sent"], 20, "{report:#}");
    let read = |name: &str| std::fs::read_to_string(server.shell.path(name)).unwrap();
    let (csv, svg) = (read("run.csv"), read("run.svg"));
    let begins = csv.starts_with("second,committed,delivered,");
    assert!(begins && csv.lines().count() == 2, "{csv}");
    let whole = svg.starts_with("<svg ") && svg.ends_with("</svg>\n");
    assert!(whole, "{svg}");
}

#[tokio::test]
async fn idle_connections_are_held_and_weighed() {
    let server = Server::start(&UNLIMITED).await;
    let report = server.bench("--connections 20 --senders 0").await.well();
    assert_eq!(report["sent"], 0);
    if cfg!(target_os = "linux") {
        let weight = report["server"]["resident_after_kib"].as_u64();
        assert!(weight > Some(0), "{report:#}");
    }
}

#[tokio::test]
async fn readers_that_cut_their_connections_go_on_where_they_were() {
    let server = Server::start(&UNLIMITED).await;
    let line = "--connections 9 --senders 2 --rate 50 --duration 2s --transport mixed \
                --reconnect 100ms";
    let report = right(server.bench(line).await);
    let reconnects = &report["reconnects"];
    assert!(reconnects["cut"].as_u64() > Some(10), "{report:#}");
    assert_eq!(reconnects["ended"], 0, "{report:#}");
    // Lines have no place to go on from.
    server.bench("--reconnect 1s").await.exits(64);
}

#[tokio::test]
async fn slow_readers_and_silent_people_are_held() {
    let server = Server::start(&UNLIMITED).await;
    let line = "--slow 3 --silent 4 --transport mixed --connections 3";
    let report = right(server.bench(line).await);
    assert_eq!(report["burden"]["slow_held"], 3, "{report:#}");
    assert_eq!(report["burden"]["silent_held"], 4, "{report:#}");
}

#[tokio::test]
async fn the_server_s_limit_is_named() {
    let server = Server::start(&[("DISCORDCTL_LIMITS_BURST", "5")]).await;
    let ran = server.bench("--connections 2 --window 20").await.exits(1);
    let report = ran.json();
    let limited = report["errors"]["rate_limited"].as_u64();
    assert!(limited > Some(0), "{report:#}");
    assert_eq!(report["lost"], 0, "{report:#}");
    let hints = report["hints"].to_string();
    let named = hints.contains("DISCORDCTL_LIMITS_MESSAGES_PER_MINUTE=0");
    assert!(named, "{hints}");
}

#[tokio::test]
async fn a_server_that_dies_ends_with_a_report() {
    let mut server = Server::start(&UNLIMITED).await;
    let (tcp, http) = server.process.ports();
    let at = server.process.http;
    let run = tokio::spawn(async move {
        let line = "--connections 5 --duration 30s";
        let line = format!("--tcp-port {tcp} --http-port {http} {line}");
        bench(&Shell::new(), &line).await
    });
    // It runs for thirty seconds.
    let sends = async || get(at, "/metrics").await.1["messages_committed"] != 0;
    eventually("it sends", sends).await;
    server.process.kill();
    let ran = run.await.expect("it ends");
    assert!(matches!(ran.code, Some(1 | 2)), "{ran:?}");
    let told = ran.stdout.contains("closed") || ran.stdout.contains("broken");
    assert!(told, "{ran:?}");
}

#[tokio::test]
async fn the_bare_fan_out_is_a_reference_for_the_same_readers() {
    let line = "--reference fanout --connections 5 --senders 2";
    right(bench(&Shell::new(), line).await);
}

#[tokio::test]
async fn no_server_is_69_and_a_plan_that_makes_no_sense_is_64() {
    let shell = Shell::new();
    let [tcp, http] = [free_port(), free_port()];
    let none = bench(&shell, &format!("--tcp-port {tcp} --http-port {http}")).await;
    assert_eq!(none.exits(69).problem()["code"], "cannot_connect");
    let nonsense = bench(&shell, "--connections 0 --senders 0").await;
    nonsense.exits(64);
}
