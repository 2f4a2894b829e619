//! PostgreSQL crashes, and its processes are ended in the middle of things.
use super::cluster::{Cluster, ROOM};
use crate::support::client::{Lines, get};
use crate::support::crowd::Manner;
use crate::support::eventually;
use crate::support::http::post;
use crate::support::postgres::run;
use crate::support::reader::Way::{Sse, Tcp, Ws};

#[tokio::test(flavor = "multi_thread")]
async fn crashed_under_load_and_started_again() {
    let Some(mut cluster) = Cluster::start(2).await else {
        return;
    };
    let readers = cluster.readers(&[Tcp, Sse, Ws, Sse]).await;
    let mut netcat = Lines::connect(cluster.addresses(0)[0].tcp).await;
    netcat.answer(&format!("/join {ROOM}")).await;
    let crowd = cluster.crowd(8, Manner::Resigned).await;
    crowd.acknowledged(50).await;
    cluster.postgres.crash();
    crowd.refused(40).await;
    cluster.becomes("unhealthy").await;
    what_goes_on_without_it(&cluster, &mut netcat).await;
    crowd.refused(40).await;
    cluster.postgres.restart().await;
    let back = cluster.slowest_to_become("healthy").await;
    println!("healthy {back:?} after PostgreSQL returned");
    crowd.acknowledged(50).await;
    let told = crowd.stop().await;
    cluster.prove(&told, &readers).await;
    let others = told.refused_otherwise("database_unavailable");
    assert!(others.is_empty(), "{others:?}");
    assert!(readers.iter().all(|reader| reader.was_never_cut_off()));
    assert!(cluster.instances.iter_mut().all(|one| one.runs()));
}

/// Refusals are clear over every transport; what is in memory can be read and joined.
async fn what_goes_on_without_it(cluster: &Cluster, netcat: &mut Lines) {
    netcat.write("hello?\n").await;
    let told = netcat.line_with("[system] not sent: ").await;
    assert_eq!(told, "[system] not sent: database unavailable");
    let at = cluster.addresses(0)[0];
    let (_, history) = get(at.http, "/api/history/general?limit=5").await;
    assert_eq!(history["messages"].as_array().map(Vec::len), Some(5));
    assert_eq!(get(at.http, "/readyz").await.0, 503);
    assert_eq!(get(at.http, "/livez").await.0, 200);
    let connect = serde_json::json!({ "nickname": "newcomer" });
    let refused = post(at.http, "/api/connect", connect).await;
    let refused = refused.expect("it answers");
    assert_eq!(refused.code(), "database_unavailable");
    assert!(refused.head.contains_key("retry-after"), "{refused:?}");
    let mut guest = Lines::connect(at.tcp).await;
    guest.write(&format!("/join {ROOM}\n")).await;
    guest.line_with("says").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn backends_are_terminated_in_mid_commit() {
    let Some(cluster) = Cluster::start(2).await else {
        return;
    };
    let readers = cluster.readers(&[Ws, Sse, Tcp]).await;
    let crowd = cluster.crowd(4, Manner::Insistent).await;
    let mut operator = cluster.postgres.connect().await;
    // Whatever they are doing at that moment.
    for _ in 0..20 {
        crowd.acknowledged(5).await;
        let all = "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE application_name LIKE 'discordctl%'";
        assert!(cluster.postgres.number(all).await > 0, "none was there");
    }
    // And while they wait for the room in the middle of a commit.
    for _ in 0..5 {
        crowd.acknowledged(5).await;
        run(&mut operator, "BEGIN; SELECT FROM rooms FOR UPDATE").await;
        let waiting = "SELECT count(*) FROM pg_stat_activity
            WHERE application_name LIKE 'discordctl%' AND wait_event_type = 'Lock'";
        let is_so = || async { cluster.postgres.number(waiting).await > 0 };
        eventually("one waits in a commit", is_so).await;
        let terminate =
            "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE application_name LIKE 'discordctl%' AND wait_event_type = 'Lock'";
        assert!(cluster.postgres.number(terminate).await > 0, "none waited");
        run(&mut operator, "COMMIT").await;
    }
    let told = crowd.stop().await;
    cluster.prove(&told, &readers).await;
    cluster.becomes("healthy").await;
    assert!(readers.iter().all(|reader| reader.was_never_cut_off()));
}
