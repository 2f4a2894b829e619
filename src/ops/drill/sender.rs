//! A client that sends: each message under a nonce, at one instance after another, until it is
//! acknowledged.
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::error::DrillError;
use super::journal::{Journal, Micros};
use crate::client::{self, Answer, ClientError};
use crate::ops::probe::instance::Site;
use crate::random;

/// For one try.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// For one message, with all its tries.
const GIVE_UP: Duration = Duration::from_secs(60);
/// Before the first repetition; then twice as long each time, up to the other, and up to half
/// of it more or less.
const BACKOFF: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(500)];

/// What became of a message.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) number: usize,
    pub(super) sent: Micros,
    pub(super) acknowledged: Option<Micros>,
    pub(super) tries: usize,
}

pub(super) struct Sender {
    pub(super) client: usize,
    session: String,
    room: String,
    sites: Vec<Site>,
    at: usize,
}

impl Sender {
    /// Connects at one of the instances and joins the room, which is made if there is none.
    pub(super) async fn start(
        client: usize,
        room: &str,
        sites: Vec<Site>,
    ) -> Result<Self, DrillError> {
        let mut sender = Self {
            client,
            session: String::new(),
            room: room.to_owned(),
            at: client,
            sites,
        };
        let nickname = json!({ "nickname": format!("{room}-{client}") });
        let connected = sender.ask("/api/connect", nickname).await?;
        let session = connected["session_id"].as_str().unwrap_or_default();
        sender.session = session.to_owned();
        let verb = if client == 1 { "create" } else { "join" };
        let command = format!("/{verb} {room}");
        let join = json!({ "session_id": sender.session, "command": command });
        sender.ask("/api/command", join).await?;
        Ok(sender)
    }

    /// What has to work before the drill begins.
    async fn ask(&self, path: &str, body: Value) -> Result<Value, DrillError> {
        let refused = |why: String| DrillError::Instance(format!("client {}: {why}", self.client));
        match self.post(path, &body).await {
            Ok(answer) if answer.status == 200 => Ok(answer.json()),
            Ok(answer) => Err(refused(answer.body)),
            Err(error) => Err(refused(error.to_string())),
        }
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Answer, ClientError> {
        let site = &self.sites[self.at % self.sites.len()];
        client::post(site.http, path, body, ANSWER_WITHIN).await
    }

    /// Leaves; where that fails, the session ends by itself.
    pub(super) async fn leave(self) {
        let _ = self
            .post("/api/disconnect", &json!({ "session_id": self.session }))
            .await;
    }

    /// Says it until it is acknowledged.
    pub(super) async fn say(
        &mut self,
        number: usize,
        content: &str,
        journal: &Journal,
        stop: &CancellationToken,
    ) -> Said {
        let body = json!({
            "session_id": self.session, "room": self.room, "content": content,
            "nonce": format!("drill-{number}"),
        });
        let deadline = Instant::now() + GIVE_UP;
        let mut said = Said {
            number,
            sent: journal.now(),
            acknowledged: None,
            tries: 0,
        };
        let [mut pause, longest] = BACKOFF;
        loop {
            said.tries += 1;
            let answer = self.post("/api/message", &body).await;
            if answer.as_ref().is_ok_and(|answer| answer.status == 200) {
                said.acknowledged = Some(journal.now());
                return said;
            }
            if said.tries == 1 {
                let (client, why) = (self.client, refusal(answer));
                journal.note(format!("client {client} repeats message {number}: {why}"));
            }
            if Instant::now() > deadline || stop.is_cancelled() {
                return said;
            }
            self.at += 1;
            sleep(jittered(pause)).await;
            pause = (pause * 2).min(longest);
        }
    }
}

fn refusal(answer: Result<Answer, ClientError>) -> String {
    match answer {
        Ok(answer) => match answer.json()["code"].as_str() {
            Some(code) => code.to_owned(),
            None => format!("status {}", answer.status),
        },
        Err(error) => error.to_string(),
    }
}

/// Between half of it and one and a half times it.
fn jittered(pause: Duration) -> Duration {
    random::between(pause / 2, 3 * pause / 2)
}
