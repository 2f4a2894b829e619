//! Writing to a peer: answers first, then what its rooms have, as much as it takes.
use std::io::{self, IoSlice};
use std::time::Instant;

use bytes::Bytes;

use super::super::line::{Line, system};
use super::Connection;
use crate::chat::{Next, Slice};

/// Written in one go before input is looked at again.
const TURN: usize = 1 << 20;

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

impl Connection {
    /// Writes until everything is written or the peer takes no more; the second value says
    /// whether it took anything.
    pub(super) fn write(&mut self) -> io::Result<(Wrote, bool)> {
        let mut slices = Vec::new();
        let (mut written, mut blocked) = (0, false);
        while written < TURN && !blocked {
            while let Some(text) = self.session.told() {
                system(&text, &mut self.out);
            }
            if !self.out.is_empty() {
                let count = would_block(self.stream.try_write(&self.out))?;
                self.out.drain(..count);
                blocked = !self.out.is_empty();
                written += count;
                continue;
            }
            match self.reader.peek(&mut slices) {
                Next::Some => {
                    let (count, all) = self.write_slices(&slices)?;
                    written += count;
                    blocked = !all;
                }
                Next::Behind => return Ok((Wrote::Behind, written > 0)),
                Next::Idle | Next::Ended => break,
            }
        }
        if self.out.is_empty() {
            self.out = Vec::new();
        }
        self.open.link().holds(self.out.len());
        if blocked {
            self.reader.park();
            return Ok((Wrote::Blocked, written > 0));
        }
        if written >= TURN {
            // There may be more: come back at once, after a look at the input.
            self.session.signal().notify_one();
        }
        Ok((Wrote::All, written > 0))
    }

    /// Writes what a room has, in one call, and moves on over what was taken: over whole
    /// entries, while the rest of one that was cut goes first next time.
    fn write_slices(&mut self, slices: &[Slice]) -> io::Result<(usize, bool)> {
        let now = self.chat.clock().now();
        let span = |slice: &Slice| {
            slice
                .chunk
                .encoded::<Line>()
                .span(slice.from, slice.from + slice.len())
        };
        let spans: Vec<Bytes> = slices.iter().map(span).collect();
        let vectors: Vec<IoSlice<'_>> = spans.iter().map(|bytes| IoSlice::new(bytes)).collect();
        let count = would_block(self.stream.try_write_vectored(&vectors))?;
        let mut left = count;
        for (slice, bytes) in slices.iter().zip(&spans) {
            if left < bytes.len() {
                let (whole, rest) = slice.chunk.encoded::<Line>().split(slice.from, left);
                let begun = usize::from(!rest.is_empty());
                self.reader.advance(slice, whole + begun);
                self.out.extend_from_slice(&rest);
                return Ok((count, false));
            }
            left -= bytes.len();
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

fn would_block(written: io::Result<usize>) -> io::Result<usize> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}
