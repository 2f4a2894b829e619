//! What a connection's rooms have, written straight from the shared chunks: as much as the
//! socket takes, and no queue for the rest.
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;

use super::Stream;
use super::codec;
use crate::chat::{Chat, Format, Link, Next, Reader, Slice};

/// Written in one go before anything else is looked at again.
const TURN: usize = 1 << 20;
/// How long a peer may take to close its half after ours.
pub(super) const PART_WITHIN: Duration = Duration::from_millis(500);
/// Read at once.
const READ: usize = 16 << 10;

/// What stopped the writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrote {
    /// Nothing is left to write.
    All,
    /// The peer takes no more now.
    Blocked,
    /// The rest must be read from the store first.
    Behind,
}

/// The parts of a connection by which it writes, for one turn.
pub(super) struct Outlet<'a> {
    pub(super) chat: &'a Chat,
    pub(super) link: &'a Link,
    pub(super) stream: &'a mut Stream,
    pub(super) reader: &'a mut Reader,
    /// Words of its own, and the rest of an entry that was written in part: these go first.
    pub(super) out: &'a mut Vec<u8>,
    /// Woken where there may be more than one turn takes.
    pub(super) signal: &'a Arc<Notify>,
    pub(super) format: Format,
}

impl Outlet<'_> {
    /// Writes until everything is written or the peer takes no more; the second value says
    /// whether it took anything.
    pub(super) fn write(&mut self) -> io::Result<(Wrote, bool)> {
        let mut slices = Vec::new();
        let mut written = self.stream.push()?;
        let mut blocked = !self.stream.is_flushed();
        while written < TURN && !blocked {
            if !self.out.is_empty() {
                let count = would_block(self.stream.try_write(self.out))?;
                self.out.drain(..count);
                blocked = !self.out.is_empty();
                written += count;
                continue;
            }
            match self.reader.peek(&mut slices) {
                Next::Some => {
                    if !self.format.is_shared() {
                        let own = |slice: &mut Slice| slice.chunk = slice.chunk.own();
                        slices.iter_mut().for_each(own);
                    }
                    let (count, all) = self.write_slices(&slices)?;
                    written += count;
                    blocked = !all;
                }
                Next::Behind if self.stream.is_flushed() => {
                    return Ok((Wrote::Behind, written > 0));
                }
                Next::Behind | Next::Idle | Next::Ended => break,
            }
        }
        if self.out.is_empty() {
            *self.out = Vec::new();
        }
        self.link.holds(self.out.len());
        if blocked || !self.stream.is_flushed() {
            self.reader.park();
            return Ok((Wrote::Blocked, written > 0));
        }
        if written >= TURN {
            // There may be more: come back at once, after a look at everything else.
            self.signal.notify_one();
        }
        Ok((Wrote::All, written > 0))
    }

    /// Writes what a room has, in one call, and moves on over what was taken: over whole
    /// entries, while the rest of one that was cut goes first next time.
    fn write_slices(&mut self, slices: &[Slice]) -> io::Result<(usize, bool)> {
        let now = self.chat.clock().now();
        let count = would_block(match slices {
            [only] => self.stream.try_write(bytes(only, self.format)),
            _ => {
                let spans: Vec<_> = slices
                    .iter()
                    .map(|s| IoSlice::new(bytes(s, self.format)))
                    .collect();
                self.stream.try_write_vectored(&spans)
            }
        })?;
        let mut left = count;
        for slice in slices {
            let length = bytes(slice, self.format).len();
            if left < length {
                let (whole, rest) =
                    codec::encoded(&slice.chunk, self.format).split(slice.from, left);
                let begun = usize::from(!rest.is_empty());
                self.reader.advance(slice, whole + begun);
                self.out.extend_from_slice(rest);
                return Ok((count, false));
            }
            left -= length;
            self.reader.advance(slice, slice.len());
            self.count(slice, now);
        }
        self.reader.next_turn();
        Ok((count, true))
    }

    fn count(&self, slice: &Slice, now: Instant) {
        let meters = self.chat.meters();
        meters.delivered.add(slice.len() as u64);
        if let Some(accepted) = slice.accepted {
            meters
                .delivery
                .record(now.saturating_duration_since(accepted));
        }
    }
}

fn bytes(slice: &Slice, format: Format) -> &[u8] {
    codec::encoded(&slice.chunk, format).span(slice.from, slice.from + slice.len())
}

fn would_block(written: io::Result<usize>) -> io::Result<usize> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}

/// Waits until the peer takes more, if it was `blocked`, or else says something. A task that asks
/// as itself leaves its name with the socket and needs no place in a list of those who wait.
pub(super) fn ready(stream: &Stream, blocked: bool) -> impl Future<Output = io::Result<()>> {
    poll_fn(move |cx| {
        if blocked {
            stream.poll_write_ready(cx)
        } else {
            stream.poll_read_ready(cx)
        }
    })
}

/// Gives what has come to `take`; true at the end of it. Not async: the buffer is on the stack
/// only while there is something to read.
pub(super) fn receive(stream: &mut Stream, take: impl FnOnce(&[u8])) -> io::Result<bool> {
    let mut buffer = [0u8; READ];
    match stream.try_read(&mut buffer) {
        Ok(0) => Ok(true),
        Ok(count) => {
            take(&buffer[..count]);
            Ok(false)
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

/// Ends our half and waits a moment for the peer's: closing over unread input would reset the
/// connection, and the peer might lose what it has not read yet.
pub(super) async fn part(stream: &mut Stream) {
    let parting = async {
        stream.shutdown().await?;
        while !receive(stream, |_| {})? {
            ready(stream, false).await?;
        }
        io::Result::Ok(())
    };
    let _ = tokio::time::timeout(PART_WITHIN, parting).await;
}

/// Waits for as long as a peer may take nothing. Boxed, since nearly every connection is spared
/// it.
pub(super) async fn without_progress(patience: Duration) {
    Box::pin(tokio::time::sleep(patience)).await;
}
