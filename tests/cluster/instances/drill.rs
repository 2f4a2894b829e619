//! Drills on instances that people use: what ran before runs after, whatever happens, and what cannot
//! be mended is not begun.
use rustix::process::Signal;
use serde_json::{Value, json};

use super::folder::Folder;
use crate::support::redis::Server as Redis;
use crate::support::{Ran, Running, Stream};

/// The drill `words` on what runs, with few messages.
async fn drill(folder: &Folder, words: &str) -> Ran {
    let short = "--live --messages 40 --kill-at 15 --interval 10ms --recovery-wait 300ms";
    folder.run(&format!("drill {words} {short}")).await
}

fn assert_nothing_lost(ran: Ran) {
    let report: Value = ran.exits(0).json();
    assert_eq!(report["passed"], true, "{report:#}");
    for (key, expected) in [
        ("sent", 40),
        ("in_database", 40),
        ("lost", 0),
        ("repeated", 0),
    ] {
        assert_eq!(report[key], expected, "{key} in {report:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_killed_is_started_again_as_it_was() {
    let folder = Folder::embedded(2);
    folder.run("start").await.exits(0);
    let before = folder.pids();
    let words = "kill-instance --instance instance-2 --yes";
    assert_nothing_lost(drill(&folder, words).await);
    let after = folder.pids();
    assert_eq!(after[0], before[0]);
    assert_ne!(after[1], before[1]);
    folder.run("status").await.exits(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_and_a_slow_reader_stop_nobody() {
    let folder = Folder::embedded(2);
    folder.run("start").await.exits(0);
    let before = folder.pids();
    assert_nothing_lost(drill(&folder, "slow-reader --yes").await);
    assert_eq!(folder.pids(), before);
    assert_nothing_lost(drill(&folder, "rolling-restart --yes").await);
    assert!(folder.pids().iter().all(|pid| !before.contains(pid)));
    folder.run("status").await.exits(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_stopped_and_started_as_the_operator_says() {
    let Some(redis) = Redis::start() else {
        return;
    };
    let folder = Folder::with(2, &json!({ "redis_url": redis.url() }));
    folder.run("start").await.exits(0);
    for (name, signal, word) in [("stop", "STOP", "stopped"), ("start", "CONT", "started")] {
        let text = format!("#!/bin/sh\nkill -{signal} $(cat redis.pid) && echo {word} >> said\n");
        folder.script(name, &text);
    }
    let words = "redis-outage --stop-command ./stop --start-command ./start --yes";
    let said = folder.path("said");
    // A command that fails is followed by the one that mends; where that fails too it is over,
    // whatever was still to be said.
    let long = format!("drill {words} --live --kill-at 2 --messages 1000 --interval 1s");
    let broken = folder.run(&long).await.exits(69);
    broken.says("./start");
    let info: String = redis::cmd("INFO")
        .arg("server")
        .query(&mut redis.client())
        .expect("an answer");
    let pid = info
        .lines()
        .find_map(|line| line.strip_prefix("process_id:"));
    std::fs::write(folder.path("redis.pid"), pid.expect("it tells")).expect("a file");
    assert_nothing_lost(drill(&folder, words).await);
    let said = std::fs::read_to_string(said).expect("they ran");
    assert_eq!(said, "stopped\nstarted\n");
    let early = drill(&folder, "redis-outage --yes").await.exits(64);
    early.says("--stop-command");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_yes_or_where_all_is_not_well_nothing_is_touched() {
    let folder = Folder::embedded(1);
    let early = drill(&folder, "kill-instance --yes").await.exits(64);
    early.says("does not run");
    folder.run("start").await.exits(0);
    let before = folder.pids();
    let unasked = drill(&folder, "kill-instance").await.exits(64);
    unasked.says("kill instance-1");
    let server = drill(&folder, "database-restart --yes").await.exits(64);
    server.says("SQLite");
    let foreign = "kill-instance --instance instance-9 --yes";
    drill(&folder, foreign).await.exits(66);
    assert_eq!(folder.pids(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_a_limit_would_refuse_are_not_begun_with() {
    let folder = Folder::with(1, &json!({ "limits": { "messages_per_minute": 60 } }));
    folder.run("start").await.exits(0);
    let fast = drill(&folder, "slow-reader --yes").await.exits(64);
    fast.says("messages_per_minute");
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_leaves_a_killed_instance_running() {
    let folder = Folder::embedded(2);
    folder.run("start").await.exits(0);
    let line = "drill kill-instance --live --yes --kill-at 2 --recovery-wait 10m";
    let mut drill = Running::start(folder.command(line), Stream::Stderr);
    drill.until("instance-1 killed").await;
    // Twice: the second must not end it before the instance is back.
    for _ in 0..2 {
        drill.signal(Signal::INT);
    }
    assert_eq!(drill.ends().await.1, Some(130));
    folder.run("status").await.exits(0);
}
