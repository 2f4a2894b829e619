//! `HEAD` is `GET` without the body (RFC 9110, section 9.3.2), on every path.
use http::{HeaderValue, Method, Request, header};
use hyper::body::Body as _;

use super::answer::Response;

/// What an answer is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Everything,
    /// No body, and nothing that goes on.
    Head,
}

impl Wanted {
    /// Of `request`, which is a `GET` from then on.
    pub(super) fn of<B>(request: &mut Request<B>) -> Self {
        if request.method() != Method::HEAD {
            return Self::Everything;
        }
        *request.method_mut() = Method::GET;
        // Only a GET can begin another protocol (RFC 6455, section 4.1).
        request.headers_mut().remove(header::UPGRADE);
        Self::Head
    }

    pub(super) fn of_answer(self, response: Response) -> Response {
        match self {
            Self::Everything => response,
            Self::Head => without_body(response),
        }
    }
}

fn without_body(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact() {
        let length = HeaderValue::from(length);
        parts
            .headers
            .entry(header::CONTENT_LENGTH)
            .or_insert(length);
    }
    // What would have gone on with the connection is not asked to.
    parts.extensions.clear();
    Response::from_parts(parts, Default::default())
}
