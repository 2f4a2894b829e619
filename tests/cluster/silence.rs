//! An instance is silent for longer than its lease, and its sessions lose their nicknames: when it
//! comes back, no session says anything under a nickname that it lost. And an instance's name is that of
//! one process.
use std::time::Duration;

use discordctl::client::{Buffer, Event, Events, Frame, Socket};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::sleep;

use super::cluster::{Cluster, ROOM};
use crate::support::client::Lines;
use crate::support::http::{Answer, connect, post, request};
use crate::support::instance::Plan;
use crate::support::postgres::{folder, url_at};
use crate::support::process::Process;
use crate::support::proxy::{Mode, Proxy};
use crate::support::{DEADLINE, eventually, in_time};

/// How an instance is silenced.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Silence {
    /// SIGSTOP, as a machine that is paused.
    Frozen,
    /// Its wire to PostgreSQL swallows everything.
    CutOff,
}

/// Clients of the first instance, one over each transport, each with a nickname.
struct People {
    lines: Lines,
    socket: Socket,
    session: String,
    events: Events,
}

const NAMES: [&str; 3] = ["by-lines", "by-events", "by-socket"];

impl People {
    async fn enter(cluster: &Cluster) -> Self {
        let at = cluster.instances[0].at;
        let lines = Lines::enter(at.tcp, NAMES[0]).await;
        let session = connect(at.http, NAMES[1]).await;
        let join = json!({ "session_id": session, "command": format!("/join {ROOM}") });
        assert_eq!(
            post(at.http, "/api/command", join).await.unwrap().status,
            200
        );
        let path = format!("/api/messages/{ROOM}?session_id={session}");
        let events = Events::open(at.http, &path, None, Buffer::Usual, DEADLINE).await;
        let mut socket = Socket::open(at.http, DEADLINE).await.unwrap();
        let rooms = json!({ ROOM: 0 });
        let hello = json!({ "type": "connect", "nickname": NAMES[2], "rooms": rooms });
        socket.send(&hello).await.unwrap();
        let greeting = in_time("the socket is greeted", socket.next()).await;
        assert!(matches!(greeting, Ok(Frame::Json(frame)) if frame["type"] == "connected"));
        Self {
            lines,
            socket,
            session,
            events: events.unwrap(),
        }
    }

    /// Each says so over its own transport; the answer to the one that asks by requests.
    async fn say(&mut self, cluster: &Cluster, what: &str) -> tokio::task::JoinHandle<Answer> {
        self.lines.write(format!("{what} {}\n", NAMES[0])).await;
        let text = format!("{what} {}", NAMES[2]);
        let frame = json!({ "type": "message", "room": ROOM, "content": text });
        self.socket.send(&frame).await.unwrap();
        let at = cluster.instances[0].at.http;
        let text = format!("{what} {}", NAMES[1]);
        let said = json!({ "session_id": self.session, "room": ROOM, "content": text });
        tokio::spawn(async move { post(at, "/api/message", said).await.unwrap() })
    }

    /// Waits until each was told that its nickname is another's.
    async fn are_told(&mut self) {
        let lost = |name: &str| format!("the nickname '{name}' was taken");
        self.lines.line_with(&lost(NAMES[0])).await;
        in_time("the stream is told", async {
            loop {
                let event = self.events.next().await.unwrap().unwrap();
                if matches!(event, Event::Named { data, .. } if data.contains(&lost(NAMES[1]))) {
                    return;
                }
            }
        })
        .await;
        in_time("the socket is told", async {
            loop {
                match self.socket.next().await.unwrap() {
                    Frame::Json(frame) if frame.to_string().contains(&lost(NAMES[2])) => return,
                    Frame::Json(_) => {}
                    closed => panic!("{closed:?}"),
                }
            }
        })
        .await;
    }
}

