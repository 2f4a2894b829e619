//! Where an instance listens.
use std::net::{Ipv4Addr, SocketAddr};

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

/// Who can reach an instance at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// This machine alone: there no client is a stranger, and a foreign name can only be a trick.
    Loopback,
    /// Others too, under names that are not known here unless they are set.
    Elsewhere,
}

impl Reach {
    /// Of an instance that listens there.
    pub fn of(listeners: &[Listener]) -> Self {
        let on_loopback = |listener: &Listener| listener.address.ip().to_canonical().is_loopback();
        if listeners.iter().all(on_loopback) {
            Self::Loopback
        } else {
            Self::Elsewhere
        }
    }
}

/// The listeners of an instance. In JSON they are the list of those that are open, and beside it
/// the ports of the first of each kind, which the first version wrote alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Recorded", into = "Recorded")]
pub enum Listeners {
    Open(Vec<Listener>),
    /// Where they would be by the settings; a port that is chosen at start is not among them.
    Expected(Vec<Listener>),
}

impl Listeners {
    /// None that is known of.
    pub const NONE: Self = Self::Expected(Vec::new());

    /// Where `set` says, as far as it says which port.
    pub fn expected(mut set: Vec<Listener>) -> Self {
        set.retain(|listener| listener.address.port() != 0);
        Self::Expected(set)
    }

    pub fn is_empty(&self) -> bool {
        self.all().is_empty()
    }

    /// The port of the first of that kind.
    pub fn port(&self, kind: ListenerKind) -> Option<u16> {
        Listener::first(self.all(), kind).map(|address| address.port())
    }

    fn all(&self) -> &[Listener] {
        match self {
            Self::Open(all) | Self::Expected(all) => all,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Recorded {
    #[serde(default)]
    listeners: Vec<Listener>,
    tcp_port: Option<u16>,
    http_port: Option<u16>,
}

impl From<Recorded> for Listeners {
    fn from(recorded: Recorded) -> Self {
        if !recorded.listeners.is_empty() {
            return Self::Open(recorded.listeners);
        }
        // The first version did not write at which address.
        let at = |port| SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port);
        let tcp = recorded.tcp_port.map(at);
        let http = recorded.http_port.map(at);
        let tcp = tcp.map(|at| Listener::new("tcp", ListenerKind::Lines, at));
        let http = http.map(|at| Listener::new("http", ListenerKind::Http, at));
        Self::Expected(tcp.into_iter().chain(http).collect())
    }
}

impl From<Listeners> for Recorded {
    fn from(listeners: Listeners) -> Self {
        let port = |kind| listeners.port(kind);
        let (tcp_port, http_port) = (port(ListenerKind::Lines), port(ListenerKind::Http));
        Self {
            tcp_port,
            http_port,
            listeners: match listeners {
                Listeners::Open(open) => open,
                Listeners::Expected(_) => Vec::new(),
            },
        }
    }
}
