//! Too many wait for the database: the next are turned away at once, and the rest goes on.
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::cluster::Cluster;
use crate::support::eventually;
use crate::support::http::{connect, post, request};
use crate::support::postgres::run;
use crate::support::reader::Way::{Sse, Tcp, Ws};

#[tokio::test(flavor = "multi_thread")]
async fn when_the_pool_is_exhausted_new_requests_are_turned_away() {
    let Some(mut cluster) = Cluster::prepare().await else {
        return;
    };
    for _ in 0..2 {
        let mut plan = cluster.plan();
        plan.env.push(("DISCORDCTL_DB_POOL_MAX", "4".to_owned()));
        // The first in line stay there until the table is free.
        let patience = "2m".to_owned();
        plan.env
            .push(("DISCORDCTL_DB_POOL_ACQUIRE_TIMEOUT", patience));
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
    // One that comes before the first has waited for long waits with it, and is given up here.
    let is_turned_away = || async {
        let asked = request(at, "GET", "/api/rooms", None);
        let answer = tokio::time::timeout(Duration::from_secs(2), asked).await;
        answer.is_ok_and(|answer| answer.expect("an answer").code() == "database_busy")
    };
    eventually("a new request is turned away", is_turned_away).await;
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
    for answer in join_all((0..10).map(|_| request(at, "GET", "/api/rooms", None))).await {
        let answer = answer.expect("an answer");
        assert_eq!((answer.status, answer.code()), (503, "database_busy"));
        assert!(answer.head.contains_key("retry-after"), "{answer:?}");
    }
    run(&mut operator, "ROLLBACK").await;
    for answer in requests.await.expect("all answered") {
        assert_eq!(answer.expect("an answer").status, 200);
    }
    cluster.becomes("healthy").await;
    assert!(readers.iter().all(|reader| reader.was_never_cut_off()));
}

/// Rooms that were made one after the other are in different lanes.
#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_is_locked_holds_up_no_other_lane() {
    let Some(cluster) = Cluster::start(1).await else {
        return;
    };
    let at = cluster.instances[0].at.http;
    let session = connect(at, "alice").await;
    let ask = |path: &'static str, mut body: serde_json::Value| {
        body["session_id"] = json!(session);
        async move { post(at, path, body).await.expect("an answer") }
    };
    for room in ["held", "free"] {
        let command = json!({ "command": format!("/create {room}") });
        assert_eq!(ask("/api/command", command).await.status, 200);
    }
    let say = |room: &str, n: i64| {
        ask(
            "/api/message",
            json!({ "room": room, "content": n.to_string() }),
        )
    };
    let mut operator = cluster.postgres.connect().await;
    run(
        &mut operator,
        "BEGIN; SELECT FROM rooms WHERE name = 'held' FOR UPDATE",
    )
    .await;
    let held = tokio::spawn(join_all((0..3).map(|n| say("held", n))));
    let waiting = "SELECT count(*) FROM pg_stat_activity
        WHERE application_name LIKE 'discordctl%' AND wait_event_type = 'Lock'";
    let is_so = || async { cluster.postgres.number(waiting).await > 0 };
    eventually("a commit waits for the room", is_so).await;
    for n in 1..=3 {
        let said = say("free", n).await;
        assert_eq!((said.status, &said.body["seq"]), (200, &json!(n)));
    }
    assert!(is_so().await, "the other waits still");
    run(&mut operator, "COMMIT").await;
    let mut places: Vec<_> = (held.await.expect("all answered").iter())
        .map(|said| said.body["seq"].as_i64())
        .collect();
    places.sort_unstable();
    assert_eq!(places, [1, 2, 3].map(Some));
}
