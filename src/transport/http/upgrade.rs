//! The handshake that makes a WebSocket of a request (RFC 6455, section 4.2).
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::answer::{Response, bare};
use super::cors::Origins;
use super::problem::Problem;

/// The answer: 101 where the protocol is switched, else why not.
pub(super) fn answer(headers: &HeaderMap, origins: &Origins) -> Response {
    let kind = text(headers, header::UPGRADE);
    let wanted = lists_upgrade(text(headers, header::CONNECTION))
        && kind.eq_ignore_ascii_case("websocket")
        && text(headers, header::SEC_WEBSOCKET_VERSION) == "13";
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| wanted);
    let Some(key) = key else {
        return required();
    };
    if !is_ours(headers, origins) {
        let detail = "pages of that origin may not use this server (cors.origins)";
        return Problem::new(StatusCode::FORBIDDEN, "origin_forbidden", detail).response();
    }
    let mut response = bare(StatusCode::SWITCHING_PROTOCOLS);
    let answer = response.headers_mut();
    answer.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    answer.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
        answer.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

/// A browser lets any page open a WebSocket anywhere and only says which page it was: one of
/// this server itself, or of those that are allowed. Other clients say nothing.
fn is_ours(headers: &HeaderMap, origins: &Origins) -> bool {
    let allowed = |origin| origins.allow(origin);
    is_of_this_site(headers) || headers.get(header::ORIGIN).is_some_and(allowed)
}

/// Whether no page, or one of this server itself, has made the request.
pub(super) fn is_of_this_site(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let host = text(headers, header::HOST);
    let of_url = origin.to_str().ok().and_then(|url| url.split_once("://"));
    of_url.is_some_and(|(_, at)| at.eq_ignore_ascii_case(host))
}

/// What would have been an upgrade (RFC 9110, section 15.5.22; RFC 6455, section 4.4).
fn required() -> Response {
    let detail = "this is a WebSocket (RFC 6455, version 13); upgrade the connection";
    let mut response =
        Problem::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", detail).response();
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(
        header::SEC_WEBSOCKET_VERSION,
        HeaderValue::from_static("13"),
    );
    response
}

/// Whether a `Connection` header says that `Upgrade` is meant for us (RFC 9110, section 7.8).
fn lists_upgrade(connection: &str) -> bool {
    let mut options = connection.split(',');
    options.any(|option| option.trim().eq_ignore_ascii_case("upgrade"))
}

fn text(headers: &HeaderMap, name: HeaderName) -> &str {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(origin: Option<&str>, allowed: &[&str]) -> StatusCode {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("host", "localhost:3001"),
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if let Some(origin) = origin {
            headers.insert("origin", HeaderValue::from_str(origin).expect("a header"));
        }
        let allowed: Vec<String> = allowed.iter().map(|o| (*o).to_owned()).collect();
        answer(&headers, &Origins::new(&allowed)).status()
    }

    #[test]
    fn a_page_of_another_site_is_refused() {
        assert_eq!(status(None, &[]), StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(
            status(Some("http://localhost:3001"), &[]),
            StatusCode::SWITCHING_PROTOCOLS
        );
        for origin in ["https://evil.example", "null", "http://localhost:3002"] {
            assert_eq!(status(Some(origin), &[]), StatusCode::FORBIDDEN, "{origin}");
        }
        let friend = "https://friend.example";
        assert_eq!(
            status(Some(friend), &["https://friend.example/"]),
            StatusCode::SWITCHING_PROTOCOLS
        );
        assert_eq!(
            status(Some(friend), &["*"]),
            StatusCode::SWITCHING_PROTOCOLS
        );
    }
}
