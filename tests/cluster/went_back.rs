//! The database goes back under readers and writers: a failover to a standby that lacked the newest
//! messages. Every reader is told, and given what is stored from then on.
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::cluster::Cluster;
use super::ear::{Ear, say, texts};
use crate::support::http::{connect, post, request};
use crate::support::instance::{Instance, Plan};
use crate::support::{Shell, eventually};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_that_lost_messages_is_told_to_every_reader() {
    let Some(mut cluster) = Cluster::start(2).await else {
        return;
    };
    let (one, two) = (cluster.instances[0].at, cluster.instances[1].at);
    let session = connect(one.http, "alice").await;
    let mut ears = Ear::everywhere(&[one, two], "general").await;
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
        let mut ear = Ear::events(two, "general", &query).await;
        ear.hears(&query, &wanted).await;
    }

    what_was_lost_is_put_back(&cluster, &lost).await;
    cluster.becomes("degraded").await;
    let health = request(one.http, "GET", "/health", None)
        .await
        .unwrap()
        .body;
    assert_eq!(health["checks"]["past"]["runbook"], "failover", "{health}");
    walk_the_runbook(&cluster).await;
    cluster.becomes("healthy").await;
}

/// Each instance has saved what it had shown; of all of it each message comes back once.
async fn what_was_lost_is_put_back(cluster: &Cluster, lost: &[String]) {
    let shell = shell(cluster);
    let folder = &cluster.instances[0].plan.folder;
    let count = cluster.instances.len();
    let saved = || async { saved_in(folder).len() == count };
    eventually("what was lost is saved", saved).await;
    for (n, file) in saved_in(folder).iter().enumerate() {
        let replayed = shell.run(&format!("replay {}", file.display())).await;
        assert_eq!(replayed.code, Some(0), "{replayed:?}");
        let report: Value = serde_json::from_str(&replayed.stdout).unwrap();
        let restored = if n == 0 { lost.len() } else { 0 };
        let counts = (&report["messages"], &report["restored"]);
        assert_eq!(counts, (&json!(lost.len()), &json!(restored)));
    }
    let at = cluster.instances[0].at.http;
    let there = || async {
        let page = request(at, "GET", "/api/history/general?limit=10", None).await;
        let page = page.unwrap().body;
        let said = page["messages"].as_array().unwrap().iter();
        said.map(|m| m["content"].as_str().unwrap()).eq(lost)
    };
    eventually("what was lost is there", there).await;
}

fn saved_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_lost = |path: &PathBuf| {
        path.file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("lost-")
    };
    paths.filter(is_lost).collect()
}

/// The new primary lacks a room and a user, and gives their ids to others.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_stored_in_a_strangers_room_or_name() {
    let Some(mut cluster) = Cluster::start(2).await else {
        return;
    };
    let (one, two) = (cluster.instances[0].at, cluster.instances[1].at);
    let mut standby = cluster.postgres.standby().await;
    standby.crash();
    let session = connect(one.http, "alice").await;
    let create = json!({ "session_id": session, "command": "/create lost" });
    post(one.http, "/api/command", create).await.unwrap();
    let mut ears = Ear::everywhere(&[one, two], "lost").await;
    let to = |room: &str, content: &str| {
        let nonce = format!("{room} {content}");
        json!({ "session_id": session, "room": room, "content": content, "nonce": nonce })
    };
    let said = post(one.http, "/api/message", to("lost", "for us alone"))
        .await
        .unwrap();
    assert_eq!(said.status, 200);
    for (what, ear) in &mut ears {
        ear.hears(what, &["for us alone".to_owned()]).await;
    }
    let room = cluster
        .postgres
        .number("SELECT id FROM rooms WHERE name = 'lost'")
        .await;
    let user = cluster
        .postgres
        .number("SELECT id FROM users WHERE nickname = 'alice'")
        .await;

    cluster.postgres.crash();
    standby.port = cluster.postgres.port;
    standby.restart().await;
    cluster.postgres = standby;
    cluster.postgres.promote();
    let given_again = format!(
        "INSERT INTO users (id, nickname) VALUES ({user}, 'mallory');
         INSERT INTO rooms (id, name, created_by) VALUES ({room}, 'private', {user})"
    );
    cluster.postgres.sql(&given_again).await;
    let answered = || async {
        let answer = post(one.http, "/api/message", to("lost", "for strangers")).await;
        answer.is_ok_and(|answer| answer.status == 404 && answer.code() == "no_such_room")
    };
    eventually("the room is gone", answered).await;
    say(one.http, &session, "it is me").await;
    let by = "SELECT u.nickname FROM messages m JOIN users u ON u.id = m.user_id
        WHERE m.content = 'it is me'";
    assert_eq!(cluster.postgres.text(by).await, "alice");
    let theirs = format!("SELECT count(*) FROM messages WHERE room_id = {room}");
    assert_eq!(cluster.postgres.number(&theirs).await, 0);
    for (what, ear) in &mut ears {
        ear.hears(what, &["reset 0".to_owned(), "end no_such_room".to_owned()])
            .await;
    }
    let members = format!("SELECT count(*) FROM room_members WHERE room_id = {room}");
    assert_eq!(cluster.postgres.number(&members).await, 0);
}

