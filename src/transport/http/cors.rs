//! Which other sites' pages may use the API (<https://fetch.spec.whatwg.org/#http-cors-protocol>).
//! No request is refused here: without these headers a browser keeps the answer from the page, and
//! other clients, the web client included, do not ask for them.
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::answer::{Response, bare};

/// Browsers may remember a preflight's answer for so long, in seconds.
const REMEMBER: HeaderValue = HeaderValue::from_static("600");

/// The sites whose pages may use the API; `*` stands for all.
#[derive(Debug, Clone)]
pub struct Origins(Vec<String>);

impl Origins {
    pub fn new(origins: &[String]) -> Self {
        Self(origins.to_vec())
    }

    /// Whether pages of `origin` may.
    pub(super) fn allow(&self, origin: &HeaderValue) -> bool {
        let origin = origin.as_bytes();
        let allows = |allowed: &String| {
            let allowed = allowed.trim_end_matches('/').as_bytes();
            allowed == b"*" || allowed.eq_ignore_ascii_case(origin)
        };
        self.0.iter().any(allows)
    }

    /// The value that lets the page behind `asked` read an answer.
    fn shown(&self, asked: &HeaderMap) -> Option<HeaderValue> {
        let origin = asked.get(header::ORIGIN)?;
        if self.0.iter().any(|allowed| allowed == "*") {
            return Some(HeaderValue::from_static("*"));
        }
        self.allow(origin).then(|| origin.clone())
    }

    /// The answer to a browser that asks before it sends.
    pub(super) fn preflight(&self, asked: &HeaderMap) -> Option<Response> {
        asked.get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
        let origin = self.shown(asked)?;
        let mut response = bare(StatusCode::NO_CONTENT);
        let headers = response.headers_mut();
        let methods = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
        let sent = HeaderValue::from_static("authorization, content-type, last-event-id");
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, sent);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, REMEMBER);
        headers.insert(header::VARY, HeaderValue::from_static("origin"));
        Some(response)
    }

    /// Lets the page behind `asked` read `response`, if it may.
    pub(super) fn open(&self, asked: &HeaderMap, response: &mut Response) {
        if self.0.is_empty() {
            return;
        }
        let headers = response.headers_mut();
        headers.append(header::VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = self.shown(asked) {
            let shown = HeaderValue::from_static("retry-after");
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, shown);
        }
    }
}
