//! How a WebSocket ends, and the close code that says so.
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::transport::codec::words;

/// Why a connection ends, as the close code tells the peer.
#[derive(Debug)]
pub(super) enum End {
    /// The peer went away.
    Gone,
    /// The peer broke the protocol (RFC 6455, section 7.4.1, says how).
    Violation(CloseCode, String),
    Bye,
    Restart,
    Later(String),
    NoProgress,
    /// The peer did not say who it is.
    Stranger,
    Operator,
    /// The token has expired by which the peer connected.
    Expired,
}

impl End {
    pub(super) fn frame(self) -> Option<CloseFrame> {
        let (code, reason) = match self {
            Self::Gone => return None,
            Self::Violation(code, why) => (code, why),
            Self::Bye => (CloseCode::Normal, "goodbye".to_owned()),
            Self::Restart => (CloseCode::Restart, "the server is restarting".to_owned()),
            Self::Later(why) => (CloseCode::Again, why),
            Self::Operator => (CloseCode::Policy, words::CLOSED.to_owned()),
            Self::Expired => (CloseCode::Policy, words::EXPIRED.to_owned()),
            Self::Stranger => (CloseCode::Policy, "no connect frame came".to_owned()),
            Self::NoProgress => (CloseCode::Library(4008), "no progress".to_owned()),
        };
        Some(CloseFrame {
            code,
            reason: reason.into(),
        })
    }
}

/// Tungstenite's errors end the connection; what the peer did is told apart.
impl From<Error> for End {
    fn from(error: Error) -> Self {
        match error {
            Error::Io(e) if e.kind() == std::io::ErrorKind::TimedOut => Self::NoProgress,
            Error::Utf8(_) => Self::Violation(CloseCode::Invalid, "that is no UTF-8".to_owned()),
            Error::Capacity(_) => {
                Self::Violation(CloseCode::Size, "that is longer than is taken".to_owned())
            }
            // It is an end, if not one that was announced.
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::Gone,
            Error::Protocol(why) => Self::Violation(CloseCode::Protocol, why.to_string()),
            _ => Self::Gone,
        }
    }
}
