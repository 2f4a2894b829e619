//! A session over lines, as netcat has it.
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Buffer, ClientError, Connection, Target, bounded};

/// A line that is longer is not one of ours.
const LONGEST: usize = 64 << 10;
/// Room for each read.
const ROOM: usize = 4 << 10;

/// Lines out, lines in. Every call takes no longer than the session's patience; one that is
/// dropped half way has taken nothing.
#[derive(Debug)]
pub struct Lines {
    stream: Connection,
    read: BytesMut,
    patience: Duration,
}

impl Lines {
    /// Connects; nothing is read yet, the greeting neither.
    ///
    /// # Errors
    /// Where nothing accepts within `patience`.
    pub async fn connect(at: impl Into<Target>, patience: Duration) -> Result<Self, ClientError> {
        let stream = bounded(patience, at.into().reach(Buffer::Usual)).await?;
        Ok(Self::over(stream, patience))
    }

    /// Goes on over a connection that is there.
    pub fn over(stream: impl Into<Connection>, patience: Duration) -> Self {
        Self {
            stream: stream.into(),
            read: BytesMut::new(),
            patience,
        }
    }

    /// Writes a line.
    ///
    /// # Errors
    /// Where it is not taken in time.
    pub async fn say(&mut self, line: &str) -> Result<(), ClientError> {
        self.write(format!("{line}\n").as_bytes()).await
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// Where they are not taken in time.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        let writing = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        bounded(self.patience, writing).await
    }

    /// Says that nothing more is written; what comes is still read.
    ///
    /// # Errors
    /// Where the connection is gone.
    pub async fn end(&mut self) -> Result<(), ClientError> {
        Ok(self.stream.shutdown().await?)
    }

    /// The next line, without its end; at the end of the connection what is left, then `None`.
    ///
    /// # Errors
    /// Where none comes in time, or it is too long or no UTF-8.
    pub async fn next(&mut self) -> Result<Option<String>, ClientError> {
        let line = match self.until(b"\n").await? {
            Some(line) => line,
            None if self.read.is_empty() => return Ok(None),
            None => self.rest(),
        };
        let text = std::str::from_utf8(&line).map_err(|_| ClientError::Foreign)?;
        Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// Everything up to and with `end`; `None` where the connection ends before it.
    pub(super) async fn until(&mut self, end: &[u8]) -> Result<Option<BytesMut>, ClientError> {
        let found = |read: &[u8]| Ok(memchr::memmem::find(read, end).map(|at| at + end.len()));
        self.measured(found).await
    }

    /// As many bytes as `length` makes of those that are there; `None` where the connection ends before.
    pub(super) async fn measured(
        &mut self,
        length: impl Fn(&[u8]) -> Result<Option<usize>, ClientError>,
    ) -> Result<Option<BytesMut>, ClientError> {
        let Self { stream, read, .. } = self;
        let reading = async {
            loop {
                if let Some(length) = length(read)?.filter(|length| *length <= read.len()) {
                    return Ok(Some(read.split_to(length)));
                }
                if read.len() > LONGEST {
                    return Err(ClientError::Foreign);
                }
                read.reserve(ROOM);
                if stream.read_buf(read).await? == 0 {
                    return Ok(None);
                }
            }
        };
        bounded(self.patience, reading).await
    }

    /// What was read and not used.
    pub(super) fn rest(&mut self) -> BytesMut {
        self.read.split()
    }

    /// The connection, and what was read from it and not used.
    pub(super) fn into_parts(self) -> (Connection, BytesMut) {
        (self.stream, self.read)
    }
}
