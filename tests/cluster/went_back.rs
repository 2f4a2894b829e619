//! The database goes back under readers and writers: a failover to a standby that lacked the newest
//! messages. Every reader is told, and given what is stored from then on.
use std::net::SocketAddr;
use std::path::Path;

use discordctl::client::{Buffer, Event, Events, Frame, Lines, Socket};
use serde_json::{Value, json};

use super::cluster::Cluster;
use crate::support::http::{connect, post, request};
use crate::support::instance::Address;
use crate::support::{DEADLINE, Shell, eventually, in_time};

/// A connection that stays open throughout.
enum Ear {
    Lines(Lines),
    Events(Events),
    Socket(Box<Socket>),
}

impl Ear {
    async fn lines(at: Address) -> Self {
        let mut lines = Lines::connect(at.tcp, DEADLINE).await.unwrap();
        lines.say("/join general").await.unwrap();
        while !lines.next().await.unwrap().unwrap().contains("joined") {}
        Self::Lines(lines)
    }

    async fn events(at: Address, query: &str) -> Self {
        let path = format!("/api/messages/general?{query}");
        let events = Events::open(at.http, &path, None, Buffer::Usual, DEADLINE).await;
        Self::Events(events.unwrap())
    }

    async fn socket(at: Address, nickname: &str) -> Self {
        let mut socket = Socket::open(at.http, DEADLINE).await.unwrap();
        let hello = json!({ "type": "connect", "nickname": nickname, "rooms": { "general": 0 } });
        socket.send(&hello).await.unwrap();
        Self::Socket(Box::new(socket))
    }

    /// What comes next: the text of a message, or `reset` and the last `seq` that holds.
    async fn next(&mut self) -> String {
        loop {
            let told = match self {
                Self::Lines(lines) => of_line(&lines.next().await.unwrap().unwrap()),
                Self::Events(events) => match events.next().await.unwrap().unwrap() {
                    Event::Named { name, data, .. } => {
                        of_object(&name, &serde_json::from_str(&data).unwrap())
                    }
                    Event::Comment(_) => None,
                },
                Self::Socket(socket) => match socket.next().await.unwrap() {
                    Frame::Json(frame) => of_object(frame["type"].as_str().unwrap(), &frame),
                    other => panic!("{other:?}"),
                },
            };
            if let Some(told) = told {
                return told;
            }
        }
    }

    async fn hears(&mut self, what: &str, wanted: &[String]) {
        for wanted in wanted {
            let heard = in_time(&format!("{what}: {wanted}"), self.next()).await;
            assert_eq!(heard, *wanted, "{what}");
        }
    }
}

fn of_line(line: &str) -> Option<String> {
    if let Some(rest) = line.strip_prefix("[system] the past of general has changed: ") {
        let seq = rest
            .split_whitespace()
            .find(|word| word.parse::<i64>().is_ok());
        return Some(format!("reset {}", seq.unwrap()));
    }
    let (_, content) = line.strip_prefix("[general] ")?.split_once(": ")?;
    Some(content.to_owned())
}

fn of_object(kind: &str, object: &Value) -> Option<String> {
    match kind {
        "message" => Some(object["content"].as_str().unwrap().to_owned()),
        "reset" => Some(format!("reset {}", object["last_seq"])),
        _ => None,
    }
}

/// Says it, however often that must be tried; once, since it has a nonce.
async fn say(at: SocketAddr, session: &str, content: &str) {
    let message =
        json!({ "session_id": session, "room": "general", "content": content, "nonce": content });
    let said = || async {
        let answer = post(at, "/api/message", message.clone()).await;
        answer.is_ok_and(|answer| answer.status == 200)
    };
    eventually(&format!("{content} is said"), said).await;
}

/// In the place of the primary, a standby is as no database: nothing is ready, and sends are refused so
/// that they come again.
async fn a_standby_is_not_ready(cluster: &Cluster, session: &str) {
    for instance in &cluster.instances {
        let at = instance.at.http;
        let ready = || async { request(at, "GET", "/readyz", None).await.unwrap().status == 503 };
        eventually("it is not ready", ready).await;
        let message = json!({ "session_id": session, "room": "general", "content": "refused" });
        let refused = post(at, "/api/message", message).await.unwrap();
        assert_eq!(
            (refused.status, refused.code()),
            (503, "database_unavailable")
        );
    }
    what_is_stored_can_be_read(cluster).await;
}

