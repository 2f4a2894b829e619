//! What strangers put on the bus is never shown, and harms nobody.
use redis::Commands;
use serde_json::{Value, json};

use super::cluster::{Cluster, ROOM};
use super::eventually;
use super::reader::Way::{Sse, Tcp, Ws};

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
        publish("room:headcount", b"many");
    }
    let before = 20 * (1 + junk().len() as u64);
    for round in 1..=5 {
        // The one after next; only when everybody has heard of it, those two are said.
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
