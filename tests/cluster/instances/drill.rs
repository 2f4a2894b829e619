//! Drills on instances that people use: what ran before runs after, whatever happens, and what can't
//! be mended is not begun.
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use super::folder::Folder;
use crate::support::DEADLINE;
use crate::support::Ran;
use crate::support::redis::Server as Redis;

const SHORT: [&str; 9] = [
    "--live",
    "--messages",
    "40",
    "--kill-at",
    "15",
    "--interval",
    "10ms",
    "--recovery-wait",
    "300ms",
];

async fn drill(folder: &Folder, fault: &str, more: &[&str]) -> Ran {
    let words = [&["drill", fault][..], &SHORT, more].concat();
    folder.run(&words).await
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
    folder.run(&["start"]).await.exits(0);
    let before = folder.pids();
    let more = ["--instance", "instance-2", "--yes"];
    assert_nothing_lost(drill(&folder, "kill-instance", &more).await);
    let after = folder.pids();
    assert_eq!(after[0], before[0]);
    assert_ne!(after[1], before[1]);
    folder.run(&["status"]).await.exits(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_and_a_slow_reader_stop_nobody() {
    let folder = Folder::embedded(2);
    folder.run(&["start"]).await.exits(0);
    let before = folder.pids();
    assert_nothing_lost(drill(&folder, "slow-reader", &["--yes"]).await);
    assert_eq!(folder.pids(), before);
    assert_nothing_lost(drill(&folder, "rolling-restart", &["--yes"]).await);
    assert!(folder.pids().iter().all(|pid| !before.contains(pid)));
    folder.run(&["status"]).await.exits(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_stopped_and_started_as_the_operator_says() {
    let Some(redis) = Redis::start() else {
        return;
    };
    let folder = Folder::with(2, &json!({ "redis_url": redis.url() }));
    folder.run(&["start"]).await.exits(0);
    let commands = [
        "--stop-command",
        "kill -STOP $(cat redis.pid) && echo stopped >> said",
        "--start-command",
        "kill -CONT $(cat redis.pid) && echo started >> said",
        "--yes",
    ];
    let said = folder.path("said");
    // A command that fails is followed by the one that mends; where that fails too it is over,
    // whatever was still to be said.
    let words = ["drill", "redis-outage", "--live", "--kill-at", "2"];
    let long = ["--messages", "1000", "--interval", "1s"];
    let words = [&words[..], &long, &commands].concat();
    let long = timeout(DEADLINE, folder.run(&words)).await;
    let broken = long.expect("over").exits(69);
    assert!(broken.stderr.contains("kill -CONT"), "{broken:?}");
    let info: String = redis::cmd("INFO")
        .arg("server")
        .query(&mut redis.client())
        .expect("an answer");
    let pid = info
        .lines()
        .find_map(|line| line.strip_prefix("process_id:"));
    std::fs::write(folder.path("redis.pid"), pid.expect("it tells")).expect("a file");
    assert_nothing_lost(drill(&folder, "redis-outage", &commands).await);
    let said = std::fs::read_to_string(said).expect("they ran");
    assert_eq!(said, "stopped\nstarted\n");
    let early = drill(&folder, "redis-outage", &["--yes"]).await.exits(64);
    assert!(early.stderr.contains("--stop-command"), "{early:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_say_yes_or_is_not_well_is_left_alone() {
    let folder = Folder::embedded(1);
    let early = drill(&folder, "kill-instance", &["--yes"]).await.exits(64);
    assert!(early.stderr.contains("does not run"), "{early:?}");
    folder.run(&["start"]).await.exits(0);
    let before = folder.pids();
    let unasked = drill(&folder, "kill-instance", &[]).await.exits(64);
    assert!(unasked.stderr.contains("kill instance-1"), "{unasked:?}");
    let server = drill(&folder, "database-restart", &["--yes"])
        .await
        .exits(64);
    assert!(server.stderr.contains("SQLite"), "{server:?}");
    let foreign = ["--instance", "instance-9", "--yes"];
    drill(&folder, "kill-instance", &foreign).await.exits(66);
    assert_eq!(folder.pids(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_a_limit_would_refuse_are_not_begun_with() {
    let folder = Folder::with(1, &json!({ "limits": { "messages_per_minute": 60 } }));
    folder.run(&["start"]).await.exits(0);
    let fast = drill(&folder, "slow-reader", &["--yes"]).await.exits(64);
    assert!(fast.stderr.contains("messages_per_minute"), "{fast:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_leaves_a_killed_instance_running() {
    let folder = Folder::embedded(2);
    folder.run(&["start"]).await.exits(0);
    let words = ["drill", "kill-instance", "--live", "--yes"];
    let words = [&words[..], &["--kill-at", "2", "--recovery-wait", "10m"]];
    let mut command = folder.command(&words.concat());
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = Command::from(command)
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let killed = async {
        while let Some(line) = lines.next_line().await.expect("readable") {
            if line.contains("instance-1 killed") {
                return;
            }
        }
        panic!("it ended before");
    };
    timeout(DEADLINE, killed).await.expect("it goes on");
    let pid = i32::try_from(child.id().expect("it runs")).expect("a pid");
    let pid = rustix::process::Pid::from_raw(pid).expect("a pid");
    // Twice: the second must not end it before the instance is back.
    for _ in 0..2 {
        rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("ours");
    }
    while let Ok(Some(_)) = lines.next_line().await {}
    let ended = timeout(DEADLINE, child.wait()).await.expect("it ends");
    assert_eq!(ended.expect("ours").code(), Some(130));
    folder.run(&["status"]).await.exits(0);
}
