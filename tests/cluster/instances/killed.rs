//! A roller that is killed at any step leaves every instance serving, and can go on.
use rustix::process::Signal;

use super::folder::Folder;
use super::roll::{roll, until};
use crate::support::eventually;

#[tokio::test]
async fn a_roll_that_was_killed_goes_on() {
    let steps = [
        "preflight",
        "began",
        "draining",
        "stopped",
        "started",
        "ready",
        "finished",
    ];
    kill_at_each(&steps, "--no-handover").await;
}

#[tokio::test]
async fn a_roll_that_hands_over_goes_on_too() {
    let steps = ["preflight", "began", "started", "ready", "finished"];
    kill_at_each(&steps, "").await;
}

async fn kill_at_each(steps: &[&str], words: &str) {
    let folder = Folder::embedded(2);
    folder.run("start").await.exits(0);
    for step in steps {
        let before = folder.pids();
        let mut roller = roll(&folder, &format!("--rolling --soak 100ms {words}"));
        until(&mut roller, step).await;
        roller.child.kill().await.expect("ours");
        let serve = || async { folder.run("status").await.each("state") == ["running"; 2] };
        eventually(&format!("every instance serves after '{step}'"), serve).await;
        // Nothing had begun, and nothing is left to go on with.
        if *step == "preflight" && !folder.path("data/run/roll.json").exists() {
            continue;
        }
        let resumed = folder.run("restart --resume").await.exits(0);
        assert_eq!(resumed.each("state"), ["done", "done"], "{step}");
        let after = folder.pids();
        assert!(after.iter().all(|pid| !before.contains(pid)), "{step}");
    }
}

#[tokio::test]
async fn an_interrupted_roll_finishes_its_step() {
    let folder = Folder::embedded(2);
    folder.run("start").await.exits(0);
    let before = folder.pids();
    let mut roller = roll(&folder, "--rolling --soak 100ms --no-handover");
    until(&mut roller, "stopped").await;
    roller.signal(Signal::INT);
    let finished = until(&mut roller, "finished").await;
    assert_eq!(finished["outcome"]["result"], "replaced");
    assert_eq!(roller.ends().await.1, Some(130));
    let half = folder.pids();
    assert_ne!(half[0], before[0]);
    assert_eq!(half[1], before[1]);
    folder.run("restart --resume").await.exits(0);
    assert_eq!(folder.pids()[0], half[0], "what was done is not done again");
    assert_ne!(folder.pids()[1], before[1]);
}
