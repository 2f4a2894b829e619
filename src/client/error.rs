//! Why there is no answer.
use std::error::Error as _;
use std::io;
use std::time::Duration;

/// Why a server could not be talked with.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("{}", plain(.0))]
    Io(#[from] io::Error),
    #[error("no answer within {0:?}")]
    Late(Duration),
    /// It answers, and not as the protocol says.
    #[error("what answers there does not speak HTTP as discordctl does")]
    Foreign,
    /// What cannot be asked: a path or a header that HTTP does not allow.
    #[error("cannot ask for this: {0}")]
    Request(#[from] http::Error),
    /// It understood, and declined with these words.
    #[error("it said: {0}")]
    Refused(String),
}

impl From<hyper::Error> for ClientError {
    fn from(error: hyper::Error) -> Self {
        let io = error.source().and_then(|source| source.downcast_ref());
        match io {
            Some(io) => Self::Io(again(io)),
            None => Self::Foreign,
        }
    }
}

impl From<tokio_tungstenite::tungstenite::Error> for ClientError {
    fn from(error: tokio_tungstenite::tungstenite::Error) -> Self {
        use tokio_tungstenite::tungstenite::Error;
        match error {
            Error::Io(error) => Self::Io(error),
            Error::Http(answer) => Self::Refused(format!("status {}", answer.status().as_u16())),
            Error::ConnectionClosed | Error::AlreadyClosed => {
                Self::Io(io::ErrorKind::ConnectionReset.into())
            }
            _ => Self::Foreign,
        }
    }
}

/// The same error once more; the one that hyper holds cannot be taken out.
fn again(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

/// The usual words for it, without the number of the system's error.
fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens there".into(),
        io::ErrorKind::ConnectionReset => "it hung up".into(),
        _ => error.to_string(),
    }
}
