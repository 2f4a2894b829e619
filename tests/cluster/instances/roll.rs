//! Replacing instances: what is looked at first, and what becomes of a new one that does not do.
use rustix::process::Signal;
use serde_json::{Value, json};

use super::folder::Folder;
use crate::support::process::binary;
use crate::support::{Ran, Running, Stream};

/// A restart under way.
pub(crate) fn roll(folder: &Folder, words: &str) -> Running {
    let command = folder.command(&format!("restart -o json {words}"));
    Running::start(command, Stream::Stdout)
}

/// Reads on until it tells of that event.
pub(crate) async fn until(roll: &mut Running, event: &str) -> Value {
    let line = roll.until(&format!("\"event\":\"{event}\"")).await;
    serde_json::from_str(&line).expect("JSON")
}

const QUICKLY: &str = "restart --rolling --soak 100ms";

#[tokio::test]
async fn every_instance_is_replaced_once_and_the_next_roll_may_begin() {
    let folder = Folder::embedded(3);
    folder.run("start instance-1 instance-2").await.exits(0);
    let before = [folder.identity(1).pid, folder.identity(2).pid];
    for _ in 0..2 {
        let roll = folder.run(QUICKLY).await.exits(0);
        assert_eq!(roll.each("state"), ["done", "done", "skipped"]);
        assert_eq!(roll.json()["result"], "finished");
    }
    let after = [folder.identity(1).pid, folder.identity(2).pid];
    assert!(before.iter().all(|pid| !after.contains(pid)));
    assert!(!folder.path("data/run/roll.json").exists());
    let all = folder.run("restart instance-3").await.exits(0);
    assert_eq!(all.each("state"), ["done"]);
    folder.run("status").await.exits(0);
}

#[tokio::test]
async fn a_binary_that_dies_is_taken_back_and_the_others_are_untouched() {
    let folder = Folder::embedded(3);
    // What runs is replaced on disk by what does not: the old one is started from the kernel's copy.
    let program = folder.copy("discordctl");
    Ran::of(folder.command_of(&program, "start")).await.exits(0);
    let before = folder.pids();
    std::fs::remove_file(&program).expect("removed");
    folder.serving("discordctl", "{ echo 'I am broken' >&2; exit 3; }");
    let words = format!("{QUICKLY} --no-handover --binary discordctl");
    let roll = folder.run(&words).await.exits(2);
    assert_eq!(roll.each("state"), ["failed", "waiting", "waiting"]);
    assert_eq!(roll.each("result")[0], "restored");
    assert_eq!(roll.each("how")[0], "dead");
    let why = roll.each("why")[0].to_string();
    assert!(
        why.contains("exit code 3") && why.contains("I am broken"),
        "{why}"
    );
    let after = folder.pids();
    assert_ne!(after[0], before[0]);
    assert_eq!(after[1..], before[1..], "untouched");
    let status = folder.run("status").await.exits(0);
    assert_eq!(status.each("state"), ["running", "running", "running"]);
}

#[tokio::test]
async fn a_binary_that_hangs_is_slow_not_dead_and_is_taken_back_too() {
    let folder = Folder::embedded(2);
    folder.run("start").await.exits(0);
    let hangs = folder.serving("next", "exec sleep 600");
    let words = format!("{QUICKLY} --within 500ms --binary {hangs} --no-handover");
    let roll = folder.run(&words).await.exits(2);
    assert_eq!(roll.each("how")[0], "slow");
    assert_eq!(roll.each("result")[0], "restored");
    folder.run("status").await.exits(0);
}

