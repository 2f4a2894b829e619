//! Words and descriptors over a Unix socket: one JSON object a line, with descriptors beside it.
use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::Interest;
use tokio::net::UnixStream;

/// Descriptors with one word. The kernel takes 253.
pub(super) const MOST_FDS: usize = 200;
/// The longest word that is listened to: a batch of sessions with much that is unwritten.
const LONGEST: usize = 64 << 20;
/// Read at once.
const READ: usize = 64 << 10;

/// One end of a hand-over.
#[derive(Debug)]
pub(super) struct Channel {
    stream: UnixStream,
    bytes: Vec<u8>,
    /// How far `bytes` was looked through.
    seen: usize,
    descriptors: VecDeque<OwnedFd>,
}

/// A word as it travels, with the number of descriptors that come with it.
#[derive(Serialize, Deserialize)]
struct Letter<T> {
    #[serde(default)]
    fds: usize,
    #[serde(flatten)]
    word: T,
}

impl Channel {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            bytes: Vec::new(),
            seen: 0,
            descriptors: VecDeque::new(),
        }
    }

    /// Says a word, and gives `descriptors` with it.
    pub(super) async fn say(
        &mut self,
        word: &impl Serialize,
        descriptors: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        let fds = descriptors.len();
        let mut line = serde_json::to_vec(&Letter { fds, word })?;
        line.push(b'\n');
        let mut sent = 0;
        while sent < line.len() {
            // They travel with the first bytes.
            let beside = if sent == 0 { descriptors } else { &[] };
            let rest = &line[sent..];
            let send = || send(self.stream.as_fd(), rest, beside);
            sent += self.stream.async_io(Interest::WRITABLE, send).await?;
        }
        Ok(())
    }

    /// The next word and its descriptors; `None` at the end.
    pub(super) async fn hear<T: DeserializeOwned>(
        &mut self,
    ) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
        let Some(line) = self.line().await? else {
            return Ok(None);
        };
        let Letter { fds, word } = serde_json::from_slice(&line)?;
        if fds > self.descriptors.len() {
            return Err(io::Error::other("descriptors are missing"));
        }
        Ok(Some((word, self.descriptors.drain(..fds).collect())))
    }

    async fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let end = self.bytes[self.seen..].iter().position(|b| *b == b'\n');
            if let Some(end) = end {
                let rest = self.bytes.split_off(self.seen + end + 1);
                self.seen = 0;
                return Ok(Some(std::mem::replace(&mut self.bytes, rest)));
            }
            self.seen = self.bytes.len();
            if self.seen > LONGEST {
                return Err(io::Error::other("a word without end"));
            }
            if self.read().await? == 0 {
                return Ok(None);
            }
        }
    }

    async fn read(&mut self) -> io::Result<usize> {
        let mut buffer = vec![0u8; READ];
        let (stream, descriptors) = (&self.stream, &mut self.descriptors);
        let receive = || receive(stream.as_fd(), &mut buffer, descriptors);
        let count = stream.async_io(Interest::READABLE, receive).await?;
        self.bytes.extend_from_slice(&buffer[..count]);
        Ok(count)
    }
}

fn send(socket: BorrowedFd<'_>, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FDS))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("too many descriptors at once"));
    }
    let bytes = [IoSlice::new(bytes)];
    Ok(sendmsg(socket, &bytes, &mut beside, SendFlags::empty())?)
}

fn receive(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    descriptors: &mut VecDeque<OwnedFd>,
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FDS))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let mut buffer = [IoSliceMut::new(buffer)];
    let received = recvmsg(socket, &mut buffer, &mut beside, CLOSED_ON_EXEC)?;
    for message in beside.drain() {
        if let RecvAncillaryMessage::ScmRights(given) = message {
            descriptors.extend(given);
        }
    }
    if received.flags.contains(ReturnFlags::CTRUNC) {
        return Err(io::Error::other("descriptors were lost on the way"));
    }
    Ok(received.bytes)
}

#[cfg(target_os = "linux")]
const CLOSED_ON_EXEC: RecvFlags = RecvFlags::CMSG_CLOEXEC;
#[cfg(not(target_os = "linux"))]
const CLOSED_ON_EXEC: RecvFlags = RecvFlags::empty();
