//! What holds over PostgreSQL when the connection does not: nothing is stored twice, and what
//! was acknowledged is there.
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use discordctl::model::{RoomRef, Seq};
use discordctl::store::{Options, Store, StoreError};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};

use crate::store::log::{draft, room};
use crate::support::db::{Db, Kind, run};
use crate::support::eventually;
use crate::support::proxy::{Mode, Proxy};

async fn contents(store: &Arc<dyn Store>, room: &RoomRef) -> Vec<String> {
    let messages = store
        .read(room, Seq::START, 100_000)
        .await
        .expect("messages");
    for (message, seq) in messages.iter().zip(1..) {
        assert_eq!(message.seq.get(), seq);
    }
    messages.iter().map(|m| m.content.to_string()).collect()
}

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

#[test]
fn a_lost_answer_is_found_again() {
    run(Kind::Postgres, |db| async move {
        let (proxy, options) = wired(&db).await;
        let store = db.open_with(options).await;
        let user = store.user("alice").await.expect("a user");
        let (one, two) = (room(&store, "one").await, room(&store, "two").await);
        let warm = [draft(&one, user, "warm")];
        store.append(&warm).await.expect("committed");
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
    });
}

#[test]
fn a_commit_that_goes_on_without_its_connection_is_waited_for() {
    run(Kind::Postgres, |db| async move {
        let (proxy, options) = wired(&db).await;
        let store = db.open_with(options).await;
        let user = store.user("alice").await.expect("a user");
        let general = room(&store, "general").await;
        store
            .append(&[draft(&general, user, "warm")])
            .await
            .expect("committed");
        let mut holder = PgConnection::connect(&db.url).await.expect("a connection");
        let mut held = holder.begin().await.expect("begun");
        sqlx::query("SELECT FROM rooms FOR UPDATE")
            .execute(&mut *held)
            .await
            .expect("locked");
        let (writer, place) = (store.clone(), general.clone());
        let append =
            tokio::spawn(async move { writer.append(&[draft(&place, user, "patient")]).await });
        waiting(&db, 1).await;
        proxy.cut();
        eventually("it is cut", || async { proxy.harmed() > 0 }).await;
        // The first goes on waiting for the room without anybody to tell; the second waits for
        // the first.
        waiting(&db, 2).await;
        held.commit().await.expect("unlocked");
        let answer = append.await.expect("no panic").expect("committed");
        assert_eq!(answer[0].as_ref().map(|a| a.seq.get()), Ok(2));
        assert_eq!(contents(&store, &general).await, ["warm", "patient"]);
    });
}

/// Waits until that many wait for locks.
async fn waiting(db: &Db, count: i64) {
    let waiting = "SELECT count(*) FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND datname = current_database()";
    while db.number(waiting).await < count {
        tokio::task::yield_now().await;
    }
}

#[test]
fn backends_that_are_terminated_lose_and_double_nothing() {
    run(Kind::Postgres, |db| async move {
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
    });
}

#[test]
fn a_writer_whose_row_was_deleted_gets_another() {
    run(Kind::Postgres, |db| async move {
        let store = db.open().await;
        let user = store.user("alice").await.expect("a user");
        let general = room(&store, "general").await;
        store
            .append(&[draft(&general, user, "one")])
            .await
            .expect("committed");
        db.sql("DELETE FROM writers").await;
        store
            .append(&[draft(&general, user, "two")])
            .await
            .expect("committed");
        assert_eq!(contents(&store, &general).await, ["one", "two"]);
    });
}

#[test]
fn a_server_that_is_away_is_said_at_once() {
    run(Kind::Postgres, |db| async move {
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
        // A dead connection under the store's hands is replaced without anybody noticing.
        let cut = async || {
            proxy.cut();
            eventually("it is cut", || async { proxy.harmed() > 0 }).await;
        };
        cut().await;
        assert_eq!(contents(&store, &general).await.len(), 0);
        cut().await;
        store
            .append(&[draft(&general, user, "after")])
            .await
            .expect("committed");
        assert_eq!(contents(&store, &general).await, ["after"]);
    });
}

#[test]
fn an_unmigrated_database_is_refused() {
    run(Kind::Postgres, |db| async move {
        db.sql("DROP TABLE schema_migrations").await;
        let opened = discordctl::store::open(&db.options(), Arc::default()).await;
        let error = opened.err().expect("refused").to_string();
        assert!(error.contains("has to be migrated"), "{error}");
    });
}
