//! A migration that fails half way: somebody holds a table that its later statements need, and an
//! earlier step is written down as begun and not ended.
use sqlx::Connection;

use super::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn stopped_half_way_by_somebody_who_holds_a_table() {
    let Some(mut site) = Site::bare().await else {
        return;
    };
    site.configure((0, 0));
    let first = site
        .discordctl(&["migrate", "up", "--to", "1"])
        .status()
        .await;
    assert!(first.unwrap().success());
    // Idle in a transaction that has read the rooms.
    let mut holder = site.postgres.connect().await;
    crate::support::postgres::run(&mut holder, "BEGIN; SELECT count(*) FROM rooms").await;
    let up = ["migrate", "up", "--lock-timeout", "100ms"];
    let failed = site.discordctl(&up).output().await.unwrap();
    assert_eq!(failed.status.code(), Some(75), "{failed:?}");
    let said = String::from_utf8_lossy(&failed.stderr);
    assert!(said.contains("runbooks/failed-migration.md"), "{said}");
    // What a step without a transaction leaves when it dies.
    site.postgres
        .sql("UPDATE schema_steps SET dirty = true WHERE version = 1")
        .await;

    let walked = site.mend("failed-migration", &[]).await;
    assert_eq!(walked.exit, Some(0));
    assert_eq!(walked.outcomes(), ["helped", "helped", "helped"]);
    let status = site.discordctl(&["migrate", "status"]).status().await;
    assert_eq!(status.unwrap().code(), Some(0));
    assert!(
        holder.ping().await.is_err(),
        "the one who held it was ended"
    );
    site.serve().await;
}
