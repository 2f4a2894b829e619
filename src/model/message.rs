//! A committed message, as every reader on every instance sees it.
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use super::{MessageId, RoomName, Seq};

/// One place in a room's order. `user` and `content` come from the database, where an operator
/// may have put anything: encoders escape them. As JSON it is the same object everywhere: to
/// readers over SSE and WebSocket, and between instances.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Unique over the deployment.
    pub id: MessageId,
    pub seq: Seq,
    pub room: RoomName,
    pub user: Arc<str>,
    pub content: Arc<str>,
    #[serde(serialize_with = "serialize_time")]
    pub created_at: DateTime<Utc>,
}

/// RFC 3339 in UTC with milliseconds: the one form of a time on every wire and in every file.
pub fn format_time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn serialize_time<S: serde::Serializer>(time: &DateTime<Utc>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&format_time(*time))
}
