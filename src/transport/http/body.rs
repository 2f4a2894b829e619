//! Request bodies: JSON, bounded in size and time.
use std::time::Duration;

use bytes::Buf;
use futures_util::{Stream, StreamExt};
use serde::de::DeserializeOwned;
use warp::http::StatusCode;

use super::problem::Problem;

/// A body that takes longer is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads a JSON body of at most `most` bytes, counted as they come: a declared length is a
/// promise, and chunked bodies make none.
pub(super) async fn json<T: DeserializeOwned>(
    content_type: Option<String>,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
    most: usize,
) -> Result<T, Problem> {
    let kind = content_type.unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "send JSON with 'Content-Type: application/json'",
        ));
    }
    let bytes = match tokio::time::timeout(PATIENCE, collect(body, most)).await {
        Ok(bytes) => bytes?,
        Err(_) => {
            let detail = "the body did not arrive in time";
            return Err(Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "body_timeout",
                detail,
            ));
        }
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        let detail = format!("the body is not the JSON that is wanted here: {error}");
        Problem::new(StatusCode::BAD_REQUEST, "bad_json", detail)
    })
}

async fn collect(
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
    most: usize,
) -> Result<Vec<u8>, Problem> {
    let mut body = std::pin::pin!(body);
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await {
        let mut piece = piece.map_err(|error| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "bad_body",
                format!("can't read the body: {error}"),
            )
        })?;
        if bytes.len() + piece.remaining() > most {
            let detail = format!("the body has more than {most} bytes");
            return Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                detail,
            ));
        }
        while piece.has_remaining() {
            let part = piece.chunk();
            bytes.extend_from_slice(part);
            let count = part.len();
            piece.advance(count);
        }
    }
    Ok(bytes)
}
