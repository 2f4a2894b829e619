//! Being cut off again and again while others keep talking loses and repeats nothing.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::client::{Wire, request};
use super::events::Events;
use super::server::Running;

const RESUMES: usize = 50;

/// Says one line after another until told to stop; returns how many there are.
async fn talk(server: &Running, stop: &AtomicBool) -> i64 {
    let writer = server.connect("writer").await;
    let mut said = 0;
    while !stop.load(Ordering::Relaxed) {
        said = server.said(&writer, "general", "on and on").await;
    }
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_resumes_give_every_message_once() {
    let server = Arc::new(Running::start().await);
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (server, stop) = (server.clone(), stop.clone());
        async move { talk(&server, &stop).await }
    });
    let mut seen = Vec::new();
    for round in 0..RESUMES {
        let last = seen.last().copied().unwrap_or(0);
        let mut reader = resume(&server, last, round).await;
        // Cut off after one, two, … messages, some of which are not read any more.
        seen.extend(reader.seqs(1 + round % 7).await);
    }
    stop.store(true, Ordering::Relaxed);
    let said = writer.await.expect("the writer ends");
    let last = seen.last().copied().unwrap_or(0);
    let mut reader = resume(&server, last, 0).await;
    seen.extend(reader.seqs((said - last) as usize).await);
    assert_eq!(seen, (1..=said).collect::<Vec<_>>());
}

/// Both ways to say where one was.
async fn resume(server: &Running, last: i64, round: usize) -> Events {
    match round % 2 {
        0 => Events::resume(server, "general", &last.to_string()).await,
        _ => Events::open(server, &format!("/api/messages/general?after={last}")).await,
    }
}

/// All come back at the same moment, and none is turned away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_comes_back_after_a_restart() {
    let server = Running::start().await;
    let mut targets = Vec::new();
    for n in 0..200 {
        let id = server.connect(&format!("u{n}")).await;
        let target = format!("/api/messages/general?session_id={id}&after=0");
        targets.push(target);
    }
    let server = server.restart().await;
    let open = targets.iter().map(async |target| {
        let mut wire = Wire::open(server.http).await;
        wire.send(request("GET", target, &[], None)).await;
        (wire.head().await.status, wire)
    });
    let open = futures_util::future::join_all(open).await;
    let refused = open.iter().filter(|(status, _)| *status != 200).count();
    assert_eq!(refused, 0);
}

#[tokio::test]
async fn a_full_server_says_so_in_whole_json() {
    let server = Running::with(&[("limits.connections", "1")]).await;
    let _one = Events::open(&server, "/api/messages/general").await;
    let answer = server.raw(request("GET", "/api/rooms", &[], None)).await;
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (503, Some("full"))
    );
}
