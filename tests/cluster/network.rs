//! Wires that are slow, cut or swallow everything, between one instance and what it depends on.
use std::time::Duration;

use super::cluster::Cluster;
use crate::support::crowd::{Crowd, Manner};
use crate::support::postgres::url_at;
use crate::support::proxy::{Mode, Proxy};
use crate::support::reader::Reader;
use crate::support::reader::Way::{Sse, Tcp, Ws};

/// `instance-1` on bad wires, `instance-2` on good ones; a reader of each kind at each.
struct Wired {
    cluster: Cluster,
    postgres: Proxy,
    redis: Proxy,
    readers: Vec<Reader>,
}

async fn wired() -> Option<Wired> {
    let mut cluster = Cluster::prepare().await?;
    let postgres = Proxy::start(cluster.postgres.port).await;
    let redis = Proxy::start(cluster.redis().port).await;
    let mut far = cluster.plan();
    far.db_url = url_at(postgres.port);
    far.redis_url = Some(format!("redis://127.0.0.1:{}", redis.port));
    // What waits for a dead wire gives up soon.
    far.env
        .push(("DISCORDCTL_DB_POOL_ACQUIRE_TIMEOUT", "500ms".to_owned()));
    cluster.add(far).await;
    let near = cluster.plan();
    cluster.add(near).await;
    cluster.becomes("healthy").await;
    let readers = cluster.readers(&[Tcp, Sse, Ws, Tcp, Sse, Ws]).await;
    Some(Wired {
        cluster,
        postgres,
        redis,
        readers,
    })
}

impl Wired {
    async fn crowd(&self, manner: Manner) -> Crowd {
        self.cluster.crowd(4, manner).await
    }

    async fn prove(&self, crowd: Crowd) {
        let told = crowd.stop().await;
        self.cluster.becomes("healthy").await;
        self.cluster.prove(&told, &self.readers).await;
        assert!(self.readers.iter().all(Reader::was_never_cut_off));
    }
}

/// A wire on which nothing was harmed proves nothing.
fn harmed(wire: &Proxy, how: &str) {
    assert!(wire.harmed() > 0, "nothing was {how}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_wires() {
    let Some(wired) = wired().await else { return };
    let crowd = wired.crowd(Manner::Resigned).await;
    wired.redis.set(Mode::Delay(Duration::from_millis(100)));
    crowd.acknowledged(40).await;
    wired.postgres.set(Mode::Delay(Duration::from_millis(30)));
    crowd.acknowledged(40).await;
    wired.redis.set(Mode::Pass);
    crowd.acknowledged(40).await;
    wired.postgres.set(Mode::Pass);
    harmed(&wired.redis, "delayed");
    harmed(&wired.postgres, "delayed");
    wired.prove(crowd).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wires_cut_again_and_again() {
    let Some(wired) = wired().await else { return };
    let crowd = wired.crowd(Manner::Insistent).await;
    for _ in 0..15 {
        crowd.acknowledged(8).await;
        wired.postgres.cut();
        crowd.acknowledged(8).await;
        wired.redis.cut();
    }
    harmed(&wired.redis, "cut");
    harmed(&wired.postgres, "cut");
    wired.prove(crowd).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wire_to_redis_that_swallows_everything() {
    let Some(wired) = wired().await else { return };
    let crowd = wired.crowd(Manner::Resigned).await;
    for mode in [Mode::BlackHole, Mode::Mute] {
        crowd.acknowledged(20).await;
        wired.redis.set(mode);
        wired.cluster.instances[0].becomes("degraded").await;
        crowd.acknowledged(100).await;
        harmed(&wired.redis, "swallowed");
        wired.redis.set(Mode::Pass);
        wired.cluster.becomes("healthy").await;
    }
    let told = crowd.stop().await;
    wired.cluster.prove(&told, &wired.readers).await;
    assert_eq!(told.tries, told.acknowledged.len(), "no send was refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wire_to_postgresql_that_swallows_everything() {
    let Some(wired) = wired().await else { return };
    let crowd = wired.crowd(Manner::Insistent).await;
    // With the answers lost, what was asked for happens all the same: nothing may come twice.
    for mode in [Mode::Mute, Mode::BlackHole, Mode::Mute] {
        crowd.acknowledged(20).await;
        wired.postgres.set(mode);
        wired.cluster.instances[0].becomes("unhealthy").await;
        crowd.acknowledged(20).await;
        harmed(&wired.postgres, "swallowed");
        wired.postgres.set(Mode::Pass);
        wired.cluster.becomes("healthy").await;
    }
    wired.prove(crowd).await;
}
