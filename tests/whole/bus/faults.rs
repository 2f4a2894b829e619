//! Redis is killed, frozen, flushed, cut off and not there at all.
use tokio::time::Instant;

use discordctl::bus::{Bus, BusState};

use super::peer::{Peer, message, room};
use super::{both_hear, pair};
use crate::support::eventually;
use crate::support::redis::Server;

/// What is published now arrives at the other.
async fn flows(one: &Peer, two: &mut Peer, seq: i64) {
    two.forget();
    one.publish(&[message("general", seq)]);
    assert_eq!(two.message().await, message("general", seq));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_and_started_again() {
    let Some((mut server, mut one, mut two)) = pair().await else {
        return;
    };
    for round in 1..=3 {
        server.kill();
        one.becomes(BusState::Disconnected).await;
        two.becomes(BusState::Disconnected).await;
        one.forget();
        two.forget();
        server.restart();
        let (first, second) = tokio::join!(
            one.becomes(BusState::Connected),
            two.becomes(BusState::Connected)
        );
        println!("connected {first:?} and {second:?} after Redis returned");
        one.restored().await;
        two.restored().await;
        both_hear(&server).await;
        flows(&one, &mut two, round).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_meanwhile_is_told_afterwards() {
    let Some((mut server, one, two)) = pair().await else {
        return;
    };
    server.kill();
    one.becomes(BusState::Disconnected).await;
    one.publish(&[message("general", 1), message("general", 2)]);
    server.restart();
    assert_eq!(one.meters.publish_failed.get(), 0);
    eventually("said", || async {
        one.meters.publish.read().summary().count == 1
    })
    .await;
    two.becomes(BusState::Connected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_and_thawed() {
    let Some((server, one, mut two)) = pair().await else {
        return;
    };
    server.freeze();
    let start = Instant::now();
    (1..=10_000).for_each(|seq| one.publish(&[message("general", seq)]));
    one.bus.subscribe(&room("random"));
    one.bus.headcount(3);
    let calls = start.elapsed();
    // The other one says nothing itself and finds out all the same.
    one.becomes(BusState::Disconnected).await;
    two.becomes(BusState::Disconnected).await;
    let noticed = start.elapsed();
    // The calls have not waited for it: it is frozen still.
    println!("10,000 calls took {calls:?}; noticed after {noticed:?}");
    assert!(one.meters.publish_failed.get() >= 10_000 - 4_096 - 256);
    server.thaw();
    let back = one.becomes(BusState::Connected).await;
    println!("connected {back:?} after Redis was thawed");
    two.becomes(BusState::Connected).await;
    both_hear(&server).await;
    eventually("what was wanted meanwhile", || async {
        server.subscribers("room:random") == 1
    })
    .await;
    // The newest of what waited went out; whatever comes now comes behind it.
    one.publish(&[message("general", 10_001)]);
    while two.message().await.seq.get() != 10_001 {}
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_off_again_and_again() {
    let Some((server, one, mut two)) = pair().await else {
        return;
    };
    let mut cut = 0;
    for seq in 1..=10 {
        let hears = async || server.subscribers("room:general") > 0;
        eventually("one hears again", hears).await;
        cut += server.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        one.publish(&[message("general", seq)]);
    }
    assert!(cut >= 10, "cut off so often: {cut}");
    one.becomes(BusState::Connected).await;
    two.becomes(BusState::Connected).await;
    both_hear(&server).await;
    flows(&one, &mut two, 21).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flushed() {
    let Some((server, one, mut two)) = pair().await else {
        return;
    };
    for seq in 1..=5 {
        server.ask(&["FLUSHALL"]);
        flows(&one, &mut two, seq).await;
    }
    assert_eq!(one.bus.state(), BusState::Connected);
}

#[tokio::test(flavor = "multi_thread")]
async fn not_there_at_the_start() {
    let Some(mut server) = Server::start() else {
        return;
    };
    server.kill();
    let (one, mut two) = (
        Peer::open(&server.url(), "instance-1"),
        Peer::open(&server.url(), "instance-2"),
    );
    one.bus.subscribe(&room("general"));
    two.bus.subscribe(&room("general"));
    one.publish(&[message("general", 1)]);
    assert_eq!(one.bus.state(), BusState::Disconnected);
    server.restart();
    let back = one.becomes(BusState::Connected).await;
    println!("connected {back:?} after Redis came");
    two.becomes(BusState::Connected).await;
    assert_eq!(server.subscribers("room:general"), 2);
    two.restored().await;
    flows(&one, &mut two, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_is_behind_is_told_to_look_for_itself() {
    let Some((_server, one, mut two)) = pair().await else {
        return;
    };
    two.forget();
    // More than fits between bus and relay, in portions that the outbox can take.
    for seqs in (1..=12_000i64).collect::<Vec<_>>().chunks(1_000) {
        let before = one.meters.publish.read().summary().count;
        let messages: Vec<_> = seqs.iter().map(|seq| message("general", *seq)).collect();
        one.publish(&messages);
        eventually("said", || async {
            one.meters.publish.read().summary().count >= before + 4
        })
        .await;
    }
    two.restored().await;
    assert_eq!(one.meters.publish_failed.get(), 0);
}
