//! Replies in a thread, while an instance is killed.
use std::net::SocketAddr;
use std::time::Duration;

use discordctl::client::{Buffer, Event, Events};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::cluster::{Cluster, ROOM};
use crate::support::client::post;
use crate::support::{DEADLINE, http, in_time, until};

const REPLIES: usize = 60;

/// Replies until that is acknowledged, at one instance or the other; how often that failed.
async fn insists(at: Vec<SocketAddr>, session: String, n: usize) -> usize {
    let mut round = 0;
    loop {
        let reply = json!({
            "session_id": session, "room": ROOM, "content": format!("reply {n}"),
            "thread": 1, "reply_to": 1, "nonce": format!("n{n}"),
        });
        let instance = at[(n + round) % at.len()];
        if let Ok(answer) = http::post(instance, "/api/message", reply).await
            && answer.status == 200
        {
            return round;
        }
        round += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What a reader from the beginning is told of replies, up to that place: the text of each.
async fn told(at: SocketAddr, last: i64) -> Vec<String> {
    let path = format!("/api/messages/{ROOM}?after=0");
    let stream = Events::open(at, &path, None, Buffer::Usual, DEADLINE).await;
    let (mut stream, mut texts, mut seq) = (stream.expect("a stream"), Vec::new(), 0);
    while seq < last {
        if let Some(Event::Named { name, data, .. }) = stream.next().await.expect("readable")
            && name == "message"
        {
            let message: Value = serde_json::from_str(&data).unwrap();
            seq = message["seq"].as_i64().unwrap();
            if message["thread"] == 1 {
                assert_eq!(message["reply_to"], 1, "{message}");
                texts.push(message["content"].as_str().unwrap().to_owned());
            }
        }
    }
    texts
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_are_counted_once_while_an_instance_is_killed() {
    let Some(mut cluster) = Cluster::start(2).await else {
        return;
    };
    let at: Vec<SocketAddr> = cluster.instances.iter().map(|of| of.at.http).collect();
    let account = json!({ "nickname": "alice", "password": "a horse of another colour" });
    let (status, begun) = post(at[0], "/api/register", account).await;
    assert_eq!(status, 200, "{begun}");
    let session = begun["session_id"].as_str().unwrap().to_owned();
    let root = json!({ "session_id": session, "room": ROOM, "content": "shall we?" });
    assert_eq!(post(at[1], "/api/message", root).await.0, 200);

    let mut replies = JoinSet::new();
    for n in 0..REPLIES {
        replies.spawn(insists(at.clone(), session.clone(), n));
        if n == REPLIES / 2 {
            cluster.instances[0].kill().await;
        }
    }
    let failed = in_time("all replies", replies.join_all()).await;
    let failed: usize = failed.into_iter().sum();
    assert!(failed > 0, "none was on its way to the one that was killed");
    cluster.instances[0].restart().await;
    cluster.becomes("healthy").await;

    let stored = "SELECT count(*) FROM messages WHERE thread = 1 AND reply_to = 1";
    assert_eq!(cluster.postgres.number(stored).await, REPLIES as i64);
    let last = cluster
        .postgres
        .number("SELECT max(seq) FROM messages")
        .await;
    let path = format!("/api/threads/{ROOM}/1?limit=500&session_id={session}");
    for at in at {
        let thread = async || {
            let answer = http::request(at, "GET", &path, None).await.unwrap();
            answer.body
        };
        until!(
            "its page is whole",
            thread().await["thread"]["replies"] == REPLIES
        );
        let page = thread().await;
        let thread = &page["thread"];
        assert_eq!(
            (&thread["unread"], &thread["last_seq"], &thread["people"]),
            (&json!(0), &json!(last), &json!(["alice"])),
            "{thread}"
        );
        let text = |message: &Value| message["content"].as_str().unwrap().to_owned();
        let texts: Vec<String> = page["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(text)
            .collect();
        assert_eq!(texts.len(), REPLIES);
        assert_eq!(told(at, last).await, texts, "a replica is what is stored");
    }
}
