//! The log of an instance in the background.
use std::fs;

use serde_json::json;

use super::folder::Folder;
use crate::support::eventually;
use crate::support::http::connect;

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
