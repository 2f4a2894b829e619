//! Figures, to be asked for: `cargo test --test cluster -- --ignored --nocapture figures`, with
//! `DISCORDCTL_TEST_BINARY` a release build.
use std::collections::HashMap;
use std::time::Duration;

use tokio::time::{Instant, interval};

use super::cluster::Cluster;
use crate::support::client::Lines;
use crate::support::eventually;
use crate::support::reader::Reader;
use crate::support::reader::Way::{Sse, Tcp, Ws};

/// Messages in one measurement, at 45 a second.
const MESSAGES: usize = 900;
const APART: Duration = Duration::from_micros(22_222);
/// What a reader missed that comes back.
const GAP: usize = 10_000;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures, and proves nothing"]
async fn figures_of_delivery() {
    let Some(mut cluster) = Cluster::start(3).await else {
        return;
    };
    // Number i reads at instance i.
    let readers = cluster.readers(&[Tcp, Tcp, Tcp]).await;
    let mut people = Vec::new();
    for (i, instance) in cluster.instances.iter().enumerate() {
        let mut person = Lines::connect(instance.at.tcp).await;
        person.answer(&format!("/nick person-{i}")).await;
        person.answer("/join general").await;
        people.push(person);
    }
    deliver(&mut people, &readers, "warm").await;
    deliver(&mut people, &readers, "with Redis").await;
    cluster.redis().kill();
    cluster.becomes("degraded").await;
    deliver(&mut people, &readers, "with Redis down").await;
    cluster.redis().restart();
    let back = cluster.slowest_to_become("healthy").await;
    println!("healthy {back:?} after Redis listens again");
    cluster.postgres.crash();
    cluster.becomes("unhealthy").await;
    cluster.postgres.restart().await;
    let back = cluster.slowest_to_become("healthy").await;
    println!("healthy {back:?} after PostgreSQL answers again");
}

/// People at each instance say things in turn; prints how long they take to each reader.
async fn deliver(people: &mut [Lines], readers: &[Reader], what: &str) {
    let before = readers[0].look(|notes| notes.seen.len());
    let mut sent = HashMap::new();
    let mut ticks = interval(APART);
    for i in 0..MESSAGES {
        ticks.tick().await;
        let from = i % people.len();
        let content = format!("{what} {i}");
        people[from].write(&format!("{content}\n")).await;
        sent.insert(content, (from, Instant::now()));
    }
    for reader in readers {
        let all = || async { reader.look(|notes| notes.seen.len()) >= before + MESSAGES };
        eventually("all is delivered", all).await;
    }
    let (mut within, mut across) = (Vec::new(), Vec::new());
    for (at, reader) in readers.iter().enumerate() {
        reader.look(|notes| {
            for (seen, time) in notes.seen.iter().zip(&notes.times).skip(before) {
                let (from, then) = sent[&seen.content];
                let list = if from == at { &mut within } else { &mut across };
                list.push(time.duration_since(then));
            }
        });
    }
    println!("{what}, within an instance:  {}", percentiles(within));
    println!("{what}, across instances:    {}", percentiles(across));
}

fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |share: f64| {
        let place = (times.len() as f64 * share) as usize;
        times[place.min(times.len() - 1)].as_secs_f64() * 1_000.0
    };
    let [p50, p95, p99, most] = [at(0.5), at(0.95), at(0.99), at(1.0)];
    format!("P50 {p50:.1} ms, P95 {p95:.1} ms, P99 {p99:.1} ms, most {most:.1} ms")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures, and proves nothing"]
async fn figures_of_a_gap() {
    let Some(mut cluster) = Cluster::start(2).await else {
        return;
    };
    let live = cluster.readers(&[Tcp, Sse, Ws]).await;
    for redis_is_up in [true, false] {
        if !redis_is_up {
            cluster.redis().kill();
            cluster.becomes("degraded").await;
        }
        let before = live[0].look(|notes| notes.seen.len());
        cluster.postgres.sql(&insert(GAP)).await;
        let start = Instant::now();
        for reader in &live {
            let all = || async { reader.look(|notes| notes.seen.len()) >= before + GAP };
            eventually("all is seen", all).await;
        }
        let took = start.elapsed();
        println!(
            "{GAP} committed by others, Redis up: {redis_is_up}: with all readers after {took:?}"
        );
    }
    for way in [Tcp, Sse, Ws] {
        let start = Instant::now();
        let late = Reader::start(way, "general", "late", cluster.addresses(0)).await;
        let wanted = if way == Tcp { 500 } else { 2 * GAP };
        let all = || async { late.look(|notes| notes.seen.len()) >= wanted };
        eventually("all is seen", all).await;
        println!(
            "{wanted} to one that comes late over {way:?}: {:?}",
            start.elapsed()
        );
    }
}

/// So many messages, in one transaction.
fn insert(count: usize) -> String {
    format!(
        "BEGIN;
        INSERT INTO messages (room_id, seq, content)
          SELECT id, last_seq + n, 'message ' || last_seq + n
          FROM rooms, generate_series(1, {count}) n WHERE name = 'general';
        UPDATE rooms SET last_seq = last_seq + {count} WHERE name = 'general';
        COMMIT"
    )
}
