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
    /// Lines by TLS.
    TlsLines,
    /// HTTP by TLS.
    Https,
    /// One of a later version, which this one does not know.
    #[serde(other)]
    Other,
}

impl ListenerKind {
    /// Where lines are spoken, those in the clear first.
    pub const OF_LINES: [Self; 2] = [Self::Lines, Self::TlsLines];
    /// Where HTTP is spoken, as it is the cheapest to ask.
    pub const OF_HTTP: [Self; 2] = [Self::Http, Self::Https];

    pub fn is_encrypted(self) -> bool {
        matches!(self, Self::TlsLines | Self::Https)
    }
}

impl Listener {
    pub fn new(name: &str, kind: ListenerKind, address: SocketAddr) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            address,
        }
    }

    /// The first of those kinds, in their order.
    pub fn first_of(all: &[Self], kinds: &[ListenerKind]) -> Option<Self> {
        let of = |kind: &ListenerKind| all.iter().find(|listener| listener.kind == *kind);
        kinds.iter().find_map(of).cloned()
    }

    /// Where the first of that kind is.
    pub fn first(all: &[Self], kind: ListenerKind) -> Option<SocketAddr> {
        let first = all.iter().find(|listener| listener.kind == kind);
        first.map(|listener| listener.address)
    }
}

/// From where an instance can be reached.
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

    /// The first of those kinds, in their order.
    pub fn first_of(&self, kinds: &[ListenerKind]) -> Option<Listener> {
        Listener::first_of(self.all(), kinds)
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
