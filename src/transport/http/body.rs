//! Request bodies: JSON, bounded in size and time.
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::problem::Problem;
use super::text;

/// A body that takes longer is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// A body as it comes.
pub(super) struct Content(BoxStream<'static, Result<Bytes, warp::Error>>);

/// What warp gives of a body.
pub(super) fn content<B: Buf>(
    pieces: impl Stream<Item = Result<B, warp::Error>> + Send + 'static,
) -> Content {
    let whole = |piece: Result<B, _>| piece.map(|mut piece| piece.copy_to_bytes(piece.remaining()));
    Content(pieces.map(whole).boxed())
}

/// What came with a request.
pub(super) struct Sent<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) content: Content,
    /// Bytes that may come.
    pub(super) most: usize,
}

impl Sent<'_> {
    pub(super) async fn json<T: DeserializeOwned>(self) -> Result<T, Problem> {
        self.is_json()?;
        serde_json::from_slice(&self.whole().await?).map_err(|error| not_wanted(&error))
    }

    /// The fields of a JSON object. A body of nothing has none, whatever its type.
    pub(super) async fn fields(self) -> Result<Map<String, Value>, Problem> {
        let is_json = self.is_json();
        let bytes = self.whole().await?;
        if bytes.is_empty() {
            return Ok(Map::new());
        }
        is_json?;
        serde_json::from_slice(&bytes).map_err(|error| not_wanted(&error))
    }

    fn is_json(&self) -> Result<(), Problem> {
        let kind = text(self.headers, header::CONTENT_TYPE)?.unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if kind.eq_ignore_ascii_case("application/json") {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "send JSON with 'Content-Type: application/json'",
        ))
    }

    async fn whole(self) -> Result<Vec<u8>, Problem> {
        let Ok(bytes) = tokio::time::timeout(PATIENCE, self.collect()).await else {
            let detail = "the body did not arrive in time";
            let status = StatusCode::REQUEST_TIMEOUT;
            return Err(Problem::new(status, "body_timeout", detail));
        };
        bytes
    }

    /// The bytes, counted as they come: a declared length is a promise, and chunked bodies make
    /// none.
    async fn collect(mut self) -> Result<Vec<u8>, Problem> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.content.0.next().await {
            let piece = piece.map_err(|error| {
                let detail = format!("cannot read the body: {error}");
                Problem::new(StatusCode::BAD_REQUEST, "bad_body", detail)
            })?;
            if bytes.len() + piece.len() > self.most {
                let detail = format!("the body has more than {} bytes", self.most);
                let status = StatusCode::PAYLOAD_TOO_LARGE;
                return Err(Problem::new(status, "body_too_large", detail));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }
}

/// Of JSON that is none, or not what a request has.
pub(super) fn not_wanted(error: &serde_json::Error) -> Problem {
    let detail = format!("the body is not the JSON that is wanted here: {error}");
    Problem::new(StatusCode::BAD_REQUEST, "bad_json", detail)
}
