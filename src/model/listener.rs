//! A place where an instance listens.
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// What it is called, what is spoken there, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    pub name: String,
    pub kind: ListenerKind,
    pub address: SocketAddr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ListenerKind {
    /// Lines of text, as netcat sends them.
    Lines,
    /// HTTP with Server-Sent Events and WebSocket.
    Http,
    /// One of a later version, which this one does not know.
    #[serde(other)]
    Other,
}

impl Listener {
    pub fn new(name: &str, kind: ListenerKind, address: SocketAddr) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            address,
        }
    }

    /// Where the first of that kind is.
    pub fn first(all: &[Self], kind: ListenerKind) -> Option<SocketAddr> {
        let first = all.iter().find(|listener| listener.kind == kind);
        first.map(|listener| listener.address)
    }
}
