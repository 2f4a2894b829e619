//! Being cut off again and again while others keep talking loses and repeats nothing.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
        // Cut off after one, two, … messages, some of which nobody reads any more.
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
