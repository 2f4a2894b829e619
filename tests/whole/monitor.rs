//! `discordctl monitor` beside real instances: what it prints where there is no terminal, and
//! that it leaves a terminal as it found it.
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::process::{Process, free_port, program, serve};

fn discordctl(folder: &Path) -> Command {
    let mut command = program();
    command.current_dir(folder).env("COLUMNS", "80");
    command
}

/// A server of the test's own on the embedded database.
fn start(folder: &Path) -> Process {
    let mut command = serve(discordctl(folder), (0, 0));
    command
        .args(["--instance-id", "instance-1"])
        .stderr(Stdio::null());
    Process::launch(command).expect("the server starts")
}

/// A folder of configurations: the server, and an instance that nobody started.
fn config(folder: &Path, server: &Process) {
    std::fs::create_dir(folder.join("config")).expect("a folder");
    let write = |number: u16, (tcp, http): (u16, u16)| {
        let config = serde_json::json!({
            "instance_id": format!("instance-{number}"), "tcp_port": tcp, "http_port": http,
        });
        let file = folder.join(format!("config/instance{number}.json"));
        std::fs::write(file, config.to_string()).expect("a file");
    };
    write(1, server.ports());
    // Nothing listens on a port that was free a moment ago.
    write(2, (1, free_port()));
}

fn monitor(folder: &Path, args: &[&str]) -> Output {
    let all = [&["monitor", "--interval", "300ms"], args].concat();
    discordctl(folder)
        .args(all)
        .output()
        .expect("discordctl runs")
}

#[test]
fn one_look_without_a_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = start(folder.path());
    config(folder.path(), &server);

    let well = monitor(folder.path(), &["instance-1"]);
    let text = String::from_utf8(well.stdout).expect("UTF-8");
    assert_eq!(well.status.code(), Some(0), "{text}");
    assert!(
        text.contains("instance-1  healthy") && text.contains("no alerts"),
        "{text}"
    );
    assert!(!text.contains('\x1b'), "{text}");

    let json = monitor(folder.path(), &["-o", "json"]);
    assert_eq!(json.status.code(), Some(2), "one is down");
    let view: Value = serde_json::from_slice(&json.stdout).expect("one JSON object");
    assert_eq!(view["schema"], "discordctl.monitor/1");
    let instances = view["instances"].as_array().expect("a list");
    assert_eq!(instances[0]["state"], "healthy");
    assert_eq!(instances[0]["clients"], 0.0);
    assert_eq!(instances[0]["messages_per_second"], 0.0);
    assert_eq!(instances[1]["state"], "down");
    assert_eq!(instances[1]["clients"], Value::Null, "never a stale number");
    assert_eq!(view["alerts"][0]["source"], "instance-2");
    let runbook = &view["alerts"][0]["runbook"];
    assert_eq!(
        runbook,
        &Value::Null,
        "one that never answered is no bad deploy"
    );
    assert_eq!(view["database"]["kind"], "sqlite");
}

#[test]
fn a_stream_of_lines_ends_with_its_reader() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = start(folder.path());
    config(folder.path(), &server);
    let mut child = discordctl(folder.path())
        .args(["monitor", "--watch", "-o", "json", "--interval", "200ms"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("discordctl runs");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let levels: Vec<usize> = (0..4)
        .map(|_| {
            let line = lines.next().expect("a line").expect("UTF-8");
            let view: Value = serde_json::from_str(&line).expect("a JSON object");
            let alerts = view["alerts"].as_array().expect("a list");
            let about = |alert: &&Value| alert["source"] == "instance-2";
            alerts.iter().filter(about).count()
        })
        .collect();
    // An alert needs three looks.
    assert_eq!(levels, [0, 0, 1, 1]);
    drop(lines);
    let ended = child.wait().expect("it ends");
    assert_eq!(ended.code(), Some(0));
}

#[test]
fn no_such_folder_is_66() {
    let folder = tempfile::tempdir().expect("a folder");
    let named = monitor(folder.path(), &["--config-dir", "config"]);
    assert_eq!(named.status.code(), Some(66));
    assert_eq!(monitor(folder.path(), &[]).status.code(), Some(3));
}

/// Leaves the alternate screen and shows the cursor.
const RESTORED: [&str; 2] = ["\x1b[?1049l", "\x1b[?25h"];

/// The full screen in a terminal that `script` makes, ended by that signal.
fn in_a_terminal(folder: &Path, signal: rustix::process::Signal) -> String {
    // The shell tells its id and becomes the monitor.
    let line = format!(
        "stty rows 24 cols 80; echo $$ > pid; exec {} monitor instance-1",
        env!("CARGO_BIN_EXE_discordctl")
    );
    let mut script = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .current_dir(folder)
        .env("TERM", "xterm-256color")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script runs");
    let mut stdout = script.stdout.take().expect("a pipe");
    let mut seen = Vec::new();
    let mut part = [0; 4096];
    let begun = tokio::time::Instant::now();
    while !String::from_utf8_lossy(&seen).contains("healthy") {
        assert!(begun.elapsed() < Duration::from_secs(20), "it never drew");
        let count = stdout.read(&mut part).expect("it can be read");
        assert!(count > 0, "it ended: {}", String::from_utf8_lossy(&seen));
        seen.extend(&part[..count]);
    }
    let pid = std::fs::read_to_string(folder.join("pid")).expect("a pid");
    let pid = rustix::process::Pid::from_raw(pid.trim().parse().expect("a number"));
    rustix::process::kill_process(pid.expect("not 0"), signal).expect("it is there");
    stdout.read_to_end(&mut seen).expect("it can be read");
    script.wait().expect("it ends");
    String::from_utf8_lossy(&seen).into_owned()
}

#[test]
fn the_terminal_is_given_back() {
    if !Path::new("/usr/bin/script").exists() {
        return crate::support::need::left_out("tools", "there is no script(1)");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let server = start(folder.path());
    config(folder.path(), &server);
    use rustix::process::Signal;
    for signal in [Signal::TERM, Signal::INT] {
        let seen = in_a_terminal(folder.path(), signal);
        for sequence in RESTORED {
            assert!(seen.contains(sequence), "{signal:?}: {seen:?}");
        }
    }
}
