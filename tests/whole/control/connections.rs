//! Which connections there are, how far behind, and how an operator ends them.
use discordctl::client::{self, Buffer};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::control::operator::serve;
use crate::support::client::{Browser, Lines, Person, Socket, get};
use crate::support::eventually;

fn of<'a>(connections: &'a [Value], transport: &str) -> &'a Value {
    let found = connections.iter().find(|c| c["transport"] == transport);
    found.expect("it is listed")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_is_listed_while_it_is_open() {
    let (mut server, operator) = serve().await;
    let mut alice = Lines::enter(server.tcp, "alice").await;
    alice.command("/create side").await.expect("made");
    let browser = Browser::connect(server.http, "bob").await;
    browser.listen("general", "").await;
    let mut socket = Socket::open(server.http).await;
    let hello = json!({ "type": "connect", "nickname": "carol", "rooms": { "general": 0 } });
    socket.send(hello).await;
    assert_eq!(socket.next().await["type"], "connected");

    eventually("all three read", || async {
        let list = operator.connections().await;
        list.len() == 3
            && list
                .iter()
                .all(|c| c["rooms"].as_array().is_some_and(|r| !r.is_empty()))
    })
    .await;
    let list = operator.connections().await;
    let line = of(&list, "tcp");
    assert_eq!(line["nickname"], "alice");
    assert_eq!(line["rooms"], json!(["general", "side"]));
    assert_eq!(
        (&line["lag"], &line["bytes_waiting"]),
        (&json!(0), &json!(0))
    );
    assert!(line["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert_eq!(of(&list, "sse")["nickname"], "bob");
    assert!(
        of(&list, "sse")["peer"]
            .as_str()
            .unwrap()
            .starts_with("127.0.0.1:")
    );
    assert_eq!(of(&list, "websocket")["nickname"], "carol");

    let few = operator.run("connections --most 1").await.well();
    assert_eq!(few["connections"].as_array().unwrap().len(), 1);
    assert_eq!(few["total"], 3);
    drop((alice, browser, socket));
    eventually("they are gone", || async {
        let left = operator.connections().await;
        left.iter().all(|c| c["transport"] == "sse") // its reader lives in a task of its own
    })
    .await;
    server.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_reads_nothing_is_seen_to_be_behind_and_can_be_ended() {
    let (server, operator) = serve().await;
    let mut stuck = client::connect(server.tcp, Buffer::Small).await.unwrap();
    stuck
        .write_all(b"/nick stuck\n/join general\n")
        .await
        .unwrap();
    let mut talker = Lines::enter(server.tcp, "talker").await;
    let flood = format!("{}\n", "x".repeat(3_000)).repeat(2_000);
    talker.write(flood.as_bytes()).await;
    for _ in 0..2_000 {
        talker.see().await;
    }
    let find = || async {
        let list = operator.connections().await;
        list.into_iter().find(|c| c["nickname"] == "stuck")
    };
    eventually("it is behind", || async {
        find().await.is_some_and(|c| c["lag"].as_u64() > Some(0))
    })
    .await;
    let row = find().await.unwrap();
    assert!(row["bytes_waiting"].as_u64() > Some(0), "{row}");
    let disconnect = format!("disconnect {}", row["id"].as_str().unwrap());
    operator.run(&disconnect).await.exits(0);
    eventually("it is gone", || async { find().await.is_none() }).await;
    assert_eq!(server.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnected_client_is_told_and_its_name_is_free() {
    let (server, operator) = serve().await;
    let mut mallory = Lines::enter(server.tcp, "mallory").await;
    let mut socket = Socket::connect(server.http, "carol").await;
    let mut browser = Browser::connect(server.http, "bob").await;

    let done = operator.run("disconnect MALLORY").await.well();
    assert_eq!(done["instances"][0]["connections"], 1);
    while mallory.told().await != "an operator closed this connection" {}
    assert_eq!(mallory.line().await, None);
    operator.run("disconnect carol").await.well();
    assert_eq!(
        socket.next().await["text"],
        "an operator closed this connection"
    );
    assert_eq!(socket.closed().await, Some(1008));
    operator.run("disconnect bob").await.well();
    let refused = browser.say("general", "hello?").await.unwrap_err();
    assert!(refused.contains("session"), "{refused}");

    let none = || async {
        let (_, users) = get(server.http, "/api/users").await;
        users["users"].as_array().is_some_and(Vec::is_empty)
    };
    eventually("their names are free", none).await;
    for (named, code) in [("nobody", 66), ("one:99", 66), ("two:1", 66), ("a/b", 64)] {
        let disconnect = format!("disconnect {named}");
        operator.run(&disconnect).await.exits(code);
    }
    assert_eq!(server.terminate().await, Some(0));
}
