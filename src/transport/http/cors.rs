//! Which other sites' pages may use the API (<https://fetch.spec.whatwg.org/#http-cors-protocol>).
//! Nobody is refused here: without these headers a browser keeps the answer from the page, and
//! everyone else, the web client included, does not ask for them.
use std::sync::Arc;

use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::{HeaderMap, HeaderValue, StatusCode, header};
use warp::reply::{Reply as _, Response};

/// Browsers may remember a preflight's answer for so long, in seconds.
const REMEMBER: HeaderValue = HeaderValue::from_static("600");

struct Allowed(Vec<String>);

impl Allowed {
    /// The value that lets the page behind `asked` read an answer.
    fn to(&self, asked: &HeaderMap) -> Option<HeaderValue> {
        let origin = asked.get(header::ORIGIN)?;
        if self.0.iter().any(|allowed| allowed == "*") {
            return Some(HeaderValue::from_static("*"));
        }
        let named = |allowed: &String| {
            origin
                .as_bytes()
                .eq_ignore_ascii_case(allowed.trim_end_matches('/').as_bytes())
        };
        self.0.iter().any(named).then(|| origin.clone())
    }

    /// The answer to a browser that asks before it sends.
    fn preflight(&self, asked: &HeaderMap) -> Option<Response> {
        asked.get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
        let origin = self.to(asked)?;
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        let methods = HeaderValue::from_static("GET, POST");
        let sent = HeaderValue::from_static("content-type, last-event-id");
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, sent);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, REMEMBER);
        headers.insert(header::VARY, HeaderValue::from_static("origin"));
        Some(response)
    }

    fn open(&self, asked: &HeaderMap, mut response: Response) -> Response {
        let headers = response.headers_mut();
        headers.append(header::VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = self.to(asked) {
            let shown = HeaderValue::from_static("retry-after");
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, shown);
        }
        response
    }
}

/// Opens `routes` to pages of `origins`, of which `*` stands for all.
pub(super) fn opened(
    routes: BoxedFilter<(Response,)>,
    origins: &[String],
) -> BoxedFilter<(Response,)> {
    let allowed = Arc::new(Allowed(origins.to_vec()));
    let preflight = {
        let allowed = allowed.clone();
        warp::options()
            .and(warp::header::headers_cloned())
            .and_then(move |asked: HeaderMap| {
                let answer = allowed.preflight(&asked);
                async move { answer.ok_or_else(warp::reject::not_found) }
            })
    };
    let rest = warp::header::headers_cloned()
        .and(routes)
        .map(move |asked: HeaderMap, response| allowed.open(&asked, response));
    preflight.or(rest).unify().boxed()
}
