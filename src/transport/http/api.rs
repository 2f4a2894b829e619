//! Requests that are answered at once: connect, command, message, history, lists.
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::codec::Refusal;
use super::super::codec::json::{Connect, Disconnect, Line, Post, data as as_data, reply};
use super::super::codec::slash::{self, is_command};
use super::answer::{self, Response};
use super::people::begun;
use super::problem::Problem;
use crate::chat::{self, Actor, Asked, Chat, Code, Command, Origin, Outcome, Say, Target, Total};
use crate::model::TransportKind;

/// Messages in one answer of `/api/history` where nothing is asked.
const PAGE: usize = 50;

pub(super) type Answer = Result<Response, Problem>;

pub(super) fn ok(value: &impl Serialize) -> Answer {
    Ok(answer::json(StatusCode::OK, value))
}

/// A client whose address has paid for the request already.
fn paid() -> Actor {
    Actor::anonymous(TransportKind::Http, Origin::default())
}

/// The client as what it reads is paid by: its session, or its address, which has paid already.
pub(super) async fn reader(
    chat: &Chat,
    actor: Actor,
    secret: Option<String>,
) -> Result<Actor, Problem> {
    match secret {
        Some(_) => owner(chat, actor, secret).await,
        None if actor.session().is_some() => Ok(actor),
        None => Ok(paid()),
    }
}

/// The actor of the session that the request names, or else of its header or cookie.
pub(super) async fn owner(
    chat: &Chat,
    stranger: Actor,
    secret: Option<String>,
) -> Result<Actor, Problem> {
    let Some(secret) = secret else {
        if stranger.session().is_some() {
            return Ok(stranger);
        }
        let detail = "give a session_id, or send Authorization: Bearer";
        return Err(Refusal::new(Code::NotConnected, detail).into());
    };
    let session = chat.act(&stranger, chat::Resume { secret }).await?;
    Ok(stranger.with_session(session))
}

pub(super) async fn connect(chat: &Chat, stranger: &Actor, body: Connect) -> Answer {
    let nickname = Some(body.nickname);
    let session = chat.act(stranger, chat::Connect { nickname }).await?;
    begun(&session, body.cookie, *stranger.origin().peer())
}

pub(super) async fn command(chat: &Chat, stranger: Actor, body: Line) -> Answer {
    let actor = owner(chat, stranger, body.session_id).await?;
    if !is_command(&body.command) {
        let detail = "a command begins with '/'; messages go to /api/message";
        return Err(Refusal::new(Code::BadCommand, detail).into());
    }
    let outcome = slash::ask(chat, &actor, &body.command).await?;
    if matches!(outcome, Outcome::Goodbye) {
        chat.act(&actor, chat::Disconnect).await?;
    }
    ok(&reply(&outcome, None))
}

pub(super) async fn post(chat: &Chat, stranger: Actor, body: Post) -> Answer {
    let actor = owner(chat, stranger, body.session_id).await?;
    let message = Say {
        room: Target::Named(body.room),
        content: body.content,
        nonce: body.nonce,
    };
    let mut sending = chat.act(&actor, message).await?;
    let receipt = sending.done().await?;
    ok(&json!({ "success": true, "message_id": receipt.id, "seq": receipt.seq }))
}

pub(super) async fn disconnect(chat: &Chat, stranger: Actor, body: Disconnect) -> Answer {
    let actor = owner(chat, stranger, body.session_id).await?;
    chat.act(&actor, chat::Disconnect).await?;
    ok(&json!({ "success": true }))
}

/// The parameters of `/api/history`.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    before: Option<String>,
    limit: Option<String>,
    session_id: Option<String>,
}

pub(super) async fn history(chat: &Chat, actor: Actor, room: String, page: Page) -> Answer {
    let command = Command::History {
        room: Target::Named(room),
        before: number("before", page.before.as_deref())?,
        limit: number("limit", page.limit.as_deref())?.or(Some(PAGE)),
    };
    let actor = reader(chat, actor, page.session_id).await?;
    data(&chat.act(&actor, command).await?)
}

/// What came of a command, for programs alone.
pub(super) fn data(outcome: &Outcome) -> Answer {
    ok(&as_data(outcome))
}

pub(super) fn number<T: std::str::FromStr>(
    name: &str,
    value: Option<&str>,
) -> Result<Option<T>, Problem> {
    let Some(value) = value else { return Ok(None) };
    let bad = |_| {
        let detail = format!("the parameter '{name}' takes a whole number");
        Problem::new(StatusCode::BAD_REQUEST, "bad_parameter", detail)
    };
    value.parse().map(Some).map_err(bad)
}

/// The parameters of `/api/rooms` and `/api/users`.
#[derive(Debug, Deserialize)]
pub(super) struct Part {
    filter: Option<String>,
    cursor: Option<String>,
    limit: Option<String>,
    session_id: Option<String>,
}

impl Part {
    fn page(self) -> Result<Asked, Problem> {
        Ok(Asked {
            limit: number("limit", self.limit.as_deref())?,
            filter: self.filter,
            cursor: self.cursor,
        })
    }
}

pub(super) async fn rooms(chat: &Chat, actor: Actor, mut part: Part) -> Answer {
    let actor = reader(chat, actor, part.session_id.take()).await?;
    let (page, total) = (part.page()?, Total::Unknown);
    data(&chat.act(&actor, Command::Rooms { page, total }).await?)
}

pub(super) async fn users(chat: &Chat, actor: Actor, mut part: Part) -> Answer {
    let actor = reader(chat, actor, part.session_id.take()).await?;
    let (page, total) = (part.page()?, Total::Unknown);
    data(&chat.act(&actor, Command::Users { page, total }).await?)
}
