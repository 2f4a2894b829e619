//! Too many wait for the database: the next are turned away at once, and the rest goes on.
use futures_util::future::join_all;

use super::cluster::Cluster;
use super::eventually;
use super::http::request;
use super::postgres::run;
use super::reader::Way::{Sse, Tcp, Ws};

#[tokio::test(flavor = "multi_thread")]
async fn when_the_pool_is_exhausted_new_requests_are_turned_away() {
    let Some(mut cluster) = Cluster::prepare().await else {
        return;
    };
    for _ in 0..2 {
        let mut plan = cluster.plan();
        plan.env.push(("DISCORDCTL_DB_POOL_MAX", "4".to_owned()));
        cluster.add(plan).await;
    }
    cluster.becomes("healthy").await;
    let readers = cluster.readers(&[Tcp, Sse, Ws]).await;
    let mut alice = cluster.sender("alice", 1).await;
    // Each instance knows who she is.
    alice.say_at(0).await;
    alice.say_at(1).await;
    let at = cluster.instances[0].at.http;
    let mut operator = cluster.postgres.connect().await;
    // `/api/rooms` counts members: every request for it holds a connection until this ends.
    run(&mut operator, "BEGIN; LOCK TABLE room_members").await;
    let requests = (0..30).map(move |_| request(at, "GET", "/api/rooms", None));
    let requests = tokio::spawn(join_all(requests));
    let is_full = || async {
        let metrics = cluster.instances[0].get("/metrics").await;
        metrics["db_pool_waiting"].as_i64() > Some(5)
    };
    eventually("more wait than may", is_full).await;
    let health = request(at, "GET", "/health", None)
        .await
        .expect("an answer");
    assert_eq!(health.status, 200, "{}", health.body);
    assert_eq!(health.body["db"], "connected", "{}", health.body);
    // Said through the other instance and through this one, seen through both.
    alice.say_at(0).await;
    alice.say_at(1).await;
    assert_eq!(alice.told.acknowledged.len(), 4, "{:?}", alice.told.refused);
    cluster.prove(&alice.told, &readers).await;
    run(&mut operator, "ROLLBACK").await;
    let answers = requests.await.expect("all answered");
    let shed: Vec<_> = answers
        .iter()
        .map(|answer| answer.as_ref().expect("an answer"))
        .filter(|answer| answer.code() == "database_busy")
        .collect();
    assert!(shed.len() >= 10, "only {} were turned away", shed.len());
    for answer in shed {
        assert_eq!(answer.status, 503);
        assert!(answer.head.contains("retry-after: "), "{}", answer.head);
    }
    cluster.becomes("healthy").await;
    assert!(readers.iter().all(|reader| reader.was_never_cut_off()));
}
