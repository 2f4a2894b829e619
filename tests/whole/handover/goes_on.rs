//! The whole of it, on each database: lines go on, the others resume, and nobody is refused.
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpSocket;

use crate::handover::people::{Going, events, frames, knock, talk};
use crate::handover::site::{Site, start};
use crate::support::client::{Lines, Person, request};
use crate::support::db::{self, Db, Kind};
use crate::support::in_time;

/// So much that no socket's buffers hold it.
const MUCH: usize = 3_000;

#[test]
fn nobody_in_netcat_notices_on_sqlite() {
    db::run(Kind::Sqlite, nobody_notices);
}

#[test]
fn nobody_in_netcat_notices_on_postgres() {
    db::run(Kind::Postgres, nobody_notices);
}

async fn nobody_notices(db: Db) {
    let site = Site::new(&db);
    let mut serving = site.serve().await;
    let (tcp, http) = (serving.tcp, serving.http);

    let mut middle = Lines::connect(tcp).await;
    middle.command("/nick middle").await.unwrap();
    middle.command("/join general").await.unwrap();
    middle.command("/create side").await.unwrap();
    // Two rooms, and a line whose end comes much later; plain lines go to `side`.
    middle.write("half a li\u{e9}".as_bytes()).await;

    let deaf = TcpSocket::new_v4().unwrap();
    deaf.set_recv_buffer_size(4096).unwrap();
    let mut deaf = deaf.connect(tcp).await.unwrap();
    deaf.write_all(b"/nick deaf\n/join general\n")
        .await
        .unwrap();
    let mut joined = Lines::connect(tcp).await;
    while !joined.command("/list").await.unwrap().contains("3 users") {}

    // Other protocols, of which the first line comes in halves.
    let mut page = Lines::connect(tcp).await;
    page.write(b"POST / HT").await;
    let mut hello = Lines::connect(tcp).await;
    hello.write(b"\x16").await;

    let (going, last) = (Going::default(), Arc::new(AtomicUsize::new(0)));
    let (talker, knocker) = (talk(tcp, &going), knock(tcp, &going));
    let streams = tokio::spawn(events(http, last.clone()));
    let sockets = tokio::spawn(frames(http, last.clone()));
    let mut flood = Lines::connect(tcp).await;
    flood.command("/join general").await.unwrap();
    let text = |n: usize| format!("{n} {}", "x".repeat(2_000));
    for n in 0..MUCH / 2 {
        flood.say("general", &text(n)).await.unwrap();
    }

    for _ in 0..3 {
        going.more(20).await;
        let next = start(site.successor(&serving)).await;
        let next = next.unwrap_or_else(|(code, told)| panic!("{code:?}: {told}"));
        let (_, ready) = request(http, "GET", "/readyz", None).await;
        assert_eq!(std::mem::replace(&mut serving, next).ends().await, Some(0));
        assert_eq!(ready["ready"], true);
        let (_, ready) = request(http, "GET", "/readyz", None).await;
        assert_eq!(ready["pid"], serving.pid());
    }
    for n in MUCH / 2..MUCH {
        flood.say("general", &text(n)).await.unwrap();
    }
    going.more(20).await;
    going.stop();
    let (said, silence) = talker.await.unwrap();
    println!("{said} lines; the longest silence {silence:?}");
    println!("{} came and went", knocker.await.unwrap());

    page.write(b"TP/1.1\r\n\r\n/join general\r\nnever\r\n")
        .await;
    hello.write(b"\x03\x01\n/join general\nnever\n").await;
    for stranger in [&mut page, &mut hello] {
        let line = stranger.line().await.unwrap();
        assert!(line.starts_with("[system] this port takes"), "{line}");
        assert_eq!(stranger.line().await, None);
    }

    // The line that was begun before all that.
    middle.write(b"ne\n").await;
    loop {
        let seen = middle.see().await;
        if seen.room == "side" {
            assert_eq!(seen.content, "half a li\u{e9}ne");
            break;
        }
    }
    let (_, rooms) = request(http, "GET", "/api/rooms", None).await;
    let general = rooms["rooms"].as_array().unwrap().iter();
    let general = general.clone().find(|room| room["name"] == "general");
    let count = general.unwrap()["last_seq"].as_i64().unwrap();
    assert_eq!(count as usize, said + MUCH, "nothing lost, nothing twice");
    last.store(count as usize, Relaxed);
    for (what, reader) in [("events", streams), ("frames", sockets)] {
        let (seen, came) = reader.await.unwrap();
        assert!(
            seen.iter().copied().eq(1..=count),
            "{what}: no gap, no repeat"
        );
        assert!(came > 3, "{what} came back {came} times");
    }

    // Whoever read nothing all the time has it all before them, in order.
    let mut lines = BufReader::new(deaf).lines();
    let (mut next, mut messages) = (0, 0);
    while messages < count {
        let line = in_time("a line", lines.next_line()).await.unwrap();
        let line = line.expect("the connection is open");
        let Some((_, said)) = line
            .strip_prefix("[general] ")
            .and_then(|l| l.split_once(": "))
        else {
            assert!(line.starts_with("[system] "), "{line}");
            continue;
        };
        messages += 1;
        if !said.starts_with('t') {
            assert_eq!(said, text(next));
            next += 1;
        }
    }

    // Their names were theirs all along.
    let taken = joined.command("/nick middle").await.unwrap_err();
    assert!(taken.contains("somebody online"), "{taken}");
    assert_eq!(serving.terminate().await, Some(0));
    let store = db.open().await;
    assert!(
        store
            .online(&discordctl::store::Page::whole())
            .await
            .unwrap()
            .is_empty()
    );
    let long = std::time::Duration::from_secs(3600);
    assert!(
        store.lively(long).await.unwrap().is_empty(),
        "no row is left"
    );
}

#[test]
fn without_anybody_to_take_over_from_it_just_starts() {
    db::run(Kind::Sqlite, |db| async move {
        let site = Site::new(&db);
        let mut command = site.command((0, 0));
        command.arg("--take-over");
        let Ok(process) = start(command).await else {
            panic!("it starts");
        };
        let mut lines = Lines::connect(process.tcp).await;
        lines.command("/join general").await.unwrap();
        // One that was killed leaves its socket, and nobody behind it.
        let ports = (process.tcp.port(), process.http.port());
        process.signal(rustix::process::Signal::KILL);
        process.ends().await;
        let mut command = site.command(ports);
        command.arg("--take-over");
        let Ok(process) = start(command).await else {
            panic!("it starts");
        };
        assert_eq!(process.terminate().await, Some(0));
    });
}