async fn silent_for_longer_than_its_lease(silence: Silence) {
    let Some(mut cluster) = Cluster::prepare().await else {
        return;
    };
    let wire = Proxy::start(cluster.postgres.port).await;
    let mut plan = cluster.plan();
    plan.db_url = url_at(wire.port);
    let patience = ("DISCORDCTL_DB_POOL_ACQUIRE_TIMEOUT", "500ms".to_owned());
    plan.env.push(patience);
    cluster.add(plan).await;
    let plan = cluster.plan();
    cluster.add(plan).await;
    cluster.becomes("healthy").await;
    let mut people = People::enter(&cluster).await;
    match silence {
        Silence::Frozen => cluster.instances[0].signal(Signal::STOP),
        Silence::CutOff => wire.set(Mode::BlackHole),
    }
    // Others take the nicknames, as soon as they may.
    let mut others = Vec::new();
    for name in NAMES {
        let other = cluster.instances[1].at.http;
        let session = in_time("its nickname is free", async {
            loop {
                let taken = post(other, "/api/connect", json!({ "nickname": name })).await;
                let taken = taken.unwrap();
                if taken.status == 200 {
                    return taken.body["session_id"].clone();
                }
                sleep(Duration::from_millis(100)).await;
            }
        });
        others.push(session.await);
    }
    // What is said meanwhile waits for the instance, or is refused by it.
    let meanwhile = people.say(&cluster, "meanwhile").await;
    match silence {
        Silence::Frozen => cluster.instances[0].signal(Signal::CONT),
        Silence::CutOff => {
            let refused = meanwhile.await.unwrap();
            assert_eq!(
                (refused.status, refused.code()),
                (503, "database_unavailable")
            );
            wire.set(Mode::Pass);
        }
    }
    people.are_told().await;
    let at = cluster.instances[0].at.http;
    let ready = || async { request(at, "GET", "/readyz", None).await.unwrap().status == 200 };
    eventually("it is ready", ready).await;
    let afterwards = people.say(&cluster, "afterwards").await.await.unwrap();
    assert_eq!(afterwards.status, 200, "{afterwards:?}");
    for (session, name) in others.iter().zip(NAMES) {
        let said = json!({ "session_id": session, "room": ROOM, "content": format!("new {name}") });
        let other = cluster.instances[1].at.http;
        assert_eq!(post(other, "/api/message", said).await.unwrap().status, 200);
    }
    let all = "SELECT count(*) FROM messages WHERE content LIKE 'afterwards%'";
    let said = || async { cluster.postgres.number(all).await == 3 };
    eventually("all three say it", said).await;
    // The later holders' messages are stored under those nicknames, and no others.
    let under = "SELECT count(*) FROM messages m JOIN users u ON u.id = m.user_id
        WHERE u.nickname LIKE 'by-%' AND m.content NOT LIKE 'new %'";
    assert_eq!(cluster.postgres.number(under).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_was_frozen_claims_its_names_before_it_serves_on() {
    silent_for_longer_than_its_lease(Silence::Frozen).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_was_cut_off_claims_its_names_before_it_serves_on() {
    silent_for_longer_than_its_lease(Silence::CutOff).await;
}

/// As on another machine: the same name, from a folder of its own.
fn elsewhere(cluster: &Cluster) -> (Plan, TempDir) {
    let folder = folder();
    let plan = Plan {
        name: cluster.instances[0].plan.name.clone(),
        folder: folder.path().to_owned(),
        ..cluster.plan()
    };
    (plan, folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_lives_elsewhere_is_refused_and_one_that_died_is_not() {
    let Some(mut cluster) = Cluster::start(1).await else {
        return;
    };
    let (plan, _folder) = elsewhere(&cluster);
    let keeper = connect(cluster.instances[0].at.http, "keeper").await;
    let (code, said) = Process::try_start(plan.command_that_tells())
        .await
        .expect_err("refused");
    assert_eq!(code, Some(75), "{said}");
    assert!(
        said.contains("lives elsewhere") && said.contains("instance_id"),
        "{said}"
    );
    // The one that lives noticed nothing.
    let at = cluster.instances[0].at.http;
    let body = json!({ "session_id": keeper, "room": ROOM, "content": "here" });
    assert_eq!(post(at, "/api/message", body).await.unwrap().status, 200);
    // Here its record tells which row was its own; elsewhere the lease has to run out.
    cluster.instances[0].kill().await;
    cluster.instances[0].restart().await;
    let waits = "SELECT count(*) FROM instances WHERE heartbeat_at > now() - interval '10 seconds'";
    assert_eq!(
        cluster.postgres.number(waits).await,
        1,
        "it took the place of the dead one"
    );
    cluster.instances[0].kill().await;
    assert_eq!(cluster.postgres.number(waits).await, 1, "the lease goes on");
    let moved = Process::start(plan.command_that_tells()).await;
    let users: Value = request(moved.http, "GET", "/api/users", None)
        .await
        .unwrap()
        .body;
    assert!(users["users"].is_array(), "{users}");
}
