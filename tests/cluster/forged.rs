//! What strangers put on the bus is never shown, and harms nobody.
use redis::Commands;
use serde_json::{Value, json};

use super::cluster::{Cluster, ROOM};
use super::eventually;
use super::reader::Way::{Sse, Tcp, Ws};

fn forged(seq: i64) -> Value {
    json!({
        "id": 1_000_000 + seq, "seq": seq, "room": ROOM, "user": "mallory",
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
    let junk = junk();
    for round in 0..20 {
        alice.say().await;
        for one in &junk {
            let _: () = mallory.publish("room:general", one).expect("published");
        }
        // The past, the far future, and everything soon to come but what is next.
        for seq in [-1, 0, 1, round, round + 3, round + 4, 1_000, i64::MAX] {
            let forged = forged(seq).to_string();
            let _: () = mallory.publish("room:general", forged).expect("published");
        }
        let _: () = mallory
            .publish("room:headcount", "many")
            .expect("published");
    }
    alice.say().await;
    assert_eq!(cluster.prove(&alice.told, &readers).await, 21);
    cluster.becomes("healthy").await;
    for instance in &cluster.instances {
        let counted = || async {
            let metrics = instance.get("/metrics").await;
            metrics["bus_junk"].as_u64().unwrap_or(0) >= 20
        };
        eventually("junk is counted", counted).await;
    }
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
