//! A client that hears what a room tells, over any transport, and words to be said and heard.
use std::net::SocketAddr;

use discordctl::client::{Buffer, Event, Events, Frame, Lines, Socket};
use serde_json::{Value, json};

use crate::support::http::post;
use crate::support::instance::Address;
use crate::support::{DEADLINE, eventually, in_time};

/// A connection that stays open throughout.
pub(crate) enum Ear {
    Lines(Lines),
    Events(Events),
    Socket(Box<Socket>),
}

impl Ear {
    /// One over each transport at each of these addresses, with words that tell them apart.
    pub(crate) async fn everywhere(addresses: &[Address], room: &str) -> Vec<(String, Self)> {
        let mut ears = Vec::new();
        for (n, at) in addresses.iter().copied().enumerate() {
            let events = Self::events(at, room, "after=0").await;
            let socket = Self::socket(at, room, &format!("ear-{n}")).await;
            ears.push((format!("lines {n}"), Self::lines(at, room).await));
            ears.push((format!("events {n}"), events));
            ears.push((format!("socket {n}"), socket));
        }
        ears
    }

    pub(crate) async fn lines(at: Address, room: &str) -> Self {
        let mut lines = Lines::connect(at.tcp, DEADLINE).await.unwrap();
        lines.say(&format!("/join {room}")).await.unwrap();
        while !lines.next().await.unwrap().unwrap().contains("joined") {}
        Self::Lines(lines)
    }

    pub(crate) async fn events(at: Address, room: &str, query: &str) -> Self {
        let path = format!("/api/messages/{room}?{query}");
        let events = Events::open(at.http, &path, None, Buffer::Usual, DEADLINE).await;
        Self::Events(events.unwrap())
    }

    pub(crate) async fn socket(at: Address, room: &str, nickname: &str) -> Self {
        let mut socket = Socket::open(at.http, DEADLINE).await.unwrap();
        let hello = json!({ "type": "connect", "nickname": nickname, "rooms": { room: 0 } });
        socket.send(&hello).await.unwrap();
        Self::Socket(Box::new(socket))
    }

    /// One that comes back with positions of an epoch.
    pub(crate) async fn socket_from(at: Address, rooms: Value, epoch: &str) -> Self {
        let mut socket = Socket::open(at.http, DEADLINE).await.unwrap();
        let hello = json!({ "type": "connect", "nickname": "ear", "rooms": rooms, "epoch": epoch });
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

    pub(crate) async fn hears(&mut self, what: &str, wanted: &[String]) {
        for wanted in wanted {
            let heard = in_time(&format!("{what}: {wanted}"), self.next()).await;
            assert_eq!(heard, *wanted, "{what}");
        }
    }
}

fn of_line(line: &str) -> Option<String> {
    let told = line.strip_prefix("[system] the past of ");
    if let Some((_, rest)) = told.and_then(|told| told.split_once(" has changed: ")) {
        let seq = rest
            .split_whitespace()
            .find(|word| word.parse::<i64>().is_ok());
        return Some(format!("reset {}", seq.unwrap()));
    }
    if line.starts_with("[system] there is no room ") {
        return Some("end no_such_room".to_owned());
    }
    let (_, content) = line.split_once("] ")?.1.split_once(": ")?;
    (!line.starts_with("[system]")).then(|| content.to_owned())
}

fn of_object(kind: &str, object: &Value) -> Option<String> {
    match kind {
        "message" => Some(object["content"].as_str().unwrap().to_owned()),
        "reset" => Some(format!("reset {}", object["last_seq"])),
        "end" => Some(format!("end {}", object["code"].as_str().unwrap())),
        _ => None,
    }
}

/// Says it, however often that must be tried; once, since it has a nonce.
pub(crate) async fn say(at: SocketAddr, session: &str, content: &str) {
    let message =
        json!({ "session_id": session, "room": "general", "content": content, "nonce": content });
    let said = || async {
        let answer = post(at, "/api/message", message.clone()).await;
        answer.is_ok_and(|answer| answer.status == 200)
    };
    eventually(&format!("{content} is said"), said).await;
}

pub(crate) fn texts(what: &str, count: i64) -> Vec<String> {
    (1..=count).map(|n| format!("{what} {n}")).collect()
}
