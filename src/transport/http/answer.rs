//! What requests are answered with.
use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use warp::reply::Reply;

pub use warp::reply::Response;

/// `content`, which is of that type.
pub fn whole(kind: &'static str, content: impl Into<Bytes>) -> Response {
    let mut response = Response::new(content.into().into());
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
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

/// A head of that type, whose body hyper never gets to write.
pub(super) fn endless(kind: &'static str) -> Response {
    let body = stream::pending::<Result<Bytes, Infallible>>();
    let mut response = warp::reply::stream(body).into_response();
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
