//! A reader of Server-Sent Events.
use serde_json::{Value, json};

use super::client::{Answer, Wire, request};
use super::document::Document;
use super::server::Running;
use crate::support::in_time;

/// An open stream.
pub(crate) struct Events {
    wire: Wire,
    head: Answer,
    read: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) id: Option<i64>,
    pub(crate) retry: Option<i64>,
    pub(crate) data: Value,
}

impl Events {
    /// Opens a stream of a room, with the query in `target`. Whatever is said from then on is
    /// in it: the server has found the position when it says that it is connected.
    pub(crate) async fn open(server: &Running, target: &str) -> Self {
        Self::with(server, target, &[]).await
    }

    pub(crate) async fn resume(server: &Running, room: &str, last: &str) -> Self {
        let target = format!("/api/messages/{room}");
        Self::with(server, &target, &[("last-event-id", last)]).await
    }

    pub(crate) async fn with(server: &Running, target: &str, headers: &[(&str, &str)]) -> Self {
        let mut wire = Wire::open(server.http).await;
        wire.send(request("GET", target, headers, None)).await;
        let head = wire.head().await;
        assert_eq!(head.status, 200, "{head}");
        let mut events = Self {
            wire,
            head,
            read: Vec::new(),
        };
        assert_eq!(events.block().await.as_deref(), Some(": connected\n\n"));
        events
    }

    /// Says something where nothing is expected.
    pub(crate) async fn say(&mut self, bytes: String) {
        self.wire.send(bytes).await;
    }

    pub(crate) fn head(&self) -> &Answer {
        &self.head
    }

    /// The next bytes up to an empty line, as they came; `None` when the stream has ended.
    pub(crate) async fn block(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.read.drain(..end + 2).collect();
                return Some(String::from_utf8(block).expect("UTF-8"));
            }
            self.read.extend(self.wire.chunk().await?);
        }
    }

    /// The next event, which must be one that the API's description knows.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        // Signs of life keep the connection busy, and must not keep the test waiting.
        let coming = async {
            loop {
                let block = self.block().await?;
                if !block.starts_with(':') {
                    return Some(Event::parse(&block));
                }
            }
        };
        in_time("an event", coming).await
    }

    /// The next event, which must be a message.
    pub(crate) async fn message(&mut self) -> Event {
        let event = self.next().await.expect("a message");
        assert_eq!(event.kind, "message", "{event:?}");
        event
    }

    /// The `seq`s of the next messages.
    pub(crate) async fn seqs(&mut self, count: usize) -> Vec<i64> {
        let mut seqs = Vec::new();
        for _ in 0..count {
            seqs.push(self.message().await.id.expect("a seq"));
        }
        seqs
    }

    /// The epoch and the last `seq` of the reset that must come next.
    pub(crate) async fn reset(&mut self) -> (String, i64) {
        let event = self.next().await.expect("a reset");
        assert_eq!(
            (event.kind.as_str(), event.id),
            ("reset", None),
            "{event:?}"
        );
        let epoch = event.data["epoch"].as_str().expect("an epoch").to_owned();
        (epoch, event.data["last_seq"].as_i64().expect("a seq"))
    }

    /// The bounds of the gap that must come next.
    pub(crate) async fn gap(&mut self) -> (Option<i64>, i64) {
        let event = self.next().await.expect("a gap");
        assert_eq!((event.kind.as_str(), event.id), ("gap", None), "{event:?}");
        let to = event.data["to"].as_i64().expect("its end");
        (event.data["from"].as_i64(), to)
    }
}

impl Event {
    fn parse(block: &str) -> Self {
        let mut fields = json!({});
        for line in block.trim_end().lines() {
            let (name, value) = line.split_once(": ").expect("a field");
            fields[name] = match name {
                "retry" => Value::from(value.parse::<i64>().expect("milliseconds")),
                _ => value.into(),
            };
        }
        Document::read().check_event(&fields);
        let text = |name: &str| fields[name].as_str().unwrap_or_default();
        Self {
            kind: text("event").to_owned(),
            id: text("id").parse().ok(),
            retry: fields["retry"].as_i64(),
            data: serde_json::from_str(text("data")).expect("JSON"),
        }
    }
}
