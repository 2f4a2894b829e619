//! `discordctl drill` on servers of its own: it causes what it says, keeps an account, and leaves
//! nothing behind.
use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::need::left_out;
use crate::support::postgres::folder;
use crate::support::{Running, Shell, Stream};

/// An operator whose environment names another database; PostgreSQL's user can get through the
/// folder.
fn operator() -> Shell {
    let mut path = std::env::var("PATH").unwrap_or_default();
    if let Ok(programs) = std::env::var("DISCORDCTL_TEST_POSTGRES_BIN") {
        path = format!("{path}:{programs}");
    }
    let shell = Shell::within(folder());
    let folder = shell.path("").display().to_string();
    shell.with("PATH", &path).with("TMPDIR", &folder).with(
        "DISCORDCTL_DB_URL",
        "postgresql://nobody@127.0.0.1:1/theirs",
    )
}

/// A short drill.
fn drill(words: &str) -> String {
    format!("drill {words} --messages 60 --interval 10ms")
}

fn left_behind(shell: &Shell) -> Vec<String> {
    let entries = fs::read_dir(shell.folder.path()).expect("ours").flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names
        .filter(|name| name.starts_with("discordctl-drill"))
        .collect()
}

async fn nothing_is_lost(fault: &str, caused: &str) {
    let shell = operator();
    let line = drill(&format!("{fault} --kill-at 20 --recovery-wait 500ms"));
    let ended = shell.run(&line).await;
    if ended.code == Some(69) && ended.stderr.contains("not_installed") {
        return left_out("postgres", &ended.stderr);
    }
    let report = ended.well();
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
        let file = shell.path("logs").join(name);
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
    assert_eq!(left_behind(&shell), Vec::<String>::new());
}

#[tokio::test]
async fn an_outage_of_redis_loses_nothing() {
    nothing_is_lost("redis-outage", "Redis killed").await;
}

#[tokio::test]
async fn an_instance_that_is_killed_loses_nothing() {
    nothing_is_lost("kill-instance", "instance-1 killed").await;
}

#[tokio::test]
async fn a_failover_to_a_synchronous_standby_loses_nothing() {
    nothing_is_lost("failover", "the standby is promoted").await;
}

/// What was lost is said, and nothing else may be: every reader was told, and sees what is stored.
#[tokio::test]
async fn a_failover_to_a_standby_that_fell_behind_says_what_it_lost() {
    let shell = operator();
    let line = drill("failover --async --kill-at 20 --recovery-wait 500ms");
    let ended = shell.run(&line).await;
    if ended.code == Some(69) && ended.stderr.contains("not_installed") {
        return left_out("postgres", &ended.stderr);
    }
    let report = ended.well();
    assert_eq!(report["replication"], "asynchronous");
    let number = |key: &str| report[key].as_u64().expect("a number");
    assert!(number("lost_with_primary") > 0, "{report}");
    assert_eq!(number("in_database") + number("lost_with_primary"), 60);
    for key in ["lost", "repeated", "out_of_order", "not_stored"] {
        assert_eq!(report[key], 0, "{key}: {report}");
    }
    let readers = report["readers"].as_array().expect("a list");
    assert!(
        readers.iter().all(|reader| reader["resets"] == 1),
        "{report}"
    );
    assert_eq!(left_behind(&shell), Vec::<String>::new());
    shell.run(&drill("redis-outage --async")).await.exits(64);
}

#[tokio::test]
async fn a_signal_ends_its_servers_too() {
    let shell = operator();
    let line = drill("redis-outage --kill-at 20 --recovery-wait 1h");
    let mut run = Running::start(shell.command(&line), Stream::Stderr);
    let mut pids = Vec::new();
    while let Some(line) = run.next().await {
        if let Some((_, pid)) = line.split_once("started, pid ") {
            pids.push(pid.parse::<i32>().expect("a number"));
        }
        if line.ends_with("Redis killed") {
            run.signal(Signal::INT);
        }
    }
    let (_, code) = run.ends().await;
    if pids.is_empty() {
        // The servers are not installed; the other tests say so.
        assert_eq!(code, Some(69));
        return;
    }
    assert_eq!(code, Some(130));
    assert_eq!(left_behind(&shell), Vec::<String>::new());
    let own = shell.path("").display().to_string();
    for pid in pids {
        // Its command line is gone with it, even if another process has its id by now.
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        assert!(!line.contains(&own), "{pid}: {line}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_installed_is_69_and_one_that_makes_no_sense_64() {
    let shell = operator();
    let absent = shell
        .run_with(&drill("redis-outage"), &[("PATH", "")])
        .await;
    absent.exits(69).says("install");
    let late = shell.run(&drill("redis-outage --kill-at 61")).await;
    late.exits(64);
}
