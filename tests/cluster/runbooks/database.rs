//! PostgreSQL is stopped; the operator's own command starts it again.
use super::site::Site;

const START: (&str, &str) = ("START_POSTGRES", "touch start-postgres");

#[tokio::test(flavor = "multi_thread")]
async fn stopped_and_started_again() {
    let Some(mut site) = Site::start().await else {
        return;
    };
    site.postgres.crash();
    let instance = site.instance.as_ref().unwrap();
    instance.becomes("unhealthy").await;
    // Nothing names another runbook: no connection can be had because there is no database.
    let health = instance.get("/health").await;
    let checks = health["checks"].as_object().unwrap();
    let named = checks
        .values()
        .filter_map(|check| check["runbook"].as_str());
    let named: Vec<&str> = named.collect();
    assert!(named.contains(&"database-down"), "{health}");
    assert!(
        named.iter().all(|name| *name == "database-down"),
        "{health}"
    );
    let seen = site.run("health").await.json();
    let checks = seen["checks"].as_array().unwrap().iter();
    let mut of_database = checks.filter(|check| check["check"] == "database");
    assert_eq!(
        of_database.next().unwrap()["runbook"],
        "database-down",
        "{seen}"
    );

    let walk = site.walk("database-down --yes", &[START]);
    site.file_appears("start-postgres").await;
    site.postgres.restart().await;
    let walked = walk.end().await;
    assert_eq!(walked.exit, Some(0));
    assert_eq!(walked.report["verdict"], "healthy");
    assert_eq!(walked.outcomes()[0], "helped");
    site.instance.as_ref().unwrap().becomes("healthy").await;
    let again = site.mend("database-down", &[START]).await;
    assert_eq!((again.exit, again.outcomes().len()), (Some(0), 0));
}
