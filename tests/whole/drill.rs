//! `discordctl drill` on servers of its own: it causes what it says, keeps an account, and leaves
//! nothing behind.
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// A folder for temporary files through which PostgreSQL's user can get.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).expect("ours");
    folder
}

/// A short drill in `folder`, by an operator whose environment names another database.
fn drill(folder: &TempDir, fault: &str, args: &[&str]) -> Command {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    if let Some(programs) = std::env::var_os("DISCORDCTL_TEST_POSTGRES_BIN") {
        path.push(":");
        path.push(programs);
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_discordctl"));
    command
        .args(["drill", fault, "--messages", "60", "--interval", "10ms"])
        .args(args)
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", path)
        .env("TMPDIR", folder.path())
        .env(
            "DISCORDCTL_DB_URL",
            "postgresql://nobody@127.0.0.1:1/theirs",
        )
        .stdin(Stdio::null());
    command
}

/// Whether it could not be held because a server is not installed.
fn is_left_out(ended: &Output) -> bool {
    let said = String::from_utf8_lossy(&ended.stderr);
    let lacks = ended.status.code() == Some(69) && said.contains("not_installed");
    if lacks {
        crate::support::need::left_out("postgres", &said);
    }
    lacks
}

fn left_behind(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).expect("ours").flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names
        .filter(|name| name.starts_with("discordctl-drill"))
        .collect()
}

fn nothing_is_lost(fault: &str, caused: &str) {
    let folder = folder();
    let args = ["--kill-at", "20", "--recovery-wait", "500ms", "-o", "json"];
    let ended = drill(&folder, fault, &args).output();
    let ended = ended.expect("discordctl runs");
    if is_left_out(&ended) {
        return;
    }
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(0), "{said}");
    let report: Value = serde_json::from_slice(&ended.stdout).expect("one JSON object");
    assert_eq!(report["schema"], "discordctl.drill/1");
    assert_eq!(report["passed"], true);
    for (key, expected) in [
        ("sent", 60),
        ("acknowledged", 60),
        ("in_database", 60),
        ("received", 240),
        ("lost", 0),
        ("repeated", 0),
        ("out_of_order", 0),
    ] {
        assert_eq!(report[key], expected, "{key}: {report}");
    }
    let read = |name: &str| {
        let file = folder.path().join("logs").join(name);
        fs::read_to_string(file).expect("it was written")
    };
    let messages = read("messages.csv");
    assert_eq!(
        messages.lines().next(),
        Some("client,message,sent,received,latency_ms")
    );
    assert_eq!(messages.lines().count(), 1 + 240);
    let events = read("events.log");
    assert!(events.contains(caused), "{events}");
    assert!(events.contains("all is well again"), "{events}");
    let results: Value = serde_json::from_str(&read("results.json")).expect("JSON");
    assert_eq!(results["delivery_rate_percent"], 100.0);
    assert_eq!(left_behind(&folder), Vec::<String>::new());
}

#[test]
fn an_outage_of_redis_loses_nothing() {
    nothing_is_lost("redis-outage", "Redis killed");
}

#[test]
fn an_instance_that_is_killed_loses_nothing() {
    nothing_is_lost("kill-instance", "instance-1 killed");
}

#[test]
fn a_signal_ends_its_servers_too() {
    let folder = folder();
    let args = ["--kill-at", "20", "--recovery-wait", "1h"];
    let mut command = drill(&folder, "redis-outage", &args);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("discordctl runs");
    let mut pids = Vec::new();
    let stderr = BufReader::new(child.stderr.take().expect("piped"));
    for line in stderr.lines() {
        let line = line.expect("text");
        if let Some((_, pid)) = line.split_once("started, pid ") {
            pids.push(pid.parse::<i32>().expect("a number"));
        }
        if line.ends_with("Redis killed") {
            kill_process(Pid::from_child(&child), Signal::INT).expect("ours");
        }
    }
    let ended = child.wait().expect("ours");
    if pids.is_empty() {
        // The servers are not installed; the other tests say so.
        assert_eq!(ended.code(), Some(69));
        return;
    }
    assert_eq!(ended.code(), Some(130));
    assert_eq!(left_behind(&folder), Vec::<String>::new());
    for pid in pids {
        // Its command line is gone with it, even if somebody else has its id by now.
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let own = folder.path().to_string_lossy().into_owned();
        assert!(!line.contains(&own), "{pid}: {line}");
    }
}

#[test]
fn a_server_that_is_not_installed_is_69_and_one_that_makes_no_sense_64() {
    let folder = folder();
    let mut absent = drill(&folder, "redis-outage", &[]);
    let absent = absent.env("PATH", "").output();
    let absent = absent.expect("discordctl runs");
    let said = String::from_utf8_lossy(&absent.stderr);
    assert_eq!(absent.status.code(), Some(69), "{said}");
    assert!(said.contains("install"), "{said}");
    let late = drill(&folder, "redis-outage", &["--kill-at", "61"]).output();
    assert_eq!(late.expect("discordctl runs").status.code(), Some(64));
}
