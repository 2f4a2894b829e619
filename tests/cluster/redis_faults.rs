//! Redis dies, freezes, forgets and cuts off: sends go on, and every reader sees everything.
use super::cluster::Cluster;
use crate::support::crowd::Manner;
use crate::support::reader::Way::{Sse, Tcp, Ws};

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_message_50_of_100() {
    let Some(mut cluster) = Cluster::start(2).await else {
        return;
    };
    let readers = cluster.readers(&[Tcp, Sse, Ws, Tcp]).await;
    let mut alice = cluster.sender("alice", 0).await;
    for _ in 0..50 {
        alice.say().await;
    }
    cluster.redis().kill();
    for _ in 50..100 {
        alice.say().await;
    }
    cluster.becomes("degraded").await;
    assert_eq!(cluster.prove(&alice.told, &readers).await, 100);
    cluster.redis().restart();
    let back = cluster.slowest_to_become("healthy").await;
    println!("healthy {back:?} after Redis returned");
    for _ in 100..110 {
        alice.say().await;
    }
    assert_eq!(cluster.prove(&alice.told, &readers).await, 110);
    assert_eq!(alice.told.acknowledged.len(), 110, "no send was refused");
    assert!(readers.iter().all(|reader| reader.was_never_cut_off()));
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_and_thawed() {
    let Some(mut cluster) = Cluster::start(2).await else {
        return;
    };
    let readers = cluster.readers(&[Ws, Tcp, Sse]).await;
    let mut alice = cluster.sender("alice", 0).await;
    alice.say().await;
    cluster.redis().freeze();
    for _ in 0..50 {
        alice.say().await;
    }
    cluster.becomes("degraded").await;
    for _ in 0..50 {
        alice.say().await;
    }
    assert_eq!(cluster.prove(&alice.told, &readers).await, 101);
    cluster.redis().thaw();
    let back = cluster.slowest_to_become("healthy").await;
    println!("healthy {back:?} after Redis was thawed");
    alice.say().await;
    assert_eq!(cluster.prove(&alice.told, &readers).await, 102);
    assert_eq!(alice.told.acknowledged.len(), 102, "no send was refused");
    assert!(readers.iter().all(|reader| reader.was_never_cut_off()));
}

#[tokio::test(flavor = "multi_thread")]
async fn flushed_and_cut_off_in_a_loop() {
    let Some(mut cluster) = Cluster::start(2).await else {
        return;
    };
    let readers = cluster.readers(&[Sse, Ws, Tcp]).await;
    let crowd = cluster.crowd(2, Manner::Resigned).await;
    let mut cut = 0;
    for _ in 0..20 {
        crowd.acknowledged(10).await;
        cluster.redis().ask(&["FLUSHALL"]);
        cut += cluster.redis().ask(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    }
    assert!(cut >= 4, "cut off so often: {cut}");
    let told = crowd.stop().await;
    cluster.prove(&told, &readers).await;
    assert_eq!(told.tries, told.acknowledged.len(), "no send was refused");
    cluster.becomes("healthy").await;
    assert!(readers.iter().all(|reader| reader.was_never_cut_off()));
}
