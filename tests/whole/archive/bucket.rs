//! The same in a bucket, on a real S3 server.
use std::process::Command;

use crate::archive::operator::Operator;
use crate::support::db::Db;

/// Where an S3 server is, as `http://127.0.0.1:PORT`.
const S3: &str = "DISCORDCTL_TEST_S3";

/// An operator with an archive in a bucket of that name; `None` where no server is.
async fn in_bucket(db: Db, name: &str) -> Option<Operator> {
    let Ok(endpoint) = std::env::var(S3) else {
        crate::support::need::left_out("s3", &format!("{S3} is not set"));
        return None;
    };
    let bucket = format!("{name}-{}-{:?}", std::process::id(), db.kind).to_lowercase();
    let made = Command::new("curl")
        .args(["-fsS", "-X", "PUT", &format!("{endpoint}/{bucket}")])
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let mut operator = Operator::new(db).await;
    for (name, value) in [
        ("DISCORDCTL_ARCHIVE_URL", &*format!("s3://{bucket}/of/chat")),
        ("AWS_ENDPOINT_URL", &endpoint),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "us-east-1"),
    ] {
        operator.shell.set(name, value);
    }
    Some(operator)
}

pub(crate) async fn a_bucket_is_as_good_as_a_folder(db: Db) {
    let Some(mut operator) = in_bucket(db, "chat").await else {
        return;
    };
    operator.fill(&["general"], 1_000).await;
    let before = operator.dump().await;
    operator
        .killed("archive --zstd", "archive:read-back:2")
        .await;
    operator.run("archive --zstd").await.well();
    assert_eq!(operator.dump().await.len(), 10);
    let verified = operator.run("archive verify").await.well();
    assert_eq!(
        (&verified["ok"], &verified["unlisted"]),
        (&3.into(), &0.into())
    );
    // As the list shows them: one, and a folder of them.
    let first = operator.documents().await.remove(0).0;
    operator.run(&format!("replay {first}")).await.well();
    operator.run("replay rooms").await.well();
    assert!(operator.dump().await == before, "every row as it was");
    // A bucket that is not there is not made.
    operator.db.sql("DELETE FROM room_archive").await;
    let none = "s3://there-is-none";
    operator.shell.set("DISCORDCTL_ARCHIVE_URL", none);
    let refused = operator.run("archive --older-than 0s").await;
    refused.exits(74).says(none);
}

pub(crate) async fn what_is_erased_leaves_a_bucket_too(db: Db) {
    let Some(operator) = in_bucket(db, "erased").await else {
        return;
    };
    operator.fill(&["general"], 90).await;
    operator
        .run("archive --older-than 0s --keep-rows")
        .await
        .well();
    let erase = "erase --user alice --yes";
    operator.killed(erase, "rewrite:entered").await;
    let found = operator.run("erase --verify").await.exits(2).json();
    assert!(found["found"].as_array().is_some_and(|of| !of.is_empty()));
    operator.run("erase --again --yes").await.well();
    operator.run("erase --verify").await.exits(0);
    let verified = operator.run("archive verify").await.well();
    assert_eq!(
        (&verified["unlisted"], &verified["damaged"]),
        (&0.into(), &0.into())
    );
    operator.db.sql("DELETE FROM messages").await;
    operator.run("replay rooms").await.well();
    let left = "SELECT count(*) FROM messages WHERE content <> '' AND seq % 3 = 0";
    assert_eq!(operator.db.number(left).await, 0);
    let others = "SELECT count(*) FROM messages WHERE content <> '' AND seq % 3 > 0";
    assert_eq!(operator.db.number(others).await, 60);
}
