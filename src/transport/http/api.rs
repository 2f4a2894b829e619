//! Requests that are answered at once: connect, command, message, history, lists.
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use warp::reply::{Reply as _, Response};

use super::super::codec::json::{Command, Connect, Disconnect, Post};
use super::problem::Problem;
use crate::chat::{Chat, ChatError, Code, Effect, Origin, is_command, listed};
use crate::model::{Seq, TransportKind};

const HTTP: TransportKind = TransportKind::Http;
/// Messages in one answer of `/api/history` where nothing is asked.
const PAGE: usize = 50;

pub(super) type Answer = Result<Response, Problem>;

fn ok(value: &impl Serialize) -> Answer {
    Ok(warp::reply::json(value).into_response())
}

pub(super) async fn connect(chat: Arc<Chat>, origin: Origin, body: Connect) -> Answer {
    let session = chat.connect(Some(&body.nickname), HTTP, &origin).await?;
    ok(&json!({
        "session_id": session.id().secret(),
        "user_id": session.user(),
        "nickname": session.nickname().as_str(),
    }))
}

pub(super) async fn command(chat: Arc<Chat>, origin: Origin, body: Command) -> Answer {
    let session = chat.recognise(&body.session_id, HTTP).await?;
    if !is_command(&body.command) {
        let detail = "a command begins with '/'; messages go to /api/message";
        return Err(ChatError::new(Code::BadCommand, detail).into());
    }
    let reply = chat.command(&session, &body.command, None, &origin).await?;
    if matches!(reply.effect, Effect::Quit) {
        chat.disconnect(&session).await?;
    }
    let mut answer = json!({ "success": true, "message": reply.text });
    if let Some(data) = reply.data {
        answer["data"] = data;
    }
    ok(&answer)
}

pub(super) async fn post(chat: Arc<Chat>, origin: Origin, body: Post) -> Answer {
    let session = chat.resume(&body.session_id, HTTP).await?;
    let room = chat.room(&body.room).await?;
    let nonce = body.nonce.as_deref();
    let mut sending = chat.send(&session, room, &body.content, nonce, &origin)?;
    let receipt = sending.done().await?;
    ok(&json!({ "success": true, "message_id": receipt.id, "seq": receipt.seq }))
}

pub(super) async fn disconnect(chat: Arc<Chat>, _: Origin, body: Disconnect) -> Answer {
    let session = chat.recognise(&body.session_id, HTTP).await?;
    chat.disconnect(&session).await?;
    ok(&json!({ "success": true }))
}

/// The parameters of `/api/history`.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    before: Option<String>,
    limit: Option<String>,
}

pub(super) async fn history(chat: Arc<Chat>, room: String, page: Page) -> Answer {
    let before: Option<Seq> = number("before", page.before.as_deref())?;
    let limit = number("limit", page.limit.as_deref())?.unwrap_or(PAGE);
    let room = chat.room(&room).await?;
    let (messages, has_more) = chat.history(&room, before, limit).await?;
    ok(&json!({ "room": room.name.as_str(), "messages": messages, "has_more": has_more }))
}

pub(super) fn number<T: std::str::FromStr>(
    name: &str,
    value: Option<&str>,
) -> Result<Option<T>, Problem> {
    let Some(value) = value else { return Ok(None) };
    let bad = |_| {
        let detail = format!("the parameter '{name}' takes a whole number");
        Problem::new(warp::http::StatusCode::BAD_REQUEST, "bad_parameter", detail)
    };
    value.parse().map(Some).map_err(bad)
}

/// The parameters of `/api/rooms` and `/api/users`.
#[derive(Debug, Deserialize)]
pub(super) struct Part {
    filter: Option<String>,
    cursor: Option<String>,
    limit: Option<String>,
}

impl Part {
    fn page(self) -> Result<crate::chat::Page, Problem> {
        let limit = number("limit", self.limit.as_deref())?;
        Ok(listed(self.filter, self.cursor, limit))
    }
}

pub(super) async fn rooms(chat: Arc<Chat>, part: Part) -> Answer {
    ok(&chat.rooms(&part.page()?).await?.json())
}

pub(super) async fn users(chat: Arc<Chat>, part: Part) -> Answer {
    ok(&chat.users(&part.page()?).await?.json())
}
