//! Instances are killed again and again while people write through the others.
use super::cluster::Cluster;
use crate::support::crowd::Manner;
use crate::support::reader::Way::{Sse, Tcp, Ws};

/// How often; more by `DISCORDCTL_TEST_KILLS`.
const KILLS: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_killed_again_and_again() {
    let Some(mut cluster) = Cluster::start(3).await else {
        return;
    };
    let kills = std::env::var("DISCORDCTL_TEST_KILLS");
    let kills = kills.map_or(KILLS, |kills| kills.parse().expect("a number"));
    let readers = cluster.readers(&[Tcp, Sse, Ws, Tcp, Sse, Ws]).await;
    let crowd = cluster.crowd(6, Manner::Insistent).await;
    for kill in 0..kills {
        crowd.acknowledged(15).await;
        let victim = kill % cluster.instances.len();
        cluster.instances[victim].kill().await;
        crowd.acknowledged(15).await;
        cluster.instances[victim].restart().await;
    }
    let told = crowd.stop().await;
    cluster.prove(&told, &readers).await;
    assert!(
        readers.iter().all(|reader| !reader.was_never_cut_off()),
        "each reader was at an instance that was killed"
    );
    cluster.becomes("healthy").await;
}
