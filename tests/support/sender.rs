//! Senders, and what they were told became of what they wrote.
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use super::DEADLINE;
use super::http::{Answer, connect, post};
use super::instance::Address;

/// What became of what was said.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Committed, with the place that was named.
    pub(crate) acknowledged: Vec<Place>,
    /// Refused, with the code.
    pub(crate) refused: Vec<(String, String)>,
    /// It is not known: the connection broke, or the server said so.
    pub(crate) unknown: Vec<String>,
    /// The longest wait for an answer, and for a refusal.
    pub(crate) slowest: Duration,
    pub(crate) slowest_refusal: Duration,
    pub(crate) tries: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) id: i64,
    pub(crate) seq: i64,
    pub(crate) content: String,
}

impl Told {
    pub(crate) fn join(all: impl IntoIterator<Item = Self>) -> Self {
        let mut sum = Self::default();
        for told in all {
            sum.acknowledged.extend(told.acknowledged);
            sum.refused.extend(told.refused);
            sum.unknown.extend(told.unknown);
            sum.slowest = sum.slowest.max(told.slowest);
            sum.slowest_refusal = sum.slowest_refusal.max(told.slowest_refusal);
            sum.tries += told.tries;
        }
        sum
    }

    /// Refusals with other codes than that.
    pub(crate) fn refused_otherwise(&self, code: &str) -> Vec<&(String, String)> {
        let others = self.refused.iter().filter(|(_, why)| why != code);
        others.collect()
    }
}

/// One session that says one thing after another; `told` is what came of it.
pub(crate) struct Sender {
    pub(crate) told: Told,
    nickname: String,
    room: String,
    session: String,
    addresses: Vec<Address>,
    at: usize,
    count: usize,
}

impl Sender {
    /// Connects at the first of `addresses`.
    pub(crate) async fn start(nickname: &str, room: &str, addresses: Vec<Address>) -> Self {
        let session = connect(addresses[0].http, nickname).await;
        Self {
            told: Told::default(),
            nickname: nickname.to_owned(),
            room: room.to_owned(),
            session,
            addresses,
            at: 0,
            count: 0,
        }
    }

    fn next_content(&mut self) -> String {
        self.count += 1;
        format!("{} says {}", self.nickname, self.count)
    }

    /// Says the next thing once, at each address in turn, and takes what comes.
    pub(crate) async fn say(&mut self) {
        let content = self.next_content();
        let start = Instant::now();
        match self.post(&content, None).await {
            Some(answer) if answer.status == 200 => self.acknowledged(content, &answer),
            Some(answer) if answer.code() == "outcome_unknown" => self.told.unknown.push(content),
            Some(answer) => {
                let code = answer.code().to_owned();
                self.told.slowest_refusal = self.told.slowest_refusal.max(start.elapsed());
                self.told.refused.push((content, code));
            }
            None => self.told.unknown.push(content),
        }
        self.at += 1;
    }

    /// Says the next thing once, at the address of that number.
    pub(crate) async fn say_at(&mut self, address: usize) {
        self.at = address;
        self.say().await;
    }

    /// Says the next thing under a nonce, at one address after another, until it is
    /// acknowledged.
    pub(crate) async fn insist(&mut self) {
        let content = self.next_content();
        let nonce = format!("nonce {}", self.count);
        let start = Instant::now();
        loop {
            let answer = self.post(&content, Some(&nonce)).await;
            if let Some(answer) = answer.as_ref().filter(|answer| answer.status == 200) {
                return self.acknowledged(content, answer);
            }
            assert!(
                start.elapsed() < DEADLINE,
                "'{content}' was never acknowledged: {answer:?}"
            );
            self.at += 1;
            sleep(Duration::from_millis(10)).await;
        }
    }

    async fn post(&mut self, content: &str, nonce: Option<&str>) -> Option<Answer> {
        let address = self.addresses[self.at % self.addresses.len()];
        let body = json!({
            "session_id": self.session, "room": self.room, "content": content, "nonce": nonce,
        });
        let start = Instant::now();
        let answer = post(address.http, "/api/message", body).await.ok();
        self.told.slowest = self.told.slowest.max(start.elapsed());
        self.told.tries += 1;
        answer
    }

    fn acknowledged(&mut self, content: String, answer: &Answer) {
        let number = |key: &str| answer.body[key].as_i64().expect("a number");
        self.told.acknowledged.push(Place {
            id: number("message_id"),
            seq: number("seq"),
            content,
        });
    }
}
