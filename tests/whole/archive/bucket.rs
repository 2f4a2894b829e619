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
    let set = |name: &str, value: String| (name.to_owned(), value);
    operator.env = vec![
        set("DISCORDCTL_ARCHIVE_URL", format!("s3://{bucket}/of/chat")),
        set("AWS_ENDPOINT_URL", endpoint),
        set("AWS_ACCESS_KEY_ID", "test".into()),
        set("AWS_SECRET_ACCESS_KEY", "test".into()),
        set("AWS_REGION", "us-east-1".into()),
    ];
    operator.fill(&["general"], 1_000).await;
    let before = operator.dump().await;
    let killed = operator.killed(&["archive", "--zstd"], "archive:read-back:2");
    assert_eq!(killed.code, None, "{}", killed.stderr);
    operator.forget_lease().await;
    operator.run(&["archive", "--zstd"]).well();
    assert_eq!(operator.dump().await.len(), 10);
    let verified = operator.run(&["archive", "verify"]).well();
    assert_eq!(
        (&verified["ok"], &verified["unlisted"]),
        (&3.into(), &0.into())
    );
    // As the list shows them: one, and a folder of them.
    let first = operator.documents().remove(0).0;
    operator.run(&["replay", &first]).well();
    operator.run(&["replay", "rooms"]).well();
    assert!(operator.dump().await == before, "every row as it was");
    // A bucket that is not there is not made.
    operator.db.sql("DELETE FROM room_archive").await;
    operator.env[0].1 = "s3://there-is-none".into();
    let refused = operator.run(&["archive", "--older-than", "0s"]).exits(74);
    assert!(
        refused.stderr.contains("s3://there-is-none"),
        "{}",
        refused.stderr
    );
}
