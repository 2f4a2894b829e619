//! The same in a bucket, on a real S3 server.
use std::process::Command;

use crate::archive::operator::Operator;
use crate::support::db::Db;

/// Where an S3 server is, as `http://127.0.0.1:PORT`.
const S3: &str = "DISCORDCTL_TEST_S3";

pub(crate) async fn a_bucket_is_as_good_as_a_folder(db: Db) {
    let Ok(endpoint) = std::env::var(S3) else {
        return crate::support::need::left_out("s3", &format!("{S3} is not set"));
    };
    let bucket = format!("chat-{}-{:?}", std::process::id(), db.kind).to_lowercase();
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