/// It is noticed by what this instance had been told is committed, also where nothing is in memory.
#[tokio::test(flavor = "multi_thread")]
async fn a_failover_that_lost_what_is_read_by_no_one_begins_an_epoch() {
    let Some(mut cluster) = Cluster::start(1).await else {
        return;
    };
    let at = cluster.instances[0].at;
    let session = connect(at.http, "alice").await;
    say(at.http, &session, "kept").await;
    let mut standby = cluster.postgres.standby().await;
    let before = cluster.postgres.text("SELECT epoch FROM epoch").await;
    standby.crash();
    say(at.http, &session, "lost").await;
    cluster.postgres.crash();
    standby.port = cluster.postgres.port;
    standby.restart().await;
    cluster.postgres = standby;
    cluster.postgres.promote();
    let postgres = &cluster.postgres;
    let another = || async { postgres.text("SELECT epoch FROM epoch").await != before };
    eventually("another epoch has begun", another).await;
    let mut ear = Ear::events(at, "general", &format!("after=2&epoch={before}")).await;
    ear.hears("a client of before", &["reset 1".to_owned()])
        .await;
}

/// Each of two primaries takes writes, and all instances share one Redis.
#[tokio::test(flavor = "multi_thread")]
async fn readers_of_each_of_two_primaries_are_shown_what_is_stored_there() {
    let Some(mut cluster) = Cluster::start(1).await else {
        return;
    };
    let standby = cluster.postgres.standby().await;
    let one = cluster.instances[0].at;
    let session = connect(one.http, "alice").await;
    say(one.http, &session, "before").await;
    let streamed = || async { standby.number("SELECT count(*) FROM messages").await == 1 };
    eventually("the standby has it", streamed).await;
    standby.promote();
    let two = Instance::start(Plan {
        name: "elsewhere".into(),
        db_url: standby.url(),
        ..cluster.instances[0].plan.clone()
    })
    .await;
    let other = connect(two.at.http, "bob").await;
    let mut ears = Vec::new();
    for (side, at) in [("one", one), ("two", two.at)] {
        let what = |kind: &str| format!("{kind} of {side}");
        ears.push((side, what("lines"), Ear::lines(at, "general").await));
        ears.push((
            side,
            what("events"),
            Ear::events(at, "general", "after=1").await,
        ));
        let nickname = format!("ear-{side}");
        ears.push((
            side,
            what("socket"),
            Ear::socket(at, "general", &nickname).await,
        ));
    }
    for (_, what, ear) in &mut ears {
        if !what.starts_with("events") {
            ear.hears(what, &["before".to_owned()]).await;
        }
    }
    let said = [texts("one", 10), texts("two", 10)];
    for (mine, theirs) in said[0].iter().zip(&said[1]) {
        say(one.http, &session, mine).await;
        say(two.at.http, &other, theirs).await;
    }
    for (side, what, ear) in &mut ears {
        let wanted = if *side == "one" { &said[0] } else { &said[1] };
        ear.hears(what, wanted).await;
    }
    cluster.instances.push(two);
}

async fn walk_the_runbook(cluster: &Cluster) {
    let walked = shell(cluster).run("runbook run failover --yes").await;
    assert_eq!(walked.code, Some(0), "{walked:?}");
}

/// Where commands are run as they stand in the runbook.
fn shell(cluster: &Cluster) -> Shell {
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
    shell
}
