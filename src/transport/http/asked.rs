//! HTTP requests of the table that WebSocket frames are of, too (`codec/request`).
use http::StatusCode;
use serde_json::{Map, Value};

use super::super::codec::Refusal;
use super::super::codec::json::{data, reply};
use super::super::codec::request::Request;
use super::api::{Answer, ok, reader, unknown};
use super::body::{Sent, not_wanted};
use super::decoded;
use super::problem::Problem;
use super::route::{Parts, Route, Sends};
use crate::chat::{Actor, Chat, ChatError};

/// Answers a request of `route`, which asks what the frame of that name does.
pub(super) async fn answer(
    chat: &Chat,
    actor: Actor,
    (route, frame): (Route, &'static str),
    mut fields: Map<String, Value>,
) -> Answer {
    let secret = match fields.remove("session_id") {
        None | Some(Value::Null) => None,
        Some(Value::String(secret)) => Some(secret),
        Some(_) => return Err(bad_parameter("'session_id' is a text")),
    };
    let actor = reader(chat, actor, secret).await?;
    fields.insert("type".to_owned(), frame.into());
    let in_body = route.sends() == Sends::Body;
    let request =
        serde_json::from_value::<Request>(fields.into()).map_err(|error| match in_body {
            true => not_wanted(&error),
            false => bad_parameter(&error.to_string()),
        })?;
    let command = request.command().map_err(|wrong| match in_body {
        true => Refusal::from(wrong).into(),
        false => bad_parameter(&wrong.to_string()),
    })?;
    let outcome = match chat.act(&actor, command).await {
        Err(ChatError::NotConnected) => return Err(unknown()),
        other => other?,
    };
    match data(&outcome) {
        Some(data) => ok(&data),
        None => ok(&reply(&outcome, None)),
    }
}

/// What a request has in its path, and in its query or its body.
pub(super) async fn fields(
    route: Route,
    Parts(parts): Parts<'_>,
    query: Option<&str>,
    sent: Sent<'_>,
) -> Result<Map<String, Value>, Problem> {
    let mut fields = match route.sends() {
        Sends::Query => parameters(query.unwrap_or_default())?,
        Sends::Body => sent.fields().await?,
    };
    for (name, part) in route.names().zip(parts) {
        fields.insert(name.to_owned(), decoded(part)?.into());
    }
    Ok(fields)
}

/// Each parameter once, as a text.
fn parameters(raw: &str) -> Result<Map<String, Value>, Problem> {
    let unreadable = |_| bad_parameter("the query string cannot be read");
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(raw).map_err(unreadable)?;
    let mut fields = Map::new();
    for (name, value) in pairs {
        if fields.insert(name, value.into()).is_some() {
            return Err(bad_parameter("the query string has a parameter twice"));
        }
    }
    Ok(fields)
}

fn bad_parameter(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad_parameter", detail)
}
