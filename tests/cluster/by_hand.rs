//! What an operator inserts with plain SQL is shown like any message, with Redis and without.
use super::cluster::Cluster;
use crate::support::reader::Way::{Sse, Tcp, Ws};
use crate::support::sender::Told;

/// As it would be typed: the named columns of the documented tables.
const INSERT: &str = "BEGIN;
    UPDATE rooms SET last_seq = last_seq + 1 WHERE name = 'general';
    INSERT INTO messages (room_id, seq, user_id, content)
      SELECT r.id, r.last_seq, u.id, 'by hand, ' || r.last_seq
      FROM rooms r, users u WHERE r.name = 'general' AND u.nickname = 'operator';
    COMMIT";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_inserted_by_hand_is_seen() {
    let Some(mut cluster) = Cluster::start(2).await else {
        return;
    };
    let user = "INSERT INTO users (nickname) VALUES ('operator')";
    cluster.postgres.sql(user).await;
    let readers = cluster.readers(&[Tcp, Sse, Ws, Sse]).await;
    let mut alice = cluster.sender("alice", 0).await;
    let mut by_hand = 0;
    alice.say().await;
    for redis_is_up in [true, false, true] {
        match redis_is_up {
            true if by_hand > 0 => cluster.redis().restart(),
            true => {}
            false => cluster.redis().kill(),
        }
        for _ in 0..3 {
            cluster.postgres.sql(INSERT).await;
            by_hand += 1;
        }
        alice.say().await;
        cluster.postgres.sql(INSERT).await;
        by_hand += 1;
        let told = Told {
            unknown: (1..100).map(|seq| format!("by hand, {seq}")).collect(),
            acknowledged: alice.told.acknowledged.clone(),
            ..Told::default()
        };
        let stored = cluster.prove(&told, &readers).await;
        assert_eq!(stored, by_hand + alice.told.acknowledged.len());
    }
}
