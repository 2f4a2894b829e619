//! Requests, each on a connection of its own, so that none depends on another's.
use std::time::Duration;

use discordctl::client::{self, ClientError, Target};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request};
use serde_json::{Value, json};

use super::DEADLINE;

/// A server that takes longer than this to answer hangs.
const HANGS: Duration = DEADLINE;

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: HeaderMap,
    /// Null where it is not JSON.
    pub(crate) body: Value,
}

impl Answer {
    /// The stable name of a refusal.
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or("no code")
    }
}

pub(crate) async fn request(
    address: impl Into<Target>,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> Result<Answer, ClientError> {
    let request = Request::builder().method(method).uri(path);
    let request = request.header(CONTENT_TYPE, "application/json");
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let answer = match client::send(address, request, body, HANGS).await {
        Err(ClientError::Late(_)) => panic!("{method} {path} hangs"),
        answered => answered?,
    };
    Ok(Answer {
        status: answer.status,
        head: answer.headers,
        body: serde_json::from_str(&answer.body).unwrap_or_default(),
    })
}

pub(crate) async fn post(
    address: impl Into<Target>,
    path: &str,
    body: Value,
) -> Result<Answer, ClientError> {
    request(address, "POST", path, Some(body)).await
}

/// Begins a session and returns its secret.
pub(crate) async fn connect(address: impl Into<Target>, nickname: &str) -> String {
    let answer = post(address, "/api/connect", json!({ "nickname": nickname })).await;
    let answer = answer.expect("it answers");
    assert_eq!(answer.status, 200, "{answer:?}");
    let session = answer.body["session_id"].as_str();
    session.expect("a session").to_owned()
}
