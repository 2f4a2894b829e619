//! A right that ends, ends on every instance; what not all people may know of has its own channels.
use std::collections::HashSet;

use discordctl::client::{Buffer, Event, Events};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::cluster::Cluster;
use crate::support::client::{Lines, Person, Socket};
use crate::support::http::post;
use crate::support::instance::Address;
use crate::support::{DEADLINE, in_time};

const PASSWORD: &str = "a horse of another colour";

async fn registered(at: Address, name: &str) -> Lines {
    let mut lines = Lines::connect(at.tcp).await;
    lines.command(&format!("/nick {name}")).await.unwrap();
    let told = lines.command(&format!("/register {PASSWORD}")).await;
    assert!(
        told.as_ref().is_ok_and(|told| told.contains("logged in")),
        "{told:?}"
    );
    lines
}

async fn logged_in(at: Address, name: &str) -> String {
    let login = json!({ "nickname": name, "password": PASSWORD });
    let answer = post(at.http, "/api/login", login).await.unwrap();
    answer.body["session_id"]
        .as_str()
        .expect("a session")
        .to_owned()
}

/// Joins a room once it may: another instance learns of a right a moment later.
async fn joins(lines: &mut Lines, room: &str) {
    crate::support::until!("it may join", {
        let told = lines.command(&format!("/join {room}")).await;
        told.is_ok_and(|told| told.contains("joined"))
    });
}

/// A person reads a room over each door of an instance, until that is over.
async fn reading(at: Address, name: &str, room: &str) -> Vec<BoxFuture<'static, Instant>> {
    let session = logged_in(at, name).await;
    let mut lines = Lines::connect(at.tcp).await;
    lines
        .command(&format!("/login {name} {PASSWORD}"))
        .await
        .unwrap();
    joins(&mut lines, room).await;
    let path = format!("/api/messages/{room}?history=0&session_id={session}");
    let stream = Events::open(at.http, &path, None, Buffer::Usual, DEADLINE).await;
    let mut stream = stream.expect("a stream");
    let first = stream.next().await.expect("readable");
    assert_eq!(first, Some(Event::Comment("connected".to_owned())));
    let hello = json!({ "session_id": session, "rooms": { room: 0 } });
    let mut socket = Socket::greet(at.http, hello).await;
    let over = format!("you may not read {room} any more");
    vec![
        async move {
            lines.line_with(&over).await;
            Instant::now()
        }
        .boxed(),
        async move {
            loop {
                match stream.next().await.expect("readable") {
                    Some(Event::Named { name, data, .. }) if name == "end" => {
                        assert!(data.contains("forbidden"), "{data}");
                        return Instant::now();
                    }
                    Some(_) => {}
                    None => panic!("the stream ended without a word"),
                }
            }
        }
        .boxed(),
        async move {
            loop {
                let frame = socket.next().await;
                if frame["type"] == "end" {
                    assert_eq!(frame["code"], "forbidden", "{frame}");
                    return Instant::now();
                }
            }
        }
        .boxed(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_ends_ends_every_reading_with_and_without_redis() {
    let Some(mut cluster) = Cluster::start(3).await else {
        return;
    };
    let all = cluster.addresses(0);
    let mut owner = registered(all[0], "olga").await;
    owner.command("/create den").await.unwrap();
    drop(registered(all[1], "bob").await);
    for (how, back) in [("/ban bob", "/unban bob"), ("/kick bob", "/topic he left")] {
        for redis in ["with", "without"] {
            if redis == "without" {
                cluster.redis().kill();
                cluster.becomes("degraded").await;
            }
            let mut readers = Vec::new();
            for at in &all {
                readers.extend(reading(*at, "bob", "den").await);
            }
            let begun = Instant::now();
            owner.command(how).await.unwrap();
            let ended = in_time("every reading ends", join_all(readers)).await;
            let took = ended.iter().map(|at| at.duration_since(begun)).max();
            println!(
                "{how}, {redis} Redis: {} readings ended within {took:?}",
                ended.len()
            );
            owner.command(back).await.unwrap();
            if redis == "without" {
                cluster.redis().restart();
                cluster.becomes("healthy").await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hidden_rooms_have_channels_that_do_not_tell_their_names() {
    let Some(mut cluster) = Cluster::start(2).await else {
        return;
    };
    let all = cluster.addresses(0);
    let mut client = cluster.redis().client();
    let mut heard = client.as_pubsub();
    heard.psubscribe("room:*").expect("Redis is there");
    heard.set_read_timeout(Some(DEADLINE)).expect("a socket");
    let mut olga = registered(all[0], "olga").await;
    let mut bob = registered(all[1], "bob").await;
    olga.command("/create cellar --private").await.unwrap();
    olga.command("/invite bob").await.unwrap();
    joins(&mut bob, "cellar").await;
    olga.say("cellar", "private").await.unwrap();
    assert!(bob.line_with("private").await.starts_with("[cellar] olga"));
    olga.write("/msg bob direct\n").await;
    bob.line_with("[@olga] olga: direct").await;
    olga.command("/create square").await.unwrap();
    olga.say("square", "public").await.unwrap();
    let uids = cluster
        .postgres
        .text("SELECT string_agg(uid::text, ' ' ORDER BY kind) FROM rooms WHERE kind <> 'public'")
        .await;
    let uids: Vec<&str> = uids.split(' ').collect();
    let mut said = HashSet::new();
    while said.len() < 3 {
        let message = heard.get_message().expect("a message");
        let payload: String = message.get_payload().expect("text");
        let object: Value = serde_json::from_str(&payload).unwrap_or_default();
        if let Some(content) = object["content"].as_str() {
            assert!(object["mac"].is_string() && object["seq"] == 1, "{object}");
            said.insert((message.get_channel_name().to_owned(), content.to_owned()));
        }
    }
    let expected = [
        (format!("room:uid:{}", uids[0]), "direct".to_owned()),
        (format!("room:uid:{}", uids[1]), "private".to_owned()),
        ("room:square".to_owned(), "public".to_owned()),
    ];
    assert_eq!(said, HashSet::from(expected));
}
