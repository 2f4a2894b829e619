//! What strangers put on the bus is never shown, and does no harm.
use std::time::Duration;

use redis::Commands;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::cluster::{Cluster, ROOM};
use crate::support::eventually;
use crate::support::postgres::run;
use crate::support::reader::Way::{Sse, Tcp, Ws};

fn forged(seq: i64) -> Value {
    json!({
        "id": 1_000_000, "seq": seq, "room": ROOM, "user": "mallory",
        "content": format!("forged {seq}"), "created_at": "2026-01-01T00:00:00.000Z",
        "instance": "instance-1",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn junk_and_forged_messages_do_no_harm() {
    let Some(mut cluster) = Cluster::start(2).await else {
        return;
    };
    let readers = cluster.readers(&[Tcp, Sse, Ws, Tcp, Sse, Ws]).await;
    let mut alice = cluster.sender("alice", 0).await;
    let mut mallory = cluster.redis().client();
    let mut publish = |channel: &str, payload: &[u8]| {
        let _: () = mallory.publish(channel, payload).expect("published");
    };
    for round in 0..20 {
        alice.say().await;
        for one in junk() {
            publish("room:general", &one);
        }
        // What was, what is far from now, and what can be nowhere.
        for seq in [i64::MIN, -1, 0, 1, round, 500, 1_000, i64::MAX] {
            publish("room:general", forged(seq).to_string().as_bytes());
        }
        // And what comes next, as only a holder of the key can say it.
        for seq in round..round + 3 {
            publish("room:general", forged(seq).to_string().as_bytes());
            publish("room:general", signed(seq).to_string().as_bytes());
        }
        publish("room:headcount", b"many");
    }
    let before = 20 * (1 + junk().len() as u64);
    for round in 1..=5 {
        // The one after next; only when every instance has heard of it, those two are said.
        let head = cluster.postgres.number("SELECT last_seq FROM rooms").await;
        publish("room:general", forged(head + 2).to_string().as_bytes());
        publish("room:general", b"junk");
        for instance in &cluster.instances {
            let heard = || async {
                let metrics = instance.get("/metrics").await;
                metrics["bus_junk"].as_u64() >= Some(before + round)
            };
            eventually("the junk behind it is counted", heard).await;
        }
        alice.say().await;
        alice.say().await;
    }
    assert_eq!(cluster.prove(&alice.told, &readers).await, 30);
    cluster.becomes("healthy").await;
}

/// With a mac that is none.
fn signed(seq: i64) -> Value {
    let mut object = forged(seq);
    object["mac"] = "0".repeat(64).into();
    object
}

/// What an instance has counted since it started.
async fn count(cluster: &Cluster, instance: usize, name: &str) -> u64 {
    let metrics = cluster.instances[instance].get("/metrics").await;
    metrics[name].as_u64().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_forged_messages_costs_a_look_now_and_then() {
    let Some(mut cluster) = Cluster::start(2).await else {
        return;
    };
    let readers = cluster.readers(&[Tcp, Sse, Ws]).await;
    let mut alice = cluster.sender("alice", 0).await;
    alice.say().await;
    let before = count(&cluster, 1, "sweeps").await;
    let mut mallory = cluster.redis().client();
    let start = Instant::now();
    let mut said = 0;
    while start.elapsed() < Duration::from_secs(4) {
        let mut pipeline = redis::pipe();
        for seq in 0..500 {
            let payload = signed(2 + said + seq).to_string();
            pipeline.publish("room:general", payload).ignore();
        }
        let _: () = pipeline.query(&mut mallory).expect("published");
        said += 500;
        alice.say().await;
    }
    let swept = count(&cluster, 1, "sweeps").await - before;
    let unproven = count(&cluster, 1, "bus_unproven").await;
    let took = start.elapsed();
    assert!(unproven > 5_000, "the flood did not come: {unproven} heard");
    println!("{said} forged, {unproven} heard, {swept} looks in {took:?}");
    // A hint whose look finds something is followed by the next at once, since old instances say true
    // things without a mac: so beside what alice says, two looks are 50 ms apart and no more. The
    // regular ones come to that. (Alone, forged ones cost a look a second; the simulated network in
    // `src/delivery` holds that.)
    let most = took.as_millis() / 50 + took.as_millis() / 1_000 + 1;
    assert!(u128::from(swept) <= most, "{swept} looks, {most} at most");
    let all = alice.told.acknowledged.len();
    assert_eq!(cluster.prove(&alice.told, &readers).await, all);
    cluster.becomes("healthy").await;
}

/// As instances of an older version publish: what they say is looked up, and comes all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_without_a_mac_is_looked_up_at_once() {
    let Some(mut cluster) = Cluster::start(1).await else {
        return;
    };
    let readers = cluster.readers(&[Sse]).await;
    let mut alice = cluster.sender("alice", 0).await;
    alice.say().await;
    let mut database = cluster.postgres.connect().await;
    let mut old = cluster.redis().client();
    // Committed by another process, which says so as it always did.
    let commit = "WITH r AS (UPDATE rooms SET last_seq = last_seq + 1 RETURNING id, last_seq)
        INSERT INTO messages (room_id, seq, user_id, content)
        SELECT r.id, r.last_seq, (SELECT id FROM users WHERE nickname = 'alice'),
          'from the old, ' || r.last_seq FROM r";
    let has = |start: &str| {
        let begins = |seen: &crate::support::reader::Seen| seen.content.starts_with(start);
        readers[0].look(|notes| notes.seen.iter().any(begins))
    };
    let mut soonest = Duration::MAX;
    for seq in 2..7 {
        run(&mut database, commit).await;
        let before = Instant::now();
        let hint = forged(seq).to_string();
        let _: () = old.publish("room:general", hint).expect("published");
        let shown = || async { has(&format!("from the old, {seq}")) };
        eventually("what was committed is shown", shown).await;
        // The regular look has just been, but for the first: without the hint each takes its second.
        if seq > 2 {
            soonest = soonest.min(before.elapsed());
        }
    }
    println!("shown {soonest:?} after a hint");
    assert!(soonest < Duration::from_millis(500));
    assert!(!has("forged"));
}

fn junk() -> Vec<Vec<u8>> {
    let mut deep = "[".repeat(100_000);
    deep.push_str(&"]".repeat(100_000));
    vec![
        br#"{"test": true}"#.to_vec(),
        br#"{"id":1,"seq":2,"room":"general","us"#.to_vec(),
        b"\xff\xfe\x00".to_vec(),
        Vec::new(),
        vec![b'x'; 2 << 20],
        deep.into_bytes(),
        json!({ "seq": "2", "room": ROOM }).to_string().into_bytes(),
        json!({ "id": 1, "seq": 1e300, "room": ROOM })
            .to_string()
            .into_bytes(),
    ]
}
