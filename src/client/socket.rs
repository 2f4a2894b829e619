//! A WebSocket, on which every frame is one JSON value. The wire format is tungstenite's.
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::{Buffer, ClientError, Connection, HOST, Target, bounded};

/// Something that came over a socket.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    Json(Value),
    /// The server ended it, with that code if it gave one.
    Closed(Option<u16>),
}

/// An open WebSocket. Every call takes no longer than its patience; one that is dropped half way
/// has taken nothing. Pings are answered.
#[derive(Debug)]
pub struct Socket {
    socket: WebSocketStream<Connection>,
    patience: Duration,
}

impl Socket {
    /// Connects and upgrades; no session is begun yet.
    ///
    /// # Errors
    /// Where it is not upgraded within `patience`.
    pub async fn open(at: impl Into<Target>, patience: Duration) -> Result<Self, ClientError> {
        let upgrade = async {
            let stream = at.into().reach(Buffer::Usual).await?;
            let url = format!("ws://{HOST}/api/ws");
            let upgraded = tokio_tungstenite::client_async(url, stream).await;
            Ok::<_, ClientError>(upgraded?.0)
        };
        Ok(Self {
            socket: bounded(patience, upgrade).await?,
            patience,
        })
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// Where it is not taken in time.
    pub async fn send(&mut self, frame: &Value) -> Result<(), ClientError> {
        self.write(Message::text(frame.to_string())).await
    }

    /// Sends what may be no frame of ours.
    ///
    /// # Errors
    /// Where it is not taken in time.
    pub async fn write(&mut self, message: Message) -> Result<(), ClientError> {
        bounded(self.patience, self.socket.send(message)).await
    }

    /// The next frame. Its size is bounded by the library: 16 MiB.
    ///
    /// # Errors
    /// Where none comes in time, the connection breaks, or what comes is no JSON.
    pub async fn next(&mut self) -> Result<Frame, ClientError> {
        bounded(self.patience, self.read()).await
    }

    async fn read(&mut self) -> Result<Frame, ClientError> {
        loop {
            return Ok(match self.socket.next().await.transpose()? {
                Some(Message::Text(text)) => {
                    Frame::Json(serde_json::from_str(&text).map_err(|_| ClientError::Foreign)?)
                }
                Some(Message::Close(frame)) => Frame::Closed(frame.map(|frame| frame.code.into())),
                Some(_) => continue,
                None => Frame::Closed(None),
            });
        }
    }
}
