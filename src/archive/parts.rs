//! Bytes that come over the network, to be read where blocking is allowed.
use std::io::{self, Read};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::sync::mpsc;

/// Parts that are on their way.
const AHEAD: usize = 4;

/// What a stream brings, as a reader for another thread.
pub(crate) struct Parts {
    parts: mpsc::Receiver<io::Result<Bytes>>,
    left: Bytes,
}

impl Parts {
    pub(crate) fn of<E>(stream: impl Stream<Item = Result<Bytes, E>> + Send + 'static) -> Self
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let (give, parts) = mpsc::channel(AHEAD);
        tokio::spawn(async move {
            let mut stream = std::pin::pin!(stream);
            while let Some(part) = stream.next().await {
                // The reader has ended, well or not.
                if give.send(part.map_err(io::Error::other)).await.is_err() {
                    return;
                }
            }
        });
        Self {
            parts,
            left: Bytes::new(),
        }
    }
}

impl Read for Parts {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.left.is_empty() {
            match self.parts.blocking_recv() {
                Some(part) => self.left = part?,
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.left.len());
        buffer[..count].copy_from_slice(&self.left.split_to(count));
        Ok(count)
    }
}
