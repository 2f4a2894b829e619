//! An instance whose clock is an hour ahead of the others': nothing depends on it.
use std::process::Command;

use serde_json::json;

use super::cluster::{Cluster, ROOM};
use crate::support::crowd::Manner;
use crate::support::eventually;
use crate::support::http::{connect, post};
use crate::support::reader::Way::{Sse, Tcp, Ws};

#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_differ_by_an_hour() {
    if Command::new("faketime").arg("--version").output().is_err() {
        return crate::support::need::left_out("postgres", "faketime is not on the PATH");
    }
    let Some(mut cluster) = Cluster::prepare().await else {
        return;
    };
    let mut ahead = cluster.plan();
    // faketime waits for a child of its own, which must not outlive it when it is killed.
    let wrapper = ["faketime", "-f", "+1h", "setpriv", "--pdeathsig", "KILL"];
    ahead.wrapper = wrapper.map(str::to_owned).to_vec();
    // What waits by the monotonic clock is to wait as long as it says.
    ahead
        .env
        .push(("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()));
    cluster.add(ahead).await;
    let right = cluster.plan();
    cluster.add(right).await;
    cluster.becomes("healthy").await;
    let readers = cluster.readers(&[Tcp, Sse, Ws, Sse]).await;
    let crowd = cluster.crowd(2, Manner::Insistent).await;
    crowd.acknowledged(50).await;
    cluster.redis().kill();
    crowd.acknowledged(50).await;
    cluster.redis().restart();
    crowd.acknowledged(50).await;
    cluster.prove(&crowd.stop().await, &readers).await;
    times_are_the_databases(&cluster).await;
    a_nonce_means_the_same(&cluster).await;
    both_are_alive(&cluster).await;
}

/// Times go with `seq`, and are the database's.
async fn times_are_the_databases(cluster: &Cluster) {
    let strange = "SELECT count(*) FROM (SELECT created_at, seq, lag(created_at)
          OVER (PARTITION BY room_id ORDER BY seq) AS before FROM messages) m
        WHERE created_at < before OR created_at > now() + interval '1 minute'";
    assert_eq!(cluster.postgres.number(strange).await, 0);
}

async fn a_nonce_means_the_same(cluster: &Cluster) {
    let (ahead, right) = (cluster.instances[0].at.http, cluster.instances[1].at.http);
    let session = connect(ahead, "carol").await;
    let body = json!({ "session_id": session, "room": ROOM, "content": "once", "nonce": "n" });
    let first = post(ahead, "/api/message", body.clone()).await.unwrap();
    assert_eq!(first.status, 200, "{first:?}");
    for at in [right, ahead] {
        let again = post(at, "/api/message", body.clone()).await.unwrap();
        assert_eq!(again.body, first.body);
    }
}

/// Neither takes the other for dead.
async fn both_are_alive(cluster: &Cluster) {
    connect(cluster.instances[0].at.http, "dave").await;
    let beat = "SELECT count(*) FROM instances WHERE heartbeat_at > started_at + interval '1 s'
        AND heartbeat_at BETWEEN now() - interval '10 s' AND now() + interval '1 s'";
    let beats = || async { cluster.postgres.number(beat).await == 2 };
    eventually("both have given a sign of life", beats).await;
    let taken = json!({ "nickname": "dave" });
    let taken = post(cluster.instances[1].at.http, "/api/connect", taken).await;
    assert_eq!(taken.unwrap().code(), "nickname_taken");
}
