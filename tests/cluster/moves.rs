//! The database moves: another of the servers that `db_url` names is the primary, or the one that
//! it names takes no writes for a while. What was acknowledged is stored, and writes go on.
use std::time::Duration;

use serde_json::json;
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::time::Instant;

use super::cluster::{Cluster, ROOM};
use crate::support::crowd::{Crowd, Manner};
use crate::support::eventually;
use crate::support::http::{connect, post, request};
use crate::support::instance::log_of;
use crate::support::postgres::{Postgres, run, url_of};
use crate::support::proxy::{Mode, Proxy};
use crate::support::reader::Reader;
use crate::support::reader::Way::{Sse, Tcp, Ws};

/// A primary with a synchronous standby.
async fn pair() -> Option<(Cluster, Postgres)> {
    let cluster = Cluster::prepare().await?;
    let standby = cluster.postgres.standby().await;
    cluster.postgres.waits_for_its_standby().await;
    Some((cluster, standby))
}

/// Instances, each with its own list of servers.
async fn serve(cluster: &mut Cluster, lists: &[[u16; 2]]) {
    for ports in lists {
        let mut plan = cluster.plan();
        plan.db_url = url_of(ports);
        cluster.add(plan).await;
    }
    cluster.becomes("healthy").await;
}

/// Promotes the standby, and waits until writes go on; says how long after its promotion.
async fn promote(cluster: &mut Cluster, standby: Postgres, crowd: &Crowd) -> Duration {
    standby.promote();
    let start = Instant::now();
    // The old one ends here, where it did not before.
    cluster.postgres = standby;
    crowd.acknowledged(1).await;
    start.elapsed()
}

