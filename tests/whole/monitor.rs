//! `discordctl monitor` beside real instances: what it prints where there is no terminal, and
//! that it leaves a terminal as it found it.
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::process::{Process, binary, free_port, serve};
use crate::support::{DEADLINE, Ran, Running, Shell, Stream};

/// A server of the test's own, in a folder with configurations: its own, and that of an instance
/// that was never started.
async fn start() -> (Shell, Process) {
    let shell = Shell::new().with("COLUMNS", "80");
    let mut command = serve(shell.command(""), (0, 0));
    command.args(["--instance-id", "instance-1"]);
    let server = Process::start(command).await;
    std::fs::create_dir(shell.path("config")).unwrap();
    // Nothing listens on a port that is free.
    for (number, (tcp, http)) in [(1, server.ports()), (2, (1, free_port()))] {
        let config = json!({
            "instance_id": format!("instance-{number}"), "tcp_port": tcp, "http_port": http,
        });
        let file = shell.path(&format!("config/instance{number}.json"));
        std::fs::write(file, config.to_string()).unwrap();
    }
    (shell, server)
}

async fn monitor(shell: &Shell, words: &str) -> Ran {
    let line = format!("monitor --interval 300ms {words}");
    Ran::of(shell.command(&line)).await
}

#[tokio::test]
async fn one_look_without_a_terminal() {
    let (shell, _server) = start().await;
    let text = monitor(&shell, "instance-1").await.exits(0).stdout;
    let well = text.contains("instance-1  healthy") && text.contains("no alerts");
    assert!(well && !text.contains('\x1b'), "{text}");

    // One is down.
    let view = monitor(&shell, "-o json").await.exits(2).json();
    assert_eq!(view["schema"], "discordctl.monitor/1");
    let instances = view["instances"].as_array().unwrap();
    assert_eq!(instances[0]["state"], "healthy");
    assert_eq!(instances[0]["clients"], 0.0);
    assert_eq!(instances[0]["messages_per_second"], 0.0);
    assert_eq!(instances[1]["state"], "down");
    assert_eq!(instances[1]["clients"], Value::Null, "never a stale number");
    let alert = &view["alerts"][0];
    assert_eq!(alert["source"], "instance-2");
    // One that never answered is no bad deploy.
    assert_eq!(alert["runbook"], Value::Null);
    assert_eq!(view["database"]["kind"], "sqlite");
}

#[tokio::test]
async fn a_stream_of_lines_ends_with_its_reader() {
    let (shell, _server) = start().await;
    let line = "monitor --watch -o json --interval 200ms";
    let mut watch = Running::start(shell.command(line), Stream::Stdout);
    let mut levels = Vec::new();
    for _ in 0..4 {
        let line = watch.next().await.expect("a line");
        let view: Value = serde_json::from_str(&line).unwrap();
        let alerts = view["alerts"].as_array().unwrap().iter();
        levels.push(
            alerts
                .filter(|alert| alert["source"] == "instance-2")
                .count(),
        );
    }
    // An alert needs three looks.
    assert_eq!(levels, [0, 0, 1, 1]);
    assert_eq!(watch.unread().await, Some(0));
}

#[tokio::test]
async fn no_such_folder_is_66() {
    let shell = Shell::new();
    monitor(&shell, "--config-dir config").await.exits(66);
    monitor(&shell, "").await.exits(3);
}

/// Leaves the alternate screen and shows the cursor.
const RESTORED: [&str; 2] = ["\x1b[?1049l", "\x1b[?25h"];

/// The full screen in a terminal that `script` makes, ended by that signal.
fn in_a_terminal(folder: &Path, signal: Signal) -> String {
    // The shell tells its id and becomes the monitor.
    let line = format!(
        "stty rows 24 cols 80; echo $$ > pid; exec {} monitor instance-1",
        binary()
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
    let begun = Instant::now();
    while !String::from_utf8_lossy(&seen).contains("healthy") {
        assert!(begun.elapsed() < DEADLINE, "it never drew");
        let count = stdout.read(&mut part).expect("it can be read");
        assert!(count > 0, "it ended: {}", String::from_utf8_lossy(&seen));
        seen.extend(&part[..count]);
    }
    let pid = std::fs::read_to_string(folder.join("pid")).expect("a pid");
    let pid = Pid::from_raw(pid.trim().parse().expect("a number"));
    kill_process(pid.expect("not 0"), signal).expect("it is there");
    stdout.read_to_end(&mut seen).expect("it can be read");
    script.wait().expect("it ends");
    String::from_utf8_lossy(&seen).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_terminal_is_given_back() {
    if !Path::new("/usr/bin/script").exists() {
        return crate::support::need::left_out("tools", "there is no script(1)");
    }
    let (shell, _server) = start().await;
    for signal in [Signal::TERM, Signal::INT] {
        let seen = in_a_terminal(shell.folder.path(), signal);
        for sequence in RESTORED {
            assert!(seen.contains(sequence), "{signal:?}: {seen:?}");
        }
    }
}
