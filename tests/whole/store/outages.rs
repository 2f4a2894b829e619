//! What holds over PostgreSQL when the connection does not: nothing is stored twice, and what
//! was acknowledged is there.
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use discordctl::store::{Options, StoreError};
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;

use crate::store::log::{append, contents, draft, room};
use crate::support::db::{Db, connect};
use crate::support::eventually;
use crate::support::postgres::run;
use crate::support::proxy::{Mode, Proxy};

/// A store whose connections go through a wire that can be cut.
async fn wired(db: &Db) -> (Proxy, Options) {
    let direct: PgConnectOptions = db.url.parse().expect("a good URL");
    let proxy = Proxy::start(direct.get_port()).await;
    let through = direct.host("127.0.0.1").port(proxy.port);
    let options = Options {
        url: through.to_url_lossy().to_string(),
        ..db.options()
    };
    (proxy, options)
}

pub(crate) async fn a_lost_answer_is_found_again(db: Db) {
    let (proxy, options) = wired(&db).await;
    let store = db.open_with(options).await;
    let user = store.user("alice").await.expect("a user");
    let (one, two) = (room(&store, "one").await, room(&store, "two").await);
    append(&store, &[draft(&one, user, "warm")]).await;
    for n in 0..10 {
        let batch = [
            draft(&one, user, &format!("{n}/a")),
            draft(&two, user, &format!("{n}/b")),
            draft(&one, user, &format!("{n}/c")),
        ];
        proxy.set(Mode::LoseOne);
        let answers = store.append(&batch).await.expect("committed all the same");
        let seqs: Vec<_> = answers
            .into_iter()
            .flatten()
            .map(|a| (a.seq.get(), a.fresh))
            .collect();
        let next = 2 * n + 2;
        assert_eq!(seqs, [(next, true), (n + 1, true), (next + 1, true)]);
        assert_eq!(proxy.harmed(), 1, "an answer was lost");
    }
    assert_eq!(contents(&store, &one).await.len(), 21);
    assert_eq!(contents(&store, &two).await.len(), 10);
}

/// After the database went back, rows of writers are gone and their numbers are given anew.
pub(crate) async fn no_store_takes_the_batch_of_another_for_its_own(db: Db) {
    let (one, two) = (db.open().await, db.open().await);
    let user = one.user("alice").await.expect("a user");
    let general = room(&one, "general").await;
    append(&one, &[draft(&general, user, "one 1")]).await;
    db.sql("TRUNCATE writers RESTART IDENTITY").await;
    append(&two, &[draft(&general, user, "two 1")]).await;
    append(&one, &[draft(&general, user, "one 2")]).await;
    append(&two, &[draft(&general, user, "two 2")]).await;
    let all = ["one 1", "two 1", "one 2", "two 2"];
    assert_eq!(contents(&one, &general).await, all);
}

pub(crate) async fn a_commit_that_goes_on_without_its_connection_is_waited_for(db: Db) {
    let (proxy, options) = wired(&db).await;
    let store = db.open_with(options).await;
    let user = store.user("alice").await.expect("a user");
    let general = room(&store, "general").await;
    append(&store, &[draft(&general, user, "warm")]).await;
    let mut holder = connect(&db.url).await;
    run(&mut holder, "BEGIN; SELECT FROM rooms FOR UPDATE").await;
    let (writer, place) = (store.clone(), general.clone());
    let append =
        tokio::spawn(async move { writer.append(&[draft(&place, user, "patient")]).await });
    waiting(&db, 1).await;
    proxy.cut();
    eventually("it is cut", || async { proxy.harmed() > 0 }).await;
    // The first goes on waiting for the room without a client to tell; the second waits for
    // the first.
    waiting(&db, 2).await;
    run(&mut holder, "COMMIT").await;
    let answer = append.await.expect("no panic").expect("committed");
    assert_eq!(answer[0].as_ref().map(|a| a.seq.get()), Ok(2));
    assert_eq!(contents(&store, &general).await, ["warm", "patient"]);
}

/// Waits until that many wait for locks.
async fn waiting(db: &Db, count: i64) {
    let waiting = "SELECT count(*) FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND datname = current_database()";
    let wait = async || db.number(waiting).await >= count;
    eventually(&format!("{count} wait for locks"), wait).await;
}

pub(crate) async fn backends_that_are_terminated_lose_and_double_nothing(db: Db) {
    let first = db.open().await;
    let user = first.user("alice").await.expect("a user");
    let general = room(&first, "general").await;
    let mut writers = Vec::new();
    for writer in 0..3 {
        let (store, general) = (db.open().await, general.clone());
        writers.push(tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for n in 0..60 {
                let said = [format!("{writer}/{n}/a"), format!("{writer}/{n}/b")];
                let batch = said.each_ref().map(|c| draft(&general, user, c));
                for answer in store.append(&batch).await.expect("committed in the end") {
                    let seq = answer.expect("the room is there").seq.get();
                    acknowledged.push(seq);
                }
            }
            acknowledged
        }));
    }
    let others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%turn%'";
    let mut terminated = 0;
    while !writers.iter().all(|w| w.is_finished()) {
        terminated += db.number(others).await;
    }
    assert!(terminated > 0, "none was terminated");
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.await.expect("the writer is content"));
    }
    acknowledged.sort_unstable();
    assert_eq!(acknowledged, (1..=360).collect::<Vec<_>>());
    let mut times: HashMap<String, usize> = HashMap::new();
    for content in contents(&db.open().await, &general).await {
        *times.entry(content).or_default() += 1;
    }
    assert_eq!(times.len(), 360);
    assert!(times.values().all(|count| *count == 1));
}

pub(crate) async fn a_writer_whose_row_was_deleted_gets_another(db: Db) {
    let store = db.open().await;
    let user = store.user("alice").await.expect("a user");
    let general = room(&store, "general").await;
    append(&store, &[draft(&general, user, "one")]).await;
    db.sql("DELETE FROM writers").await;
    append(&store, &[draft(&general, user, "two")]).await;
    assert_eq!(contents(&store, &general).await, ["one", "two"]);
}

pub(crate) async fn a_server_that_is_away_is_said_at_once(db: Db) {
    let (proxy, options) = wired(&db).await;
    let options = Options {
        acquire_timeout: Duration::from_secs(1),
        shed_after: Duration::from_secs(1),
        ..options
    };
    let store = db.open_with(options.clone()).await;
    let user = store.user("alice").await.expect("a user");
    let general = room(&store, "general").await;
    let gone = Options {
        url: options.url.replace(&proxy.port.to_string(), "1"),
        ..options
    };
    let opened = discordctl::store::open(&gone, Arc::default()).await;
    assert!(matches!(opened, Err(StoreError::Unavailable(_))));
    // A dead connection under the store's hands is replaced unnoticed.
    let cut = async || {
        proxy.cut();
        eventually("it is cut", || async { proxy.harmed() > 0 }).await;
    };
    cut().await;
    assert_eq!(contents(&store, &general).await.len(), 0);
    cut().await;
    append(&store, &[draft(&general, user, "after")]).await;
    assert_eq!(contents(&store, &general).await, ["after"]);
}

pub(crate) async fn an_unmigrated_database_is_refused(db: Db) {
    db.sql("DROP TABLE schema_migrations").await;
    let opened = discordctl::store::open(&db.options(), Arc::default()).await;
    let error = opened.err().expect("refused").to_string();
    assert!(error.contains("has to be migrated"), "{error}");
}