async fn nothing_was_lost(cluster: &Cluster, crowd: Crowd, readers: &[Reader]) {
    crowd.acknowledged(50).await;
    cluster.prove(&crowd.stop().await, readers).await;
    cluster.becomes("healthy").await;
    assert!(readers.iter().all(Reader::was_never_cut_off));
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_go_on_at_the_standby_that_was_promoted() {
    let Some((mut cluster, standby)) = pair().await else {
        return;
    };
    let (a, b) = (cluster.postgres.port, standby.port);
    // Whichever comes first, the primary is found.
    serve(&mut cluster, &[[a, b], [b, a]]).await;
    let readers = cluster.readers(&[Tcp, Sse, Ws, Sse]).await;
    let crowd = cluster.crowd(6, Manner::Insistent).await;
    crowd.acknowledged(50).await;
    let before = cluster.postgres.text("SELECT epoch FROM epoch").await;
    cluster.postgres.crash();
    // A standby is not taken for the primary, and can be read from.
    for instance in &cluster.instances {
        let at = instance.at.http;
        let is_so = || async { request(at, "GET", "/readyz", None).await.unwrap().status == 503 };
        eventually("it is not ready", is_so).await;
    }
    let at = cluster.instances[0].at.http;
    let page = format!("/api/history/{ROOM}?before=20&limit=5");
    let read = || async { request(at, "GET", &page, None).await.unwrap().status == 200 };
    eventually("the past can be read from the standby", read).await;
    let took = promote(&mut cluster, standby, &crowd).await;
    println!("writes went on {took:?} after the promotion");
    nothing_was_lost(&cluster, crowd, &readers).await;
    // Nothing was lost, so the past is the same.
    let after = cluster.postgres.text("SELECT epoch FROM epoch").await;
    assert_eq!(before, after);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_vanishes_without_a_word_is_given_up() {
    let Some((mut cluster, standby)) = pair().await else {
        return;
    };
    let proxy = Proxy::start(cluster.postgres.port).await;
    serve(&mut cluster, &[[proxy.port, standby.port]; 2]).await;
    let readers = cluster.readers(&[Tcp, Sse, Ws]).await;
    let crowd = cluster.crowd(4, Manner::Insistent).await;
    crowd.acknowledged(50).await;
    proxy.set(Mode::BlackHole);
    let took = promote(&mut cluster, standby, &crowd).await;
    println!("writes went on {took:?} after the promotion");
    assert!(proxy.harmed() > 0, "nothing was lost on the way");
    nothing_was_lost(&cluster, crowd, &readers).await;
}

/// An operator closes a database so, and a failover may forget to open it again.
async fn closed(database: &Postgres, closed: bool) {
    let mut operator = database.connect().await;
    run(&mut operator, "SET default_transaction_read_only = off").await;
    let to = if closed { "on" } else { "off" };
    let set = format!("ALTER SYSTEM SET default_transaction_read_only = {to}");
    run(&mut operator, &set).await;
    run(&mut operator, "SELECT pg_reload_conf()").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_takes_no_writes_is_told_as_one_that_is_away() {
    let Some(cluster) = Cluster::start(1).await else {
        return;
    };
    let at = cluster.instances[0].at.http;
    let session = connect(at, "alice").await;
    let say = |n: usize| {
        let said = json!({ "session_id": session, "room": ROOM, "content": format!("{n}") });
        post(at, "/api/message", said)
    };
    assert_eq!(say(0).await.unwrap().status, 200);
    closed(&cluster.postgres, true).await;
    let ready = || async { request(at, "GET", "/readyz", None).await.unwrap() };
    let is_so = || async { ready().await.status == 503 };
    eventually("it is not ready", is_so).await;
    let reason = ready().await.body["reason"].to_string();
    assert!(reason.contains("takes no writes"), "{reason}");
    for n in 1..=200 {
        let refused = say(n).await.unwrap();
        let got = (refused.status, refused.code());
        assert_eq!(got, (503, "database_unavailable"));
        assert!(refused.head.contains_key("retry-after"), "{refused:?}");
    }
    assert_eq!(ready().await.status, 503);
    let health = cluster.instances[0].get("/health").await;
    let sends = &health["checks"]["sends"];
    assert_eq!(
        (&sends["ok"], &sends["runbook"]),
        (&json!(false), &json!("database-down")),
        "{health}"
    );
    let log = log_of(&cluster.instances[0].plan);
    // Once by each of what writes: commits, presence, the heartbeat and the search index.
    let told = log.lines().filter(|line| line.contains("takes no writes"));
    assert!((1..=4).contains(&told.count()), "{log}");
    closed(&cluster.postgres, false).await;
    let again = || async { say(201).await.unwrap().status == 200 };
    eventually("sends are taken again", again).await;
    assert_eq!(ready().await.status, 200);
    cluster.becomes("healthy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_ready_while_sends_succeed_whoever_has_all_other_connections() {
    let Some(mut cluster) = Cluster::prepare().await else {
        return;
    };
    let mut plan = cluster.plan();
    // What is idle is closed, and then there is no other.
    plan.env
        .push(("DISCORDCTL_DB_POOL_IDLE_TIMEOUT", "1s".to_owned()));
    cluster.add(plan).await;
    cluster.becomes("healthy").await;
    let at = cluster.instances[0].at.http;
    let session = connect(at, "alice").await;
    let say = async |text: &str| {
        let said = json!({ "session_id": session, "room": ROOM, "content": text });
        post(at, "/api/message", said).await.unwrap().status
    };
    assert_eq!(say("before").await, 200);
    let mut operator = cluster.postgres.connect().await;
    let mut others = Vec::new();
    while let Ok(other) = PgConnection::connect(&cluster.postgres.url()).await {
        others.push(other);
    }
    // Also without the connection by which it would ask.
    run(
        &mut operator,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%transaction_read_only%'
           AND pid <> pg_backend_pid()",
    )
    .await;
    while let Ok(other) = PgConnection::connect(&cluster.postgres.url()).await {
        others.push(other);
    }
    for n in 0..10 {
        assert_eq!(say(&format!("{n}")).await, 200);
        let ready = request(at, "GET", "/readyz", None).await.unwrap();
        assert_eq!(ready.status, 200, "{}", ready.body);
    }
}
