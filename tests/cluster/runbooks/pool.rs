//! Sleeping connections of another program take every place that the database has.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::site::Site;
use crate::support::postgres::{run, scalar};

/// All that want a place, more than there are.
const SLEEPERS: usize = 40;

/// Takes a place as soon as one is free, while that is wanted, and sleeps in it.
async fn sleeper(url: String, wanted: Arc<AtomicBool>) {
    while wanted.load(Relaxed) {
        if let Ok(mut connection) = PgConnection::connect(&url).await {
            // Until it is ended.
            let _ = sqlx::raw_sql("SELECT pg_sleep(600)")
                .execute(&mut connection)
                .await;
        }
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exhausted_by_sleeping_connections() {
    let Some(mut site) = Site::bare().await else {
        return;
    };
    for statement in [
        "CREATE ROLE chat LOGIN",
        "CREATE ROLE report LOGIN",
        "CREATE DATABASE chat OWNER chat",
        "ALTER SYSTEM SET max_connections = 20",
    ] {
        site.postgres.sql(statement).await;
    }
    site.postgres.crash();
    site.postgres.restart().await;
    let port = site.postgres.port;
    site.db_url = format!("postgresql://chat@127.0.0.1:{port}/chat");
    site.configure((0, 0));
    site.run("migrate up").await.exits(0);
    site.serve().await;

    // Kept, so that there is a way in.
    let mut operator = site.postgres.connect().await;
    let wanted = Arc::new(AtomicBool::new(true));
    let mut sleepers = JoinSet::new();
    for _ in 0..SLEEPERS {
        let url = format!("postgresql://report@127.0.0.1:{port}/chat");
        sleepers.spawn(sleeper(url, wanted.clone()));
    }
    // Whatever place the instance loses is taken at once.
    let instance = site.instance.as_ref().unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'chat'";
    while instance.get("/health").await["status"] != "unhealthy" {
        run(&mut operator, end).await;
        sleep(Duration::from_millis(50)).await;
    }
    // An operator is not there within a second; only what lasts is ended.
    let lasting = "SELECT count(*) FROM pg_stat_activity
        WHERE usename = 'report' AND query_start < now() - interval '1 second'";
    while scalar(&mut operator, lasting).await < 16 {
        sleep(Duration::from_millis(50)).await;
    }
    wanted.store(false, Relaxed);

    let walked = site
        .mend("pool-exhaustion", &[("PGUSER", "postgres")])
        .await;
    assert_eq!(walked.exit, Some(0));
    assert_eq!(walked.outcomes()[..2], ["nothing-to-do", "helped"]);
    instance.becomes("healthy").await;
    sleepers.abort_all();
}
