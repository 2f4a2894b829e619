//! Requests about tokens: made, listed and revoked by the account that they stand for.
use chrono::DateTime;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::codec::Refusal;
use super::super::codec::slash::order::duration;
use super::api::{Answer, number, ok, owner};
use super::problem::Problem;
use crate::chat::{Actor, Chat, Code, Length, ListTokens, MakeToken, MyToken, RevokeToken};
use crate::model::{RoomName, format_time};

#[derive(Deserialize)]
pub(super) struct New {
    session_id: Option<String>,
    name: String,
    scopes: Vec<String>,
    rooms: Option<Vec<String>>,
    /// A length of time, or a time.
    expires: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Of {
    session_id: Option<String>,
    user: Option<String>,
}

pub(super) async fn make(chat: &Chat, actor: Actor, new: New) -> Answer {
    let actor = owner(chat, actor, new.session_id).await?;
    let make = MakeToken {
        name: new.name,
        scopes: new.scopes,
        rooms: new.rooms,
        length: new
            .expires
            .map_or(Ok(Length::Forever), |text| length(&text))?,
    };
    let made = chat.act(&actor, make).await?;
    ok(&json!({
        "id": made.id, "token": made.token.secret(),
        "expires_at": made.expires_at.map(format_time),
    }))
}

pub(super) async fn list(chat: &Chat, actor: Actor, of: Of) -> Answer {
    let actor = owner(chat, actor, of.session_id).await?;
    let tokens = chat.act(&actor, ListTokens { of: of.user }).await?;
    let tokens: Vec<Value> = tokens.iter().map(shown).collect();
    ok(&json!({ "tokens": tokens }))
}

pub(super) async fn revoke(chat: &Chat, actor: Actor, of: Of, id: &str) -> Answer {
    let actor = owner(chat, actor, of.session_id).await?;
    let Ok(Some(id)) = number("id", Some(id)) else {
        let detail = "there is no such token; GET /api/tokens lists yours";
        return Err(Refusal::new(Code::NoSuchToken, detail).into());
    };
    chat.act(&actor, RevokeToken { id }).await?;
    ok(&json!({ "success": true }))
}

fn shown(of: &MyToken) -> Value {
    let names = |rooms: &Vec<RoomName>| -> Vec<String> {
        rooms.iter().map(|room| room.as_str().to_owned()).collect()
    };
    let token = &of.token;
    json!({
        "id": token.id, "name": token.name, "scopes": token.scopes.split(' ').collect::<Vec<_>>(),
        "rooms": of.rooms.as_ref().map(names), "created_at": format_time(token.created_at),
        "expires_at": token.expires_at.map(format_time),
        "last_used_at": token.last_used_at.map(format_time),
    })
}

/// `90d`, or a time as RFC 3339 has it.
fn length(text: &str) -> Result<Length, Problem> {
    if let Ok(length) = duration(text) {
        return Ok(Length::For(length));
    }
    let bad = |_| {
        let detail =
            "'expires' takes a length of time such as \"90d\", or a time as RFC 3339 has it";
        Problem::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    };
    let at = DateTime::parse_from_rfc3339(text).map_err(bad)?;
    Ok(Length::Until(at.to_utc()))
}
