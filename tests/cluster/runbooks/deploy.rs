//! A new binary that cannot serve is rolled out; a roll ends in the middle; an instance dies.
use rustix::process::{Signal, kill_process};

use super::background::Background;
use super::site::Site;
use crate::support::process::{Ours, binary, put_script};

/// Knows the configuration, and ends when it is to serve.
fn bad_binary(site: &Site) -> String {
    let path = site.path().join("discordctl-next");
    let real = binary();
    let script = format!("#!/bin/sh\ncase \"$1\" in serve) exit 70 ;; esac\nexec {real} \"$@\"\n");
    put_script(&script, &path);
    path.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binary_that_can_not_serve() {
    let Some(site) = Site::bare().await else {
        return;
    };
    let good = binary();
    let good = [("GOOD_BINARY", &*good)];
    let instances = Background::start(&site).await;
    let bad = bad_binary(&site);
    let roll = format!("restart --rolling --allow-downtime --binary {bad}");
    site.run(&roll).await.exits(2);

    // The roll has put the old one back by itself.
    let walked = site.mend("bad-deploy", &good).await;
    assert_eq!((walked.exit, walked.outcomes().len()), (Some(0), 0));

    // The roll is killed while the new process is being watched.
    let before = instances.pid().await;
    let roll = "restart --rolling --allow-downtime --soak 8s";
    let mut roller = Ours::spawn(site.shell.command(roll));
    instances.is_replaced(before).await;
    roller.kill();
    let walked = site.mend("bad-deploy", &good).await;
    assert_eq!(walked.exit, Some(0));
    assert_eq!(
        walked.outcomes(),
        ["nothing-to-do", "helped", "nothing-to-do"]
    );

    kill_process(instances.pid().await, Signal::KILL).unwrap();
    instances.is_dead().await;
    let walked = site.mend("bad-deploy", &good).await;
    assert_eq!(walked.exit, Some(0));
    assert_eq!(
        walked.outcomes(),
        ["nothing-to-do", "nothing-to-do", "helped"]
    );
    site.run("status").await.exits(0);
}
