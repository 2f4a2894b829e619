//! The requests and answers, as they travel.
use serde::{Deserialize, Serialize};

use crate::config::LogLevel;
use crate::model::ConnectionId;

/// What is asked of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Log at this level, for so long or until told otherwise.
    LogLevel {
        level: LogLevel,
        #[serde(default)]
        for_ms: Option<u64>,
    },
    /// Say to balancers that new work should go elsewhere, and go on serving.
    Drain {},
    /// Take that back.
    Undrain {},
    /// Its settings, passwords and all.
    Settings {},
    /// Read the configuration again, and follow it as far as that needs no restart.
    Reload {},
    /// The open connections, oldest first, not more than `most`.
    Connections { most: usize },
    /// End a connection, by its number, or a person's session, by nickname.
    Disconnect {
        #[serde(default)]
        connection: Option<ConnectionId>,
        #[serde(default)]
        nickname: Option<String>,
    },
    /// Give everything to another process of this instance. After the answer the connection
    /// speaks of nothing else.
    HandOver(Successor),
}

/// The process that wants to take over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Successor {
    /// The format in which it can be given anything.
    pub format: u32,
    pub version: String,
    pub pid: u32,
    /// A digest of its database's URL.
    pub database: String,
}

/// What comes of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer<T> {
    Ok(T),
    Error(Refusal),
}

/// Why it was not done; `code` stays the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub code: String,
    pub detail: String,
}

/// The settings of an instance as variables, passwords and all. Never print them.
#[derive(Clone, Serialize, Deserialize)]
pub struct Settings {
    pub variables: Vec<(String, String)>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Settings({} variables)", self.variables.len())
    }
}

/// What came of a configuration that was read again. All holds that changed, or nothing was.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reloaded {
    /// The keys that took effect.
    pub changed: Vec<String>,
    /// The keys that are set otherwise than they are in force, and need a restart.
    pub waiting: Vec<String>,
    /// What is allowed and probably not meant.
    pub warnings: Vec<String>,
}

/// What was logged before, and what will be when the time is over.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LevelSet {
    pub was: LogLevel,
    pub level: LogLevel,
    /// The level that it goes back to by itself, and when (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub then: Option<LogLevel>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Drained {
    pub draining: bool,
    pub was_draining: bool,
    /// Connections that go on being served.
    pub connections: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConnectionList {
    pub connections: Vec<Connection>,
    /// How many there are, listed or not.
    pub total: usize,
}

/// An open connection: a line session, a stream of events or a WebSocket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Connection {
    pub id: ConnectionId,
    pub transport: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub nickname: Option<String>,
    /// Those it reads.
    pub rooms: Vec<String>,
    pub since: String,
    pub peer: String,
    /// By TLS, as far as this instance or a proxy that it believes knows.
    #[serde(default)]
    pub encrypted: bool,
    /// Messages that are there and were not written to it yet.
    pub lag: u64,
    /// Bytes for it that its socket would not take.
    pub bytes_waiting: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Disconnected {
    pub connections: usize,
    pub sessions: usize,
}
