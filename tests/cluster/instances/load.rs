//! People talk and read while their instances are replaced under them, and notice nothing.
use serde_json::json;

use super::folder::Folder;
use crate::changes::{LOAD, nothing_was_missed, replicas_agree};
use crate::support::crowd::{Crowd, Manner};
use crate::support::postgres::Postgres;
use crate::support::proof::prove;
use crate::support::reader::Reader;
use crate::support::reader::Way::{Sse, Tcp, Ws};
use crate::support::redis::Server as Redis;
use crate::support::until;

const ROOM: &str = "general";

/// Three instances, not started yet, and their servers; `None` where those are not there.
async fn three() -> Option<(Postgres, Redis, Folder)> {
    let redis = Redis::start()?;
    let postgres = Postgres::start().await?;
    let settings = json!({ "db_url": postgres.url(), "redis_url": redis.url() });
    let folder = Folder::with(3, &settings);
    Some((postgres, redis, folder))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_loses_repeats_and_reorders_nothing() {
    let Some((postgres, _redis, folder)) = three().await else {
        return;
    };
    let early = folder.run("start").await.exits(78);
    // What it says works as typed.
    let command = "discordctl migrate up --config config/instance1.json";
    early.says(command);
    folder.run(&command["discordctl".len()..]).await.exits(0);
    folder.run("start").await.exits(0);
    let before = folder.pids();
    let readers = Reader::start_all(&[Tcp, Sse, Ws, Tcp, Sse, Ws], ROOM, &folder.instances).await;
    let crowd = Crowd::of(6, Manner::Insistent, ROOM, &folder.instances).await;
    crowd.acknowledged(30).await;
    let line = "restart --rolling --soak 300ms";
    // First the connections are handed over: then no netcat is cut off.
    let roll = folder.run(line).await.exits(0);
    assert_eq!(roll.each("state"), ["done", "done", "done"]);
    crowd.acknowledged(30).await;
    let lines = || {
        readers
            .iter()
            .filter(|reader| reader.name.ends_with("(Tcp)"))
    };
    assert!(lines().all(Reader::was_never_cut_off));
    let between = folder.pids();
    let drained = format!("{line} --no-handover");
    let roll = folder.run(&drained).await.exits(0);
    assert_eq!(roll.each("state"), ["done", "done", "done"]);
    crowd.acknowledged(30).await;
    let told = crowd.stop().await;
    assert!(told.refused.is_empty(), "each send succeeded after retries");
    println!(
        "{} of {} sends needed a retry",
        told.tries - told.acknowledged.len(),
        told.tries
    );
    prove(&mut postgres.connect().await, ROOM, &told, &readers).await;
    assert!(readers.iter().all(|reader| !reader.was_never_cut_off()));
    assert!(
        folder
            .pids()
            .iter()
            .all(|pid| !before.contains(pid) && !between.contains(pid))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_loses_no_change_of_a_message() {
    let Some((postgres, _redis, folder)) = three().await else {
        return;
    };
    let migrate = "migrate up --config config/instance1.json";
    folder.run(migrate).await.exits(0);
    folder.run("start").await.exits(0);
    let roll = async {
        let said = "SELECT count(*) FROM messages";
        until!("they talk", postgres.number(said).await > 60);
        folder.run("restart --rolling --soak 100ms").await.exits(0)
    };
    let (load, _) = tokio::join!(folder.run(LOAD), roll);
    nothing_was_missed(&load);
    replicas_agree(&postgres, &folder.instances).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_on_the_embedded_database_is_no_different() {
    let folder = Folder::embedded(2);
    folder.run("start").await.exits(0);
    let readers = Reader::start_all(&[Tcp, Sse, Ws, Sse], ROOM, &folder.instances).await;
    let crowd = Crowd::of(3, Manner::Insistent, ROOM, &folder.instances).await;
    crowd.acknowledged(20).await;
    folder.run("restart --rolling --soak 200ms").await.exits(0);
    crowd.acknowledged(20).await;
    let mut said = crowd.stop().await.acknowledged;
    said.sort_by_key(|place| place.seq);
    let seqs: Vec<i64> = said.iter().map(|place| place.seq).collect();
    assert_eq!(
        seqs,
        (1..).take(said.len()).collect::<Vec<i64>>(),
        "1, 2, 3, …"
    );
    for reader in &readers {
        let all = || async { reader.look(|notes| notes.seen.len()) >= said.len() };
        crate::support::eventually(&format!("{} has seen all", reader.name), all).await;
        reader.look(|notes| {
            let seen = notes.seen.iter().map(|seen| &seen.content);
            assert!(
                seen.eq(said.iter().map(|place| &place.content)),
                "{}",
                reader.name
            );
            assert!(notes.faults.is_empty(), "{:?}", notes.faults);
        });
    }
}
