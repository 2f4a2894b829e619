//! The log of an instance in the background.
use std::fs;

use serde_json::json;

use super::folder::Folder;
use crate::support::eventually;
use crate::support::http::connect;
use crate::support::{Running, Stream};

#[tokio::test]
async fn a_log_is_begun_anew_when_it_is_long() {
    let folder = Folder::with(
        1,
        &json!({ "log": { "level": "trace", "rotate_size": 4096, "rotate_keep": 2 } }),
    );
    folder.run("start").await.exits(0);
    let log = folder.files(1).log;
    let old = |number: u32| log.with_extension(format!("log.{number}"));
    // Each start and stop says something; so does each session, at this level.
    let mut count = 0;
    while !old(2).exists() {
        assert!(count < 5_000, "it says nothing");
        connect(folder.instances[0].http, &format!("guest{count}")).await;
        if count % 10 == 9 {
            folder.run("restart").await.exits(0);
        }
        count += 1;
    }
    assert!(!old(3).exists());
    for file in [log.clone(), old(1), old(2)] {
        let length = fs::metadata(&file).expect("a file").len();
        assert!(length <= 8192, "{}: {length}", file.display());
    }
    folder.run("stop").await.exits(0);
    let whole = || async { fs::read_to_string(&log).is_ok_and(|text| text.ends_with('\n')) };
    eventually("its last line is whole", whole).await;
}

#[tokio::test]
async fn the_logs_of_all_are_shown_as_one_and_followed() {
    let folder = Folder::embedded(2);
    folder.run("logs").await.exits(66);
    folder.run("start").await.exits(0);
    // Two lines at least, whatever else is logged.
    folder.run("log-level warn").await.exits(0);
    folder.run("log-level debug").await.exits(0);
    let shown = folder.run("logs -n 2").await.exits(0).stdout;
    let rows = shown
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    let rows: Vec<serde_json::Value> = rows.collect();
    let of = |name: &str| rows.iter().filter(|row| row["instance"] == name).count();
    assert_eq!((of("instance-1"), of("instance-2")), (2, 2), "{shown}");
    assert!(
        rows.iter()
            .all(|row| row["log"].is_object() || row["log"].is_string())
    );
    let follow = folder.command("logs --follow instance-1 instance-2 -n 1");
    let mut running = Running::start(follow, Stream::Stdout);
    running.until("instance-2 | {").await;
    // Through a file that is moved away.
    let log = folder.files(2).log;
    fs::rename(&log, log.with_extension("away")).expect("moved");
    eventually("it is there again", || async { log.exists() }).await;
    folder.run("log-level warn instance-2").await.exits(0);
    let line = running.until("\"level\":\"warn\"").await;
    assert!(line.starts_with("instance-2 | {"), "{line}");
    running.signal(rustix::process::Signal::INT);
    assert_eq!(running.ends().await.1, Some(130));
}
