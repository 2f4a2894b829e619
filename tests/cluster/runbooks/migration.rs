//! A migration that fails half way: another session holds a table that its later statements need, and an
//! earlier step is written down as begun and not ended.
use sqlx::Connection;

use super::site::Site;
use crate::support::Ran;
use crate::support::postgres::run;

#[tokio::test(flavor = "multi_thread")]
async fn stopped_half_way_by_a_session_that_holds_a_table() {
    let Some(mut site) = Site::bare().await else {
        return;
    };
    site.configure((0, 0));
    site.run("migrate up --to 1").await.exits(0);
    // Idle in a transaction that has read the rooms.
    let mut holder = site.postgres.connect().await;
    run(&mut holder, "BEGIN; SELECT count(*) FROM rooms").await;
    let up = site.shell.command("migrate up --lock-timeout 100ms");
    let failed = Ran::of(up).await.exits(75);
    failed.says("runbooks/failed-migration.md");
    // What a step without a transaction leaves when it dies.
    site.postgres
        .sql("UPDATE schema_steps SET dirty = true WHERE version = 1")
        .await;

    let walked = site.mend("failed-migration", &[]).await;
    assert_eq!(walked.exit, Some(0));
    assert_eq!(walked.outcomes(), ["helped", "helped", "helped"]);
    site.run("migrate status").await.exits(0);
    assert!(
        holder.ping().await.is_err(),
        "the session that held it was ended"
    );
    site.serve().await;
}
