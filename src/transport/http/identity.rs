//! Authenticates a request: by `Authorization: Bearer`, with a session's secret or a token, of this
//! server or of one that vouches for people, or by the cookie that a login was asked for.
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::answer::Response;
use super::problem::Problem;
use super::{text, upgrade};
use crate::chat::{Actor, ByToken, Chat, ChatError, Resume, Session};
use crate::model::{Peer, SessionId};

/// The cookie that holds a session's secret.
const COOKIE: &str = "discordctl-session";
/// A browser keeps it for as long as an account's session lasts without use, in seconds.
const KEPT: u64 = 30 * 24 * 3600;

/// The client as the person that it shows to be. Other schemes than `Bearer` are for what is in
/// front of this server.
pub(super) async fn actor(
    chat: &Chat,
    stranger: Actor,
    headers: &HeaderMap,
    method: &Method,
) -> Result<Actor, Problem> {
    if let Some(shown) = bearer(headers)? {
        let shown = shown.to_owned();
        return Ok(match SessionId::parse(&shown) {
            Some(_) => {
                let session = chat.act(&stranger, Resume { secret: shown }).await?;
                stranger.with_session(session)
            }
            None => {
                let shown = chat.act(&stranger, ByToken { token: shown }).await?;
                stranger.by(shown)
            }
        });
    }
    let Some(secret) = cookie(headers, COOKIE) else {
        return Ok(stranger);
    };
    if method != Method::GET && !upgrade::is_of_this_site(headers) {
        let detail = "pages of other origins may not use this browser's cookie";
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "origin_forbidden",
            detail,
        ));
    }
    let secret = secret.to_owned();
    match chat.act(&stranger, Resume { secret }).await {
        Ok(session) => Ok(stranger.with_session(session)),
        // It is over, and the browser does not know: as good as none.
        Err(ChatError::UnknownSession) => Ok(stranger),
        Err(error) => Err(error.into()),
    }
}

/// Has the browser keep the session: scripts cannot read it, and pages of other sites not send it.
pub(super) fn keep(response: &mut Response, session: &Session, peer: Peer) {
    if let Some(id) = session.id() {
        set(response, id.secret(), KEPT, peer);
    }
}

/// Has it forget it, if the request came with one.
pub(super) fn forget(response: &mut Response, headers: &HeaderMap, peer: Peer) {
    if cookie(headers, COOKIE).is_some() {
        set(response, "", 0, peer);
    }
}

fn set(response: &mut Response, value: &str, seconds: u64, peer: Peer) {
    let secure = if peer.is_encrypted() { "; Secure" } else { "" };
    let cookie =
        format!("{COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    // A secret is made of hexadecimal digits.
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    if headers.get_all(header::AUTHORIZATION).iter().count() > 1 {
        let detail = "the header 'authorization' is there twice";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "bad_header", detail));
    }
    let given = text(headers, header::AUTHORIZATION)?;
    Ok(given.and_then(|given| {
        let (scheme, rest) = given.trim().split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| rest.trim())
    }))
}

/// The secret that a browser kept, for a page of this server itself.
pub(super) fn kept(headers: &HeaderMap) -> Option<Box<str>> {
    let secret = cookie(headers, COOKIE)?;
    upgrade::is_of_this_site(headers).then(|| secret.into())
}

/// The cookie of that name.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter();
    let pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    let mut named = pairs.filter_map(|pair| pair.trim().split_once('='));
    let (_, secret) = named.find(|(known, _)| *known == name)?;
    Some(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(of: header::HeaderName, values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(&of, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn only_what_a_bearer_shows_is_read() {
        let shown = |values: &[&'static str]| {
            let headers = headers(header::AUTHORIZATION, values);
            let shown = bearer(&headers).map(|shown| shown.map(str::to_owned));
            shown.map_err(|problem| problem.status())
        };
        let is = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(shown(&[]), Ok(None));
        assert_eq!(shown(&["Bearer abc"]), is("abc"));
        assert_eq!(shown(&["bearer   abc "]), is("abc"));
        assert_eq!(shown(&["Basic YTpi"]), Ok(None));
        assert_eq!(shown(&["Bearer"]), Ok(None));
        assert_eq!(shown(&["Bearer a", "Bearer b"]), Err(400));
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let found = |values: &[&'static str]| {
            cookie(&headers(header::COOKIE, values), COOKIE).map(str::to_owned)
        };
        assert_eq!(
            found(&["a=b; discordctl-session=c; d"]).as_deref(),
            Some("c")
        );
        assert_eq!(
            found(&["a=b", "discordctl-session=c"]).as_deref(),
            Some("c")
        );
        assert_eq!(found(&["xdiscordctl-session=c", "a"]), None);
    }
}
