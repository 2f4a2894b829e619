//! Requests about one's own account: register, log in, password, sessions.
use serde::Deserialize;

use super::api::{Answer, data, ok, owner};
use super::identity;
use crate::chat::{self, Actor, Chat, Command, Outcome, Registering, Session};
use crate::model::{Password, Peer};
use crate::transport::codec::json::{connected, reply};

/// A new account.
#[derive(Deserialize)]
pub(super) struct Register {
    nickname: String,
    password: Password,
    invite: Option<String>,
    display_name: Option<String>,
    #[serde(default)]
    cookie: bool,
}

#[derive(Deserialize)]
pub(super) struct Login {
    nickname: String,
    password: Password,
    #[serde(default)]
    cookie: bool,
}

#[derive(Deserialize)]
pub(super) struct NewPassword {
    session_id: Option<String>,
    old: Password,
    new: Password,
}

/// The session of a request that has no body.
#[derive(Deserialize)]
pub(super) struct Of {
    session_id: Option<String>,
}

pub(super) async fn register(chat: &Chat, stranger: &Actor, body: Register) -> Answer {
    let new = Registering {
        nickname: Some(body.nickname),
        password: body.password,
        invite: body.invite,
        display_name: body.display_name,
    };
    let session = chat.act(stranger, chat::Register(new)).await?;
    begun(&session, body.cookie, *stranger.origin().peer())
}

pub(super) async fn login(chat: &Chat, stranger: &Actor, body: Login) -> Answer {
    let login = chat::Login {
        nickname: body.nickname,
        password: body.password,
    };
    let session = chat.act(stranger, login).await?;
    begun(&session, body.cookie, *stranger.origin().peer())
}

/// The session, which the browser is to keep if that is asked for.
pub(super) fn begun(session: &Session, cookie: bool, peer: Peer) -> Answer {
    let mut response = ok(&connected(session))?;
    if cookie {
        identity::keep(&mut response, session, peer);
    }
    Ok(response)
}

pub(super) async fn password(chat: &Chat, actor: Actor, body: NewPassword) -> Answer {
    let actor = owner(chat, actor, body.session_id).await?;
    let (old, new) = (body.old, body.new);
    did(&chat
        .act(&actor, Command::ChangePassword { old, new })
        .await?)
}

pub(super) async fn me(chat: &Chat, actor: Actor, of: Of) -> Answer {
    let actor = owner(chat, actor, of.session_id).await?;
    data(&chat.act(&actor, Command::Me).await?)
}

pub(super) async fn sessions(chat: &Chat, actor: Actor, of: Of) -> Answer {
    let actor = owner(chat, actor, of.session_id).await?;
    data(&chat.act(&actor, Command::Sessions).await?)
}

pub(super) async fn end_session(chat: &Chat, actor: Actor, of: Of, id: &str) -> Answer {
    let actor = owner(chat, actor, of.session_id).await?;
    let id = id.to_owned();
    did(&chat.act(&actor, Command::EndSession { id }).await?)
}

/// What came of a command, in words.
fn did(outcome: &Outcome) -> Answer {
    ok(&reply(outcome, None))
}
