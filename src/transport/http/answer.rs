//! What requests are answered with.
use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream::{self, Pending};
use http::{HeaderValue, StatusCode, header};
use http_body_util::{Either, Full, StreamBody};
use hyper::body::Frame;
use serde::Serialize;

pub type Response = http::Response<Body>;

/// Everything at once, or what goes on for ever and is written by other hands than hyper's.
type Body = Either<Full<Bytes>, StreamBody<Pending<Result<Frame<Bytes>, Infallible>>>>;

/// `content`, which is of that type.
pub fn whole(kind: &'static str, content: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Either::Left(Full::new(content.into())));
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

pub fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let text = serde_json::to_vec(value).unwrap_or_default();
    let mut response = whole("application/json", text);
    *response.status_mut() = status;
    response
}

/// A head alone.
pub(super) fn bare(status: StatusCode) -> Response {
    let mut response = Response::new(Either::Left(Full::default()));
    *response.status_mut() = status;
    response
}

/// A head of that type, whose body hyper never gets to write.
pub(super) fn endless(kind: &'static str) -> Response {
    let mut response = Response::new(Either::Right(StreamBody::new(stream::pending())));
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