#[tokio::test]
async fn where_connections_are_handed_over_the_old_process_just_goes_on() {
    let folder = Folder::embedded(1);
    folder.run("start").await.exits(0);
    let before = folder.pids();
    // One that is dead is noticed however slow the machine is; one that is slow takes its time.
    for (script, how, within) in [
        ("exit 3", "dead", "30s"),
        ("exec sleep 600", "slow", "500ms"),
    ] {
        let next = folder.serving("next", script);
        let words = format!("{QUICKLY} --within {within} --binary {next}");
        let roll = folder.run(&words).await.exits(2);
        assert_eq!(roll.each("result")[0], "kept");
        assert_eq!(roll.each("how")[0], how);
        assert_eq!(folder.pids(), before);
        folder.run("status").await.exits(0);
    }
    // One that cannot take over, and says so, is worth a drain.
    let this = binary();
    let refuses = format!("case \"$*\" in *--take-over*) exit 75 ;; *) exec {this} \"$@\" ;; esac");
    let next = folder.serving("next", &refuses);
    let words = format!("{QUICKLY} --binary {next}");
    let roll = folder.run(&words).await.exits(0);
    assert!(roll.stdout.contains("not_taken_over"), "{roll:?}");
    assert_ne!(folder.pids(), before);
}

#[tokio::test]
async fn a_binary_that_dies_after_it_was_ready_is_taken_back() {
    let folder = Folder::embedded(2);
    folder.run("start").await.exits(0);
    let mut roller = roll(&folder, "--rolling --soak 10m");
    until(&mut roller, "ready").await;
    folder.kill(1).await;
    let finished = until(&mut roller, "finished").await;
    assert_eq!(finished["outcome"]["result"], "restored");
    assert_eq!(finished["outcome"]["how"], "dead");
    assert_eq!(roller.ends().await.1, Some(2));
    folder.run("status").await.exits(0);
}

#[tokio::test]
async fn nothing_is_touched_before_all_was_looked_at() {
    let folder = Folder::embedded(2);
    folder.run("start").await.exits(0);
    let before = folder.pids();
    folder.script("next", "#!/bin/sh\necho 'tcp_port: no' >&2; exit 78\n");
    let refused = folder.run("restart --rolling --binary next").await;
    refused.exits(78).says("tcp_port: no");
    let missing = folder.run("restart --rolling --binary nowhere").await;
    missing.exits(66);

    folder.run("stop instance-2").await.exits(0);
    let alone = folder.run("restart --rolling --no-handover").await;
    alone.exits(2).says("1 of 2 instances are ready");
    assert_eq!(folder.identity(1).pid, before[0]);
    let downtime = "restart --rolling --allow-downtime --soak 0ms";
    folder.run(downtime).await.exits(0);
    assert_ne!(folder.identity(1).pid, before[0]);
}

#[tokio::test]
async fn one_roll_at_a_time_and_what_was_interrupted_can_be_taken_back() {
    let folder = Folder::embedded(2);
    let old = folder.copy("old");
    Ran::of(folder.command_of(&old, "start")).await.exits(0);
    let ran_before = folder.identity(1).facts.executable;
    let mut roller = roll(&folder, "--rolling --canary --canary-for 10m");
    let canary = until(&mut roller, "canary").await;
    assert_eq!(canary["instance"], "instance-1");
    let busy = folder.run("restart --rolling").await.exits(75);
    busy.says("roll_in_progress");
    roller.signal(Signal::INT);
    assert_eq!(roller.ends().await.1, Some(130));
    assert_ne!(folder.identity(1).facts.executable, ran_before);
    let unfinished = folder.run("restart --rolling").await.exits(75);
    unfinished.says("--resume");
    let aborted = folder.run("restart --abort").await.exits(0);
    assert_eq!(aborted.json()["result"], "aborted");
    assert_eq!(folder.identity(1).facts.executable, ran_before);
    folder.run("restart --resume").await.exits(66);
    folder.run("status").await.exits(0);
}

#[tokio::test]
async fn a_canary_that_does_well_is_followed_by_the_others() {
    let folder = Folder::embedded(2);
    folder.run("start").await.exits(0);
    let words = "restart --rolling --soak 0ms --canary --canary-for 300ms";
    let roll = folder.run(words).await.exits(0);
    assert_eq!(roll.each("state"), [json!("done"), json!("done")]);
    assert_eq!(roll.stdout.matches("\"canary\"").count(), 1, "{roll:?}");
}
