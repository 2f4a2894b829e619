//! Read marks, while PostgreSQL or Redis is away.
use std::time::Duration;

use discordctl::client::{self, Frame};
use serde_json::{Value, json};
use tokio::time::{Instant, interval};

use super::cluster::{Cluster, ROOM};
use crate::support::client::{Lines, Person, Socket, get, post};
use crate::support::instance::Instance;
use crate::support::{DEADLINE, in_time, until};

const PASSWORD: &str = "a horse of another colour";

async fn session(at: &Instance, path: &str) -> String {
    let account = json!({ "nickname": "alice", "password": PASSWORD });
    let (status, begun) = post(at.at.http, path, account).await;
    assert_eq!(status, 200, "{begun}");
    begun["session_id"].as_str().unwrap().to_owned()
}

/// Marks the room as read up to there; whether that was taken.
async fn reads(at: &Instance, session: &str, seq: i64) -> bool {
    let marks = json!({ "session_id": session, "marks": [{ "room": ROOM, "seq": seq }] });
    post(at.at.http, "/api/read", marks).await.0 == 200
}

/// Waits for the frame that says so.
async fn is_read(socket: &mut Socket, seq: i64) {
    let wanted = json!({ "type": "read", "room": ROOM, "seq": seq });
    loop {
        let frame = socket.next().await;
        if frame["type"] == "read" {
            assert_eq!(frame, wanted);
            return;
        }
    }
}

/// The next frame of that kind.
async fn told(socket: &mut client::Socket, kind: &str) -> Value {
    loop {
        match socket.next().await.unwrap() {
            Frame::Json(frame) if frame["type"] == kind => return frame,
            Frame::Json(_) => {}
            Frame::Closed(code) => panic!("closed: {code:?}"),
        }
    }
}

async fn says(lines: &mut Lines, count: usize) {
    for n in 0..count {
        lines.say(ROOM, &format!("number {n}")).await.unwrap();
    }
}

/// For how long the database is away at least; by `DISCORDCTL_TEST_OUTAGE`, in seconds. Without it a little
/// longer than what a session goes on without being stored as used.
fn outage() -> Duration {
    let seconds = std::env::var("DISCORDCTL_TEST_OUTAGE");
    let seconds = seconds.map_or(32, |seconds| seconds.parse().expect("a number"));
    Duration::from_secs(seconds)
}

const READ: &str = "SELECT coalesce(max(read_seq), 0) FROM read_marks";

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_database_or_the_bus_loses_no_read_mark() {
    let Some(mut cluster) = Cluster::start(2).await else {
        return;
    };
    let mut bob = Lines::enter(cluster.instances[0].at.tcp, "bob").await;
    says(&mut bob, 30).await;
    let laptop = session(&cluster.instances[0], "/api/register").await;
    let phone = session(&cluster.instances[1], "/api/login").await;
    let greet = json!({ "session_id": phone });
    let mut socket = Socket::greet(cluster.instances[1].at.http, greet).await;
    // With a bus the phone hears of it, wherever it is.
    assert!(reads(&cluster.instances[0], &laptop, 1).await);
    is_read(&mut socket, 1).await;

    // Without one, too.
    cluster.redis().kill();
    cluster.becomes("degraded").await;
    assert!(reads(&cluster.instances[0], &laptop, 2).await);
    is_read(&mut socket, 2).await;
    cluster.redis().restart();
    cluster.becomes("healthy").await;

    // While the database is away marks are taken, and none of them is lost. The phone reads on, or it would
    // be hung up on.
    drop(socket);
    let patience = DEADLINE + outage();
    let at = cluster.instances[1].at.http;
    let mut socket = client::Socket::open(at, patience).await.unwrap();
    let connect = json!({ "type": "connect", "session_id": phone });
    socket.send(&connect).await.unwrap();
    told(&mut socket, "connected").await;
    let phone = tokio::spawn(async move { told(&mut socket, "read").await });
    cluster.postgres.crash();
    cluster.becomes("unhealthy").await;
    let (away, mut ticks) = (Instant::now(), interval(Duration::from_millis(100)));
    let mut seqs = (3..=20).chain(std::iter::repeat(20));
    let mut written = 0;
    while written < 18 || away.elapsed() < outage() {
        let seq = seqs.next().expect("one more");
        assert!(reads(&cluster.instances[0], &laptop, seq).await, "{seq}");
        let (_, metrics) = get(cluster.instances[0].at.http, "/metrics").await;
        assert_eq!(waiting(&metrics), 1, "one, however often");
        written += 1;
        if written >= 18 {
            ticks.tick().await;
        }
    }
    println!(
        "{written} marks while the database was away for {:?}",
        away.elapsed()
    );
    cluster.postgres.restart().await;
    cluster.becomes("healthy").await;
    until!(
        "the last is written",
        cluster.postgres.number(READ).await == 20
    );
    let told = in_time("the phone is told", phone).await.unwrap();
    assert_eq!(told, json!({ "type": "read", "room": ROOM, "seq": 20 }));
    let (_, metrics) = get(cluster.instances[0].at.http, "/metrics").await;
    assert_eq!(waiting(&metrics), 0);
}

fn waiting(metrics: &Value) -> i64 {
    let depth = &metrics["queues"]["read_marks"]["depth"];
    depth
        .as_i64()
        .unwrap_or_else(|| panic!("no depth: {metrics}"))
}
