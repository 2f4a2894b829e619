//! Who is here, over all instances, while those die and come back.
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::cluster::{Cluster, ROOM};
use crate::support::DEADLINE;
use crate::support::client::Lines;
use crate::support::eventually;
use crate::support::http::{Answer, connect, post};

impl Cluster {
    async fn post(&self, instance: usize, path: &str, body: Value) -> Answer {
        let answer = post(self.instances[instance].at.http, path, body).await;
        answer.expect("it answers")
    }

    /// The code that a claim of `nickname` at an instance is answered with.
    async fn claim(&self, instance: usize, nickname: &str) -> String {
        let body = json!({ "nickname": nickname });
        let answer = self.post(instance, "/api/connect", body).await;
        match answer.status {
            200 => "free".to_owned(),
            _ => answer.code().to_owned(),
        }
    }

    async fn say(&self, instance: usize, session: &str, content: &str) -> u16 {
        let body = json!({ "session_id": session, "room": ROOM, "content": content });
        self.post(instance, "/api/message", body).await.status
    }
}

/// Those of `/api/users` that have said their names.
fn people(users: &Value) -> Vec<&Value> {
    let all = users["users"].as_array().expect("a list").iter();
    let is_guest = |user: &Value| {
        let nickname = user["nickname"].as_str().expect("a name");
        nickname.starts_with("guest-")
    };
    all.filter(|user| !is_guest(user)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_known_everywhere() {
    let Some(cluster) = Cluster::start(2).await else {
        return;
    };
    let alice = connect(cluster.instances[0].at.http, "alice").await;
    assert_eq!(cluster.claim(1, "alice").await, "nickname_taken");
    assert_eq!(cluster.claim(1, "ALICE").await, "nickname_taken");
    let join = json!({ "session_id": alice, "command": format!("/join {ROOM}") });
    assert_eq!(cluster.post(1, "/api/command", join).await.status, 200);
    let mut bob = Lines::connect(cluster.instances[1].at.tcp).await;
    bob.answer("/nick bob").await;
    bob.answer(&format!("/join {ROOM}")).await;
    for instance in &cluster.instances {
        let users = instance.get("/api/users").await;
        let users = people(&users);
        let names: Vec<_> = users.iter().map(|user| &user["nickname"]).collect();
        assert_eq!(names, ["alice", "bob"]);
        assert!(users.iter().all(|user| user["rooms"] == json!([ROOM])));
        assert_eq!(users[1]["instance"], "instance-2");
        let rooms = instance.get("/api/rooms").await;
        assert_eq!(rooms["rooms"][0]["members"], 2, "{rooms}");
        assert_eq!(rooms["rooms"][0]["online"], 2, "{rooms}");
        let list = Lines::connect(instance.at.tcp).await.answer("/list").await;
        let list = list.join("\n");
        assert!(list.contains("alice") && list.contains("bob"), "{list}");
    }
    let nick = bob.answer("/nick Alice").await;
    assert!(nick[0].contains("somebody"), "{nick:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_the_dead_are_free_within_the_lease() {
    let Some(mut cluster) = Cluster::start(2).await else {
        return;
    };
    let alice = connect(cluster.instances[0].at.http, "alice").await;
    connect(cluster.instances[0].at.http, "bob").await;
    let mut carol = Lines::connect(cluster.instances[0].at.tcp).await;
    carol.answer("/nick carol").await;
    assert_eq!(cluster.say(1, &alice, "one").await, 200);
    let death = Instant::now();
    cluster.instances[0].kill().await;
    assert_eq!(cluster.claim(1, "bob").await, "nickname_taken");
    let is_free = || async { cluster.claim(1, "bob").await == "free" };
    eventually("bob's name is free", is_free).await;
    println!("free {:?} after the kill", death.elapsed());
    assert_eq!(cluster.claim(1, "carol").await, "free");
    // A session that goes on elsewhere keeps the name, also when the lease of the dead is over.
    assert_eq!(cluster.say(1, &alice, "two").await, 200);
    assert_eq!(cluster.claim(1, "alice").await, "nickname_taken");
    let users = cluster.instances[1].get("/api/users").await;
    let names: Vec<_> = people(&users)
        .iter()
        .map(|user| &user["nickname"])
        .collect();
    assert_eq!(names, ["alice", "bob", "carol"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_free_at_once_when_their_instance_returns() {
    let Some(mut cluster) = Cluster::start(2).await else {
        return;
    };
    let alice = connect(cluster.instances[0].at.http, "alice").await;
    let mut bob = Lines::connect(cluster.instances[0].at.tcp).await;
    bob.answer("/nick bob").await;
    cluster.instances[0].kill().await;
    cluster.instances[0].restart().await;
    assert_eq!(cluster.claim(1, "bob").await, "free");
    // The session outlives every instance.
    assert_eq!(cluster.say(1, &alice, "one").await, 200);
    for instance in &mut cluster.instances {
        instance.kill().await;
        instance.restart().await;
    }
    assert_eq!(cluster.say(0, &alice, "two").await, 200);
    assert_eq!(cluster.say(1, &alice, "three").await, 200);
    assert_eq!(cluster.claim(1, "alice").await, "nickname_taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_headcount_is_published_when_it_changes() {
    let Some(mut cluster) = Cluster::start(3).await else {
        return;
    };
    let mut listener = cluster.redis().client();
    let mut channel = listener.as_pubsub();
    channel.subscribe("room:headcount").expect("Redis is there");
    let next = |channel: &mut redis::PubSub<'_>, patience: Duration| {
        channel.set_read_timeout(Some(patience)).expect("a socket");
        let message = channel.get_message().ok()?;
        message.get_payload::<String>().ok()
    };
    let mut seen = Vec::new();
    for (at, name) in ["alice", "bob", "carol"].into_iter().enumerate() {
        connect(cluster.instances[at].at.http, name).await;
        let mut count = next(&mut channel, DEADLINE).expect("a headcount");
        // The first may still be that of an empty house.
        if count == at.to_string() {
            seen.push(count);
            count = next(&mut channel, DEADLINE).expect("a headcount");
        }
        assert_eq!(count, (at + 1).to_string());
        seen.push(count);
    }
    // Two rounds of every instance's check say nothing that is known.
    assert_eq!(next(&mut channel, Duration::from_secs(7)), None);
    println!("published: {seen:?}");
}

/// Sessions of an instance that was killed end with its lease: their rooms are told.
#[tokio::test(flavor = "multi_thread")]
async fn people_of_a_killed_instance_leave_their_rooms() {
    let Some(mut cluster) = Cluster::start(2).await else {
        return;
    };
    let mut bob = Lines::enter(cluster.instances[0].at.tcp, "bob").await;
    let _alice = Lines::enter(cluster.instances[1].at.tcp, "alice").await;
    bob.line_with("alice joined general").await;
    cluster.instances[1].kill().await;
    bob.line_with("alice left general").await;
    assert_eq!(cluster.claim(0, "alice").await, "free");
}
