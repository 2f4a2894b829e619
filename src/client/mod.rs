//! The other side of our own protocols: HTTP requests, Server-Sent Events, line sessions and
//! WebSockets, as a client speaks them. Everything that asks an instance something goes through
//! here: the operator's commands, the load, the drills, and the tests.
//!
//! Whatever answers may be something else than discordctl, or stand still: every wait has a
//! deadline, everything that is read has a bound, and nothing that comes can cause a panic.
mod error;
mod events;
mod http;
mod lines;
pub mod raw;
mod socket;
mod target;
pub mod wire;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};

pub use error::ClientError;
pub use events::{Event, Events};
pub use http::{Answer, get, open, post, send};
pub use lines::Lines;
pub use socket::{Frame, Socket};
pub use target::{Connection, Secure, Target};
pub use wire::Transport;

/// The name by which an instance is asked on whatever address: it always answers to this one,
/// also where `http.hosts` is set.
pub const HOST: &str = "localhost";

/// How much the kernel keeps of what comes and is not read yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Buffer {
    /// As much as the system finds right.
    Usual,
    /// Little: for a client that is meant to fall behind.
    Small,
}

/// Of a small buffer.
const SMALL: u32 = 4 << 10;

/// Connects. Small writes go out at once.
///
/// # Errors
/// What the system says.
pub async fn connect(address: SocketAddr, buffer: Buffer) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if buffer == Buffer::Small {
        socket.set_recv_buffer_size(SMALL)?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The outcome of `work`, or [`ClientError::Late`].
async fn bounded<T, E: Into<ClientError>>(
    within: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, ClientError> {
    match tokio::time::timeout(within, work).await {
        Ok(done) => done.map_err(Into::into),
        Err(_) => Err(ClientError::Late(within)),
    }
}
