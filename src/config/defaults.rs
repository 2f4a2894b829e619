//! The default of every key: the one place it is written.
use std::net::{IpAddr, Ipv4Addr};

use super::access::{Access, AccessMode, Registration};
use super::auth::Auth;
use super::schedule::Schedule;
use super::secret_url::{ArchiveUrl, DbUrl};
use super::settings::{
    Archive, Backup, Config, Cors, DbPool, Drain, History, Http, Keep, Limits, Log, LogFormat,
    LogLevel, Proxy, Retention, Search, Thresholds, Tls,
};
use super::threshold::Threshold;
use super::units::{ByteSize, HumanDuration, Percent};

impl Default for Config {
    fn default() -> Self {
        let tcp_port = 9001;
        Self {
            tcp_port: Some(tcp_port),
            http_port: Some(3001),
            tls: Tls {
                cert: None,
                key: None,
                tcp_port: None,
                https_port: None,
            },
            proxy: Proxy {
                protocol: Vec::new(),
                forwarded: Vec::new(),
            },
            instance_id: instance_id(tcp_port),
            db_url: DbUrl::sqlite_file("data/discord.db"),
            redis_url: None,
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            data_dir: "data".into(),
            history: History { per_room: 10 },
            access: Access {
                mode: AccessMode::Auto,
                registration: Registration::Auto,
                plaintext_login: false,
            },
            auth: Auth::default(),
            limits: limits(),
            db_pool: DbPool {
                max: 10,
                idle_timeout: HumanDuration::secs(30),
                acquire_timeout: HumanDuration::secs(2),
                shed_after: HumanDuration::millis(200),
                max_waiting: 1_000,
            },
            retention: Retention {
                keep_last: 10_000,
                min_age: HumanDuration::days(90),
                archive_first: true,
                schedule: schedule("*/5 * * * *"),
            },
            archive: Archive {
                url: ArchiveUrl::folder("archive"),
                older_than: HumanDuration::days(30),
                schedule: schedule("0 3 * * *"),
            },
            backup: Backup {
                schedule: schedule("off"),
                url: ArchiveUrl::folder("backup"),
                keep: Keep {
                    newest: 7,
                    daily: 7,
                    weekly: 4,
                },
            },
            thresholds: thresholds(),
            drain: Drain {
                delay: HumanDuration::secs(0),
                spread: HumanDuration::secs(2),
                deadline: HumanDuration::secs(30),
            },
            session_ttl: HumanDuration::hours(24),
            db_wait: HumanDuration::secs(30),
            search: Search { enabled: true },
            http: Http {
                hosts: Vec::new(),
                public_url: None,
            },
            cors: Cors {
                origins: Vec::new(),
            },
            log: Log {
                level: LogLevel::Info,
                format: LogFormat::Auto,
                rotate_size: ByteSize::mib(16),
                rotate_keep: 4,
            },
        }
    }
}

fn limits() -> Limits {
    Limits {
        connections: 10_000,
        message_chars: 4_000,
        line_bytes: ByteSize::kib(8),
        // 4,000 characters, each escaped as \uXXXX\uXXXX, are 48 KB.
        body_bytes: ByteSize::kib(64),
        messages_per_minute: 120,
        burst: 20,
        requests_per_minute: 600,
        new_sessions_per_minute: 30,
        uncounted: Vec::new(),
        rooms: 10_000,
        rooms_per_user_per_day: 50,
        idle_timeout: HumanDuration::secs(600),
        write_timeout: HumanDuration::secs(60),
    }
}

fn thresholds() -> Thresholds {
    let ms = HumanDuration::millis;
    Thresholds {
        publish_latency: at(ms(100), ms(500)),
        queue_depth: at(100, 500),
        db_connection_wait: at(ms(50), ms(200)),
        history_hit_rate: at(Percent::of(95), Percent::of(90)),
        session_cache_hit_rate: at(Percent::of(99), Percent::of(95)),
        messages_table: at(ByteSize::gb(1), ByteSize::gb(10)),
        users_table: at(ByteSize::mb(50), ByteSize::mb(500)),
        rooms_table: at(ByteSize::mb(20), ByteSize::mb(200)),
        backup_age: at(HumanDuration::hours(36), HumanDuration::hours(72)),
    }
}

fn schedule(fields: &str) -> Schedule {
    fields.parse().expect("five fields")
}

fn at<T>(warning: T, critical: T) -> Threshold<T> {
    Threshold { warning, critical }
}

/// The name of an instance that was given none.
pub(super) fn instance_id(port: u16) -> String {
    format!("instance-{port}")
}
