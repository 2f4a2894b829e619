//! Replacing instances: what is looked at first, and what becomes of a new one that does not do.
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use super::folder::Folder;
use crate::support::DEADLINE;
use crate::support::Ran;

/// A restart under way, and what it tells.
pub(crate) struct Roller {
    pub(crate) child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Roller {
    pub(crate) fn start(folder: &Folder, words: &[&str]) -> Self {
        let command = folder.command(&[&["restart", "-o", "json"], words].concat());
        let mut child = Command::from(command)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        let stdout = child.stdout.take().expect("a pipe");
        let lines = BufReader::new(stdout).lines();
        Self { child, lines }
    }

    /// Reads on until it tells of that event.
    pub(crate) async fn until(&mut self, event: &str) -> Value {
        let look = async {
            while let Some(line) = self.lines.next_line().await.expect("readable") {
                let told: Value = serde_json::from_str(&line).expect("JSON");
                if told["event"] == event {
                    return told;
                }
            }
            panic!("it ended before '{event}'");
        };
        timeout(DEADLINE, look).await.expect("it goes on")
    }

    /// Ctrl-C.
    pub(crate) fn interrupt(&self) {
        let pid = self.child.id().expect("it runs");
        let pid = rustix::process::Pid::from_raw(i32::try_from(pid).expect("a pid"));
        rustix::process::kill_process(pid.expect("a pid"), Signal::INT).expect("ours");
    }

    pub(crate) async fn code(mut self) -> Option<i32> {
        while let Ok(Some(_)) = self.lines.next_line().await {}
        let ended = timeout(DEADLINE, self.child.wait()).await;
        ended.expect("it ends").expect("ours").code()
    }
}

const QUICKLY: [&str; 3] = ["--rolling", "--soak", "100ms"];

#[tokio::test]
async fn every_instance_is_replaced_once_and_the_next_roll_may_begin() {
    let folder = Folder::embedded(3);
    folder
        .run(&["start", "instance-1", "instance-2"])
        .await
        .exits(0);
    let before = [folder.identity(1).pid, folder.identity(2).pid];
    for _ in 0..2 {
        let roll = folder
            .run(&[&["restart"], &QUICKLY[..]].concat())
            .await
            .exits(0);
        assert_eq!(roll.each("state"), ["done", "done", "skipped"]);
        assert_eq!(roll.json()["result"], "finished");
    }
    let after = [folder.identity(1).pid, folder.identity(2).pid];
    assert!(before.iter().all(|pid| !after.contains(pid)));
    assert!(!folder.path("data/run/roll.json").exists());
    let all = folder.run(&["restart", "instance-3"]).await.exits(0);
    assert_eq!(all.each("state"), ["done"]);
    folder.run(&["status"]).await.exits(0);
}

#[tokio::test]
async fn a_binary_that_dies_is_taken_back_and_the_others_are_untouched() {
    let folder = Folder::embedded(3);
    // What runs is replaced on disk by what does not: the old one is started from the kernel's copy.
    let program = folder.program("discordctl", None);
    let start = Ran::aside(folder.command_of(&program, &["start"])).await;
    start.exits(0);
    let before = folder.pids();
    std::fs::remove_file(&program).expect("removed");
    folder.program("discordctl", Some("{ echo 'I am broken' >&2; exit 3; }"));
    let words = ["--no-handover", "--binary", "discordctl"];
    let roll = folder
        .run(&[&["restart"], &QUICKLY[..], &words[..]].concat())
        .await
        .exits(2);
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
    let status = folder.run(&["status"]).await.exits(0);
    assert_eq!(status.each("state"), ["running", "running", "running"]);
}

#[tokio::test]
async fn a_binary_that_hangs_is_slow_not_dead_and_is_taken_back_too() {
    let folder = Folder::embedded(2);
    folder.run(&["start"]).await.exits(0);
    let hangs = folder.program("next", Some("exec sleep 600"));
    let hangs = hangs.to_str().expect("UTF-8");
    let words = ["--within", "500ms", "--binary", hangs, "--no-handover"];
    let roll = folder
        .run(&[&["restart"], &QUICKLY[..], &words[..]].concat())
        .await
        .exits(2);
    assert_eq!(roll.each("how")[0], "slow");
    assert_eq!(roll.each("result")[0], "restored");
    folder.run(&["status"]).await.exits(0);
}

#[tokio::test]
async fn where_connections_are_handed_over_the_old_process_just_goes_on() {
    let folder = Folder::embedded(1);
    folder.run(&["start"]).await.exits(0);
    let before = folder.pids();
    for (script, how) in [("exit 3", "dead"), ("exec sleep 600", "slow")] {
        let next = folder.program("next", Some(script));
        let next = next.to_str().expect("UTF-8");
        let words = ["--within", "500ms", "--binary", next];
        let words = [&["restart"], &QUICKLY[..], &words[..]].concat();
        let roll = folder.run(&words).await.exits(2);
        assert_eq!(roll.each("result")[0], "kept");
        assert_eq!(roll.each("how")[0], how);
        assert_eq!(folder.pids(), before);
        folder.run(&["status"]).await.exits(0);
    }
    // One that can't take over, and says so, is worth a drain.
    let refuses = format!(
        "case \"$*\" in *--take-over*) exit 75 ;; *) exec {} \"$@\" ;; esac",
        env!("CARGO_BIN_EXE_discordctl")
    );
    let next = folder.program("next", Some(&refuses));
    let next = next.to_str().expect("UTF-8");
    let words = [&["restart"], &QUICKLY[..], &["--binary", next]].concat();
    let roll = folder.run(&words).await.exits(0);
    assert!(roll.stdout.contains("not_taken_over"), "{roll:?}");
    assert_ne!(folder.pids(), before);
}

#[tokio::test]
async fn a_binary_that_dies_after_it_was_ready_is_taken_back() {
    let folder = Folder::embedded(2);
    folder.run(&["start"]).await.exits(0);
    let mut roller = Roller::start(&folder, &["--rolling", "--soak", "10m"]);
    roller.until("ready").await;
    folder.kill(1).await;
    let finished = roller.until("finished").await;
    assert_eq!(finished["outcome"]["result"], "restored");
    assert_eq!(finished["outcome"]["how"], "dead");
    assert_eq!(roller.code().await, Some(2));
    folder.run(&["status"]).await.exits(0);
}

#[tokio::test]
async fn nothing_is_touched_before_all_was_looked_at() {
    let folder = Folder::embedded(2);
    folder.run(&["start"]).await.exits(0);
    let before = folder.pids();
    let refuses = folder.program("next", None);
    let text = "#!/bin/sh\necho 'tcp_port: no' >&2; exit 78\n";
    std::fs::write(&refuses, text).expect("a script");
    let roll = ["restart", "--rolling", "--binary", "next"];
    let refused = folder.run(&roll).await.exits(78);
    assert!(refused.stderr.contains("tcp_port: no"), "{refused:?}");
    let missing = ["restart", "--rolling", "--binary", "nowhere"];
    folder.run(&missing).await.exits(66);

    folder.run(&["stop", "instance-2"]).await.exits(0);
    let alone = folder
        .run(&["restart", "--rolling", "--no-handover"])
        .await
        .exits(2);
    assert!(
        alone.stderr.contains("1 of 2 instances are ready"),
        "{alone:?}"
    );
    assert_eq!(folder.identity(1).pid, before[0]);
    let downtime = ["restart", "--rolling", "--allow-downtime", "--soak", "0ms"];
    folder.run(&downtime).await.exits(0);
    assert_ne!(folder.identity(1).pid, before[0]);
}

#[tokio::test]
async fn one_roll_at_a_time_and_what_was_interrupted_can_be_taken_back() {
    let folder = Folder::embedded(2);
    let old = folder.program("old", None);
    let start = Ran::aside(folder.command_of(&old, &["start"])).await;
    start.exits(0);
    let ran_before = folder.identity(1).facts.executable;
    let mut roller = Roller::start(&folder, &["--rolling", "--canary", "--canary-for", "10m"]);
    let canary = roller.until("canary").await;
    assert_eq!(canary["instance"], "instance-1");
    let busy = folder.run(&["restart", "--rolling"]).await.exits(75);
    assert!(busy.stderr.contains("roll_in_progress"), "{busy:?}");
    roller.interrupt();
    assert_eq!(roller.code().await, Some(130));
    assert_ne!(folder.identity(1).facts.executable, ran_before);
    let unfinished = folder.run(&["restart", "--rolling"]).await.exits(75);
    assert!(unfinished.stderr.contains("--resume"), "{unfinished:?}");
    let aborted = folder.run(&["restart", "--abort"]).await.exits(0);
    assert_eq!(aborted.json()["result"], "aborted");
    assert_eq!(folder.identity(1).facts.executable, ran_before);
    folder.run(&["restart", "--resume"]).await.exits(66);
    folder.run(&["status"]).await.exits(0);
}

#[tokio::test]
async fn a_canary_that_does_well_is_followed_by_the_others() {
    let folder = Folder::embedded(2);
    folder.run(&["start"]).await.exits(0);
    let words = [
        "restart",
        "--rolling",
        "--soak",
        "0ms",
        "--canary",
        "--canary-for",
        "300ms",
    ];
    let roll = folder.run(&words).await.exits(0);
    assert_eq!(roll.each("state"), [json!("done"), json!("done")]);
    assert_eq!(roll.stdout.matches("\"canary\"").count(), 1, "{roll:?}");
}
