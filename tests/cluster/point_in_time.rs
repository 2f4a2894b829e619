//! PostgreSQL is brought back to the moment before a mistake by its own tools, as docs/archive.md says.
use std::net::SocketAddr;

use discordctl::client::{Buffer, Event, Events};
use serde_json::{Value, json};

use crate::support::http::{connect, post};
use crate::support::postgres::Postgres;
use crate::support::{DEADLINE, Shell, eventually, in_time};

async fn say(at: SocketAddr, session: &str, content: &str) {
    let message = json!({ "session_id": session, "room": "general", "content": content });
    let answer = post(at, "/api/message", message).await.expect("answered");
    assert_eq!(answer.status, 200, "{answer:?}");
}

async fn reads(at: SocketAddr, query: &str) -> Events {
    let path = format!("/api/messages/general?{query}");
    let events = Events::open(at, &path, None, Buffer::Usual, DEADLINE).await;
    events.expect("a stream")
}

/// The next that is no notice: its name, and its `seq` or `last_seq`.
async fn next(events: &mut Events) -> (String, i64) {
    let next = async {
        loop {
            let Event::Named { name, data, .. } = events.next().await.unwrap().unwrap() else {
                continue;
            };
            let data: Value = serde_json::from_str(&data).expect("JSON");
            let place = data["seq"].as_i64().or(data["last_seq"].as_i64());
            if let Some(place) = place {
                return (name, place);
            }
        }
    };
    in_time("an event", next).await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_back_to_the_moment_before_a_mistake() {
    let Some(mut postgres) = Postgres::start().await else {
        return;
    };
    let kept = postgres.archives().await;
    let mut shell = Shell::new().with("DISCORDCTL_DB_URL", &postgres.url());
    shell.run("migrate up").await.exits(0);
    let server = shell.serve("one", &[]).await;
    let alice = connect(server.http, "alice").await;
    for said in ["one", "two", "three"] {
        say(server.http, &alice, said).await;
    }
    let base = postgres.base_backup();
    for said in ["four", "five"] {
        say(server.http, &alice, said).await;
    }
    let epoch = postgres.text("SELECT epoch FROM epoch").await;
    let moment = postgres.text("SELECT clock_timestamp()::text").await;
    say(server.http, &alice, "six").await;
    postgres.sql("DROP TABLE messages CASCADE").await;
    let last = postgres
        .text("SELECT pg_walfile_name(pg_switch_wal())")
        .await;
    let is_kept = || async { kept.path().join(&last).exists() };
    eventually("the log is kept", is_kept).await;
    drop(server);

    let recovered = postgres.recovered(base, kept.path(), &moment).await;
    drop(postgres);
    shell.set("DISCORDCTL_DB_URL", &recovered.url());
    let begun = shell.run("epoch begin recovered").await.well();
    assert_eq!(begun["reason"], "recovered", "{begun}");
    let server = shell.serve("two", &[]).await;
    // A reader that saw what is gone, and one that knows only its epoch, are told; then all goes on.
    let mut beyond = reads(server.http, "after=6").await;
    assert_eq!(next(&mut beyond).await, ("reset".into(), 5));
    let mut before = reads(server.http, &format!("after=3&epoch={epoch}")).await;
    assert_eq!(next(&mut before).await.0, "reset");
    let mut all = reads(server.http, "after=0").await;
    for seq in 1..=5 {
        assert_eq!(next(&mut all).await, ("message".into(), seq));
    }
    say(server.http, &alice, "anew").await;
    for reader in [&mut beyond, &mut before, &mut all] {
        while next(reader).await != ("message".into(), 6) {}
    }
}
