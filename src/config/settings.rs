//! What can be set. The default of every key is in `defaults.rs`.
use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::access::Access;
use super::auth::Auth;
use super::schedule::Schedule;
use super::secret_url::{ArchiveUrl, DbUrl, RedisUrl};
use super::threshold::Threshold;
use super::units::{ByteSize, HumanDuration, Percent};

/// One instance's settings. Printing it, in any way, hides passwords.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Port for netcat; 0 takes any free one, and `None` is not to listen.
    pub tcp_port: Option<u16>,
    /// Port for HTTP and WebSocket; the same holds.
    pub http_port: Option<u16>,
    pub tls: Tls,
    pub proxy: Proxy,
    /// Name of this instance among all of them; without one, `instance-` and its first port.
    pub instance_id: String,
    pub db_url: DbUrl,
    /// `None`: instances see each other through the database alone.
    pub redis_url: Option<RedisUrl>,
    pub bind: IpAddr,
    /// Where the instance keeps its own files; relative to the working directory.
    pub data_dir: PathBuf,
    pub history: History,
    pub access: Access,
    pub auth: Auth,
    pub limits: Limits,
    pub db_pool: DbPool,
    pub retention: Retention,
    pub archive: Archive,
    pub backup: Backup,
    pub thresholds: Thresholds,
    pub drain: Drain,
    /// A session unused for this long is forgotten.
    pub session_ttl: HumanDuration,
    /// How long `serve` waits for the database at start.
    pub db_wait: HumanDuration,
    pub http: Http,
    pub search: Search,
    pub cors: Cors,
    pub log: Log,
}

/// What is encrypted by this server itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tls {
    /// The server's certificate and those of its issuers, in PEM.
    pub cert: Option<PathBuf>,
    /// Its key, in PEM.
    pub key: Option<PathBuf>,
    /// Port for lines; 0 takes any free one, and `None` is not to listen.
    pub tcp_port: Option<u16>,
    /// Port for HTTP and WebSocket; the same holds.
    pub https_port: Option<u16>,
}

/// Which proxies are believed what they say of clients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proxy {
    /// From these a connection begins with a header of the PROXY protocol.
    pub protocol: Vec<String>,
    /// Of these `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub forwarded: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// Messages shown to a client that joins a room.
    pub per_room: usize,
}

/// What one client, or all together, may use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Open connections over all transports; each needs a file descriptor (`ulimit -n`).
    pub connections: usize,
    pub message_chars: usize,
    /// One line over TCP.
    pub line_bytes: ByteSize,
    /// One HTTP body or WebSocket frame.
    pub body_bytes: ByteSize,
    /// Per session; 0 is no limit.
    pub messages_per_minute: u32,
    /// How many of those may come at once.
    pub burst: u32,
    /// What a session may ask for in a minute, as `docs/limits.md` counts it; 0 is no limit. An
    /// address may ask for ten times that.
    pub requests_per_minute: u32,
    /// Sessions that may begin from one address in a minute; 0 is no limit.
    pub new_sessions_per_minute: u32,
    /// Addresses and networks that are not counted, such as a proxy that all clients come through.
    pub uncounted: Vec<String>,
    /// Rooms there may be, over all instances.
    pub rooms: u64,
    /// Rooms that one user may create in 24 hours.
    pub rooms_per_user_per_day: u64,
    /// A line connection that is in no room and says nothing for so long is closed; one that never
    /// said anything after a tenth of it.
    pub idle_timeout: HumanDuration,
    /// A peer that takes nothing for this long is closed.
    pub write_timeout: HumanDuration,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DbPool {
    pub max: u32,
    pub idle_timeout: HumanDuration,
    pub acquire_timeout: HumanDuration,
    /// While requests wait longer than this for a connection, new ones get 503.
    pub shed_after: HumanDuration,
    /// And while so many wait, however short.
    pub max_waiting: usize,
}

/// What stays in hot storage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retention {
    /// The newest messages of each room, which are never removed.
    pub keep_last: usize,
    /// Nothing younger is removed.
    pub min_age: HumanDuration,
    /// Nothing is removed before it is in the archive.
    pub archive_first: bool,
    pub schedule: Schedule,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Archive {
    pub url: ArchiveUrl,
    pub older_than: HumanDuration,
    pub schedule: Schedule,
}

/// Backups that run themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backup {
    pub schedule: Schedule,
    pub url: ArchiveUrl,
    pub keep: Keep,
}

/// Which of them stay: the newest ones, and the last of each of so many days and weeks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Keep {
    pub newest: u32,
    pub daily: u32,
    pub weekly: u32,
}

/// When a check turns to warning and to critical: beyond the value, or below it for rates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    pub publish_latency: Threshold<HumanDuration>,
    pub queue_depth: Threshold<u64>,
    pub db_connection_wait: Threshold<HumanDuration>,
    pub history_hit_rate: Threshold<Percent>,
    pub session_cache_hit_rate: Threshold<Percent>,
    pub messages_table: Threshold<ByteSize>,
    pub users_table: Threshold<ByteSize>,
    pub rooms_table: Threshold<ByteSize>,
    /// Since the last verified backup began, where they run by a schedule.
    pub backup_age: Threshold<HumanDuration>,
}

/// A planned stop, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drain {
    /// Time for a balancer to notice before listeners close.
    pub delay: HumanDuration,
    /// Clients are told at random moments within this.
    pub spread: HumanDuration,
    /// What is still open then is cut.
    pub deadline: HumanDuration,
}

/// Finding what was said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// False: this instance answers no searches, and makes no index of words.
    pub enabled: bool,
}

/// How clients may call this server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Http {
    /// Names and addresses under which it answers beside loopback ones, or `*` for any. Empty:
    /// any, unless every listener is on loopback.
    pub hosts: Vec<String>,
    /// Where people find it, as behind a proxy.
    pub public_url: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cors {
    /// Web origins allowed to call the API, or `*`. Empty: only the one that serves it.
    pub origins: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Log {
    pub level: LogLevel,
    pub format: LogFormat,
    /// Beyond this size the log file of an instance in the background is begun anew.
    pub rotate_size: ByteSize,
    /// So many old ones stay.
    pub rotate_keep: u32,
}

named! {
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    pub enum LogLevel {
        Error => "error",
        Warn => "warn",
        Info => "info",
        Debug => "debug",
        Trace => "trace",
    }
}

/// `Auto` is text on a terminal and JSON elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Auto,
    Text,
    Json,
}