async fn what_is_stored_can_be_read(cluster: &Cluster) {
    let at = cluster.instances[0].at.http;
    let page = request(at, "GET", "/api/history/general?limit=5", None).await;
    assert_eq!(page.unwrap().body["messages"].as_array().unwrap().len(), 5);
}

fn texts(what: &str, count: i64) -> Vec<String> {
    (1..=count).map(|n| format!("{what} {n}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_that_lost_messages_is_told_to_every_reader() {
    let Some(mut cluster) = Cluster::start(2).await else {
        return;
    };
    let (one, two) = (cluster.instances[0].at, cluster.instances[1].at);
    let session = connect(one.http, "alice").await;
    let mut ears = Vec::new();
    for (n, at) in [one, two].into_iter().enumerate() {
        ears.push((format!("lines {n}"), Ear::lines(at).await));
        ears.push((format!("events {n}"), Ear::events(at, "after=0").await));
        ears.push((
            format!("socket {n}"),
            Ear::socket(at, &format!("ear-{n}")).await,
        ));
    }
    let (kept, lost, anew) = (texts("kept", 20), texts("lost", 10), texts("anew", 15));
    let mut standby = cluster.postgres.standby().await;
    for content in &kept {
        say(one.http, &session, content).await;
    }
    let streamed = || async { standby.number("SELECT count(*) FROM messages").await == 20 };
    eventually("the standby has them", streamed).await;
    let before = cluster.postgres.text("SELECT epoch FROM epoch").await;
    standby.crash();
    for content in &lost {
        say(one.http, &session, content).await;
    }
    for (what, ear) in &mut ears {
        ear.hears(what, &kept).await;
        ear.hears(what, &lost).await;
    }

    cluster.postgres.crash();
    standby.port = cluster.postgres.port;
    standby.restart().await;
    cluster.postgres = standby;
    a_standby_is_not_ready(&cluster, &session).await;
    cluster.postgres.promote();
    // More than was lost: what ends later than what was shown is another past all the same.
    for (n, content) in anew.iter().enumerate() {
        let at = if n % 2 == 0 { one } else { two };
        say(at.http, &session, content).await;
    }
    for (what, ear) in &mut ears {
        ear.hears(what, &["reset 20".to_owned()]).await;
        ear.hears(what, &anew).await;
    }
    let after = cluster.postgres.text("SELECT epoch FROM epoch").await;
    assert_ne!(before, after);

    let page = request(two.http, "GET", "/api/history/general?limit=20", None).await;
    let page = page.unwrap().body;
    assert_eq!(page["epoch"], after.as_str());
    let said: Vec<_> = page["messages"].as_array().unwrap().iter().collect();
    let wanted: Vec<&str> = kept[15..].iter().chain(&anew).map(String::as_str).collect();
    assert!(
        said.iter()
            .map(|m| m["content"].as_str().unwrap())
            .eq(wanted)
    );

    // Positions of the past that was: named as such, or beyond the end.
    for (query, wanted) in [
        (
            format!("after=22&epoch={before}"),
            vec!["reset 35".to_owned()],
        ),
        (format!("after=33&epoch={after}"), anew[13..].to_vec()),
        ("after=36".to_owned(), vec!["reset 35".to_owned()]),
    ] {
        let mut ear = Ear::events(two, &query).await;
        ear.hears(&query, &wanted).await;
    }

    cluster.becomes("degraded").await;
    let health = request(one.http, "GET", "/health", None)
        .await
        .unwrap()
        .body;
    assert_eq!(health["checks"]["past"]["runbook"], "failover", "{health}");
    walk_the_runbook(&cluster).await;
    cluster.becomes("healthy").await;
}

async fn walk_the_runbook(cluster: &Cluster) {
    let binary = Path::new(env!("CARGO_BIN_EXE_discordctl"));
    let programs = binary.parent().unwrap().display();
    let path = std::env::var("PATH").unwrap();
    let shell = Shell::new()
        .with("PATH", &format!("{programs}:{path}"))
        .with("DISCORDCTL_CONFIG", "instance.json")
        .with("PGHOST", "127.0.0.1")
        .with("PGPORT", &cluster.postgres.port.to_string())
        .with("PGUSER", "postgres")
        .with("PGDATABASE", "postgres");
    let config = json!({ "db_url": cluster.postgres.url() });
    std::fs::write(shell.path("instance.json"), config.to_string()).unwrap();
    let walked = shell.run("runbook run failover --yes").await;
    assert_eq!(walked.code, Some(0), "{walked:?}");
}
