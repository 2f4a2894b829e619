//! `discordctl bench` against a server of its own, over every transport: nothing may be lost,
//! and the report must have what scripts look for.
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::process::{Process, free_port, program, serve};

/// A server that ends with the test.
struct Server {
    process: Process,
    ports: [String; 2],
    _folder: tempfile::TempDir,
}

impl Server {
    /// Starts one and waits until it listens.
    fn start(variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = serve(discordctl(folder.path()), (0, 0));
        command
            .envs(variables.iter().copied())
            .stderr(Stdio::null());
        let process = Process::launch(command).expect("the server starts");
        let (tcp, http) = process.ports();
        let ports = [tcp, http].map(|port| port.to_string());
        Self {
            process,
            ports,
            _folder: folder,
        }
    }

    fn unlimited() -> Self {
        Self::start(&[("DISCORDCTL_LIMITS_MESSAGES_PER_MINUTE", "0")])
    }

    fn bench(&self, args: &[&str]) -> (Option<i32>, Value) {
        let [tcp, http] = &self.ports;
        let instance = ["--tcp-port", tcp, "--http-port", http];
        bench(&[&instance[..], args].concat())
    }
}

fn discordctl(folder: &Path) -> Command {
    let mut command = program();
    command.current_dir(folder);
    command
}

/// Runs it for a moment; its exit code and the one object that it prints.
fn bench(args: &[&str]) -> (Option<i32>, Value) {
    let folder = tempfile::tempdir().expect("a folder");
    let Output {
        status,
        stdout,
        stderr,
    } = discordctl(folder.path())
        .args(["bench", "-o", "json", "--warmup", "100ms"])
        .args(
            ["--duration", "500ms"]
                .iter()
                .filter(|_| !args.contains(&"--duration")),
        )
        .args(args)
        .output()
        .expect("discordctl runs");
    let object = if stdout.is_empty() { &stderr } else { &stdout };
    let report = serde_json::from_slice(object)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(object)));
    (status.code(), report)
}

fn assert_right(code: Option<i32>, report: &Value) {
    assert_eq!(code, Some(0), "{report:#}");
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
}

#[test]
fn nothing_is_lost_over_any_transport() {
    let server = Server::unlimited();
    for transport in ["tcp", "sse", "ws", "mixed"] {
        let (code, report) = server.bench(&[
            "--transport",
            transport,
            "--connections",
            "12",
            "--senders",
            "4",
            "--rooms",
            "2",
        ]);
        assert_right(code, &report);
        assert!(report["ack_ms"]["p50"].as_f64() > Some(0.0), "{report:#}");
        let (committed, delivered) = (&report["committed"], &report["delivered"]);
        assert_eq!(
            committed.as_u64().map(|n| n * 6),
            delivered.as_u64(),
            "{report:#}"
        );
    }
}

#[test]
fn a_rate_is_kept_and_written_down() {
    let server = Server::unlimited();
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (csv, svg) = (path("run.csv"), path("run.svg"));
    let (code, report) = server.bench(&[
        "--connections",
        "3",
        "--senders",
        "2",
        "--rate",
        "20",
        "--csv",
        &csv,
        "--svg",
        &svg,
    ]);
    assert_right(code, &report);
    assert_eq!(report["sent"], 20, "{report:#}");
    let csv = std::fs::read_to_string(csv).expect("a file");
    assert!(
        csv.starts_with("second,committed,delivered,") && csv.lines().count() == 2,
        "{csv}"
    );
    let svg = std::fs::read_to_string(svg).expect("a file");
    assert!(
        svg.starts_with("<svg ") && svg.ends_with("</svg>\n"),
        "{svg}"
    );
}

#[test]
fn idle_connections_are_held_and_weighed() {
    let server = Server::unlimited();
    let (code, report) = server.bench(&["--connections", "20", "--senders", "0"]);
    assert_eq!(code, Some(0), "{report:#}");
    assert_eq!(report["sent"], 0);
    if cfg!(target_os = "linux") {
        assert!(
            report["server"]["resident_after_kib"].as_u64() > Some(0),
            "{report:#}"
        );
    }
}

#[test]
fn readers_that_cut_their_connections_go_on_where_they_were() {
    let server = Server::unlimited();
    let load = ["--connections", "9", "--senders", "2", "--rate", "50"];
    let manner = ["--transport", "mixed", "--reconnect", "100ms"];
    let (code, report) = server.bench(&[&load[..], &manner, &["--duration", "2s"]].concat());
    assert_right(code, &report);
    let reconnects = &report["reconnects"];
    assert!(reconnects["cut"].as_u64() > Some(10), "{report:#}");
    assert_eq!(reconnects["ended"], 0, "{report:#}");
    let (code, problem) = server.bench(&["--reconnect", "1s"]);
    assert_eq!(
        code,
        Some(64),
        "lines have no place to go on from: {problem}"
    );
}

#[test]
fn slow_readers_and_silent_people_are_held() {
    let server = Server::unlimited();
    let burden = ["--slow", "3", "--silent", "4", "--transport", "mixed"];
    let (code, report) = server.bench(&[&burden[..], &["--connections", "3"]].concat());
    assert_right(code, &report);
    assert_eq!(report["burden"]["slow_held"], 3, "{report:#}");
    assert_eq!(report["burden"]["silent_held"], 4, "{report:#}");
}

#[test]
fn the_server_s_limit_is_named() {
    let server = Server::start(&[("DISCORDCTL_LIMITS_BURST", "5")]);
    let (code, report) = server.bench(&["--connections", "2", "--window", "20"]);
    assert_eq!(code, Some(1), "{report:#}");
    assert!(
        report["errors"]["rate_limited"].as_u64() > Some(0),
        "{report:#}"
    );
    assert_eq!(report["lost"], 0, "{report:#}");
    let hints = report["hints"].to_string();
    assert!(
        hints.contains("DISCORDCTL_LIMITS_MESSAGES_PER_MINUTE=0"),
        "{hints}"
    );
}

#[test]
fn a_server_that_dies_ends_with_a_report() {
    let mut server = Server::unlimited();
    let ports = server.ports.clone();
    let run = std::thread::spawn(move || {
        bench(&[
            "--tcp-port",
            &ports[0],
            "--http-port",
            &ports[1],
            "--connections",
            "5",
            "--duration",
            "30s",
        ])
    });
    // It runs for thirty seconds; whether it is still connecting or sends already, it must end.
    std::thread::sleep(std::time::Duration::from_secs(1));
    server.process.kill();
    let (code, report) = run.join().expect("it ends");
    assert!(matches!(code, Some(1 | 2)), "{code:?} {report:#}");
    let errors = report["errors"].to_string();
    assert!(
        errors.contains("closed") || errors.contains("broken"),
        "{errors}"
    );
}

#[test]
fn the_bare_fan_out_is_a_reference_for_the_same_readers() {
    let (code, report) = bench(&[
        "--reference",
        "fanout",
        "--connections",
        "5",
        "--senders",
        "2",
    ]);
    assert_right(code, &report);
}

#[test]
fn nobody_there_is_69_and_a_plan_that_makes_no_sense_is_64() {
    let [tcp, http] = [(); 2].map(|()| free_port().to_string());
    let (code, problem) = bench(&["--tcp-port", &tcp, "--http-port", &http]);
    assert_eq!(
        (code, &problem["code"]),
        (Some(69), &"cannot_connect".into())
    );
    let (code, _) = bench(&["--connections", "0", "--senders", "0"]);
    assert_eq!(code, Some(64));
}
