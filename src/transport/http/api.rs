//! Requests that are HTTP's own: how a session begins and ends there, a command line, a message.
use http::StatusCode;
use serde::Serialize;
use serde_json::json;

use super::super::codec::Refusal;
use super::super::codec::json::{
    Connect, Disconnect, Line, Login, Post, Register, connected, reply,
};
use super::super::codec::slash::{self, is_command};
use super::answer::{self, Response};
use super::identity;
use super::problem::Problem;
use crate::chat::{self, Actor, Beside, Chat, Code, Outcome, Say, Session, Target};
use crate::model::Peer;

pub(super) type Answer = Result<Response, Problem>;

pub(super) fn ok(value: &impl Serialize) -> Answer {
    Ok(answer::json(StatusCode::OK, value))
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
        None => Ok(actor.paid()),
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
        return Err(unknown());
    };
    let session = chat.act(&stranger, chat::Resume { secret }).await?;
    Ok(stranger.with_session(session))
}

/// A client without an identity, where a request takes one.
pub(super) fn unknown() -> Problem {
    let detail = "give a session_id, or send Authorization: Bearer";
    Refusal::new(Code::NotConnected, detail).into()
}

/// The session, which the browser is to keep if that is asked for.
fn begun(session: &Session, cookie: bool, peer: Peer) -> Answer {
    let mut response = ok(&connected(session))?;
    if cookie {
        identity::keep(&mut response, session, peer);
    }
    Ok(response)
}

pub(super) async fn register(chat: &Chat, stranger: &Actor, body: Register) -> Answer {
    let cookie = body.cookie;
    let session = chat.act(stranger, body.verb()).await?;
    begun(&session, cookie, *stranger.origin().peer())
}

pub(super) async fn login(chat: &Chat, stranger: &Actor, body: Login) -> Answer {
    let cookie = body.cookie;
    let session = chat.act(stranger, body.verb()).await?;
    begun(&session, cookie, *stranger.origin().peer())
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
        beside: Beside {
            thread: body.thread,
            reply_to: body.reply_to,
            kind: body.kind,
        },
    };
    let mut sending = chat.act(&actor, message).await?;
    let receipt = sending.done().await?;
    ok(
        &json!({ "success": true, "message_id": receipt.id, "seq": receipt.seq, "number": receipt.number }),
    )
}

pub(super) async fn disconnect(chat: &Chat, stranger: Actor, body: Disconnect) -> Answer {
    let actor = owner(chat, stranger, body.session_id).await?;
    chat.act(&actor, chat::Disconnect).await?;
    ok(&json!({ "success": true }))
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
