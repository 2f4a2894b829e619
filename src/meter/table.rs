//! Every metric: its names, what it means and how it is read. Both forms of `/metrics`, the
//! monitor, the alert rules and `docs/metrics.md` are made from this table.
use super::{BusState, Counts, Histogram, Look, Meters, PoolState, Queue};

/// What is counted under one name.
pub struct Metric {
    /// As Prometheus calls it; a unit is its end.
    pub name: &'static str,
    pub kind: Kind,
    /// What it is split by. The values are few and fixed: no rooms, no users.
    pub label: Option<&'static str>,
    /// As the JSON calls it, if that has it.
    pub key: Option<&'static str>,
    pub help: &'static str,
    pub read: for<'a> fn(&'a Sample<'a>) -> Reading<'a>,
}

named! {
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Kind {
        Counter => "counter",
        Gauge => "gauge",
        Histogram => "histogram",
    }
}

impl Metric {
    /// The series of one value of its label.
    pub fn of(&self, value: &str) -> String {
        let label = self.label.unwrap_or_default();
        format!("{}{{{label}=\"{value}\"}}", self.name)
    }
}

impl Sample<'_> {
    fn queues(&self, figure: fn(&Queue) -> usize) -> Vec<(&'static str, usize)> {
        let queues = self.queues.iter();
        queues.map(|(name, queue)| (*name, figure(queue))).collect()
    }

    fn process<T>(&self, figure: fn(&Process) -> Option<T>) -> Option<T> {
        self.process.as_ref().and_then(figure)
    }
}

/// What an instance is like at one moment: all that metrics are read from.
pub struct Sample<'a> {
    pub meters: &'a Meters,
    /// The last minute.
    pub recent: Look,
    pub version: &'static str,
    /// In seconds since 1970.
    pub started_at: f64,
    pub draining: bool,
    pub rooms: usize,
    pub bus: BusState,
    pub pool: PoolState,
    /// By their names.
    pub queues: Vec<(&'static str, Queue)>,
    /// Tables by name, in bytes.
    pub tables: Vec<(&'static str, u64)>,
    /// Of the last verified backup, in seconds; nothing where none runs by a schedule.
    pub backup_age: Option<f64>,
    /// Nothing where the system does not tell.
    pub process: Option<Process>,
}

/// What the system says of this process: memory in bytes, processor time in seconds.
pub struct Process {
    pub resident_bytes: u64,
    pub virtual_bytes: u64,
    pub cpu_seconds: f64,
    pub open_fds: u64,
    pub max_fds: Option<u64>,
}

/// What a metric says.
pub enum Reading<'a> {
    Whole(i64),
    Real(f64),
    Is(bool),
    /// By the values of its label.
    Split(Vec<(&'static str, i64)>),
    /// All times since the start, and those of the last minute where they are kept.
    Times(&'a Histogram, Option<&'a Counts>),
    /// It is not known.
    Unknown,
}

impl From<i64> for Reading<'_> {
    fn from(number: i64) -> Self {
        Self::Whole(number)
    }
}

impl From<u64> for Reading<'_> {
    fn from(number: u64) -> Self {
        Self::Whole(whole(number))
    }
}

impl From<f64> for Reading<'_> {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<bool> for Reading<'_> {
    fn from(is_so: bool) -> Self {
        Self::Is(is_so)
    }
}

impl<T: TryInto<i64>> From<Vec<(&'static str, T)>> for Reading<'_> {
    fn from(numbers: Vec<(&'static str, T)>) -> Self {
        let numbers = numbers.into_iter();
        Self::Split(numbers.map(|(of, number)| (of, whole(number))).collect())
    }
}

impl<'a> From<(&'a Histogram, &'a Counts)> for Reading<'a> {
    fn from((all, recent): (&'a Histogram, &'a Counts)) -> Self {
        Self::Times(all, Some(recent))
    }
}

impl<'a, T: Into<Reading<'a>>> From<Option<T>> for Reading<'a> {
    fn from(known: Option<T>) -> Self {
        known.map_or(Self::Unknown, Into::into)
    }
}

fn whole(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

const fn first(given: &[&'static str]) -> Option<&'static str> {
    match given {
        [one, ..] => Some(one),
        [] => None,
    }
}

/// A row: its name here, kind, name and label, key in the JSON, help, and how it is read.
macro_rules! metrics {
    ($($id:ident: $kind:ident $name:literal $([$label:literal])? $(=> $key:literal)?,
        $help:literal, |$s:ident| $read:expr;)*) => {
        $(pub static $id: Metric = Metric {
            name: $name,
            kind: Kind::$kind,
            label: first(&[$($label)?]),
            key: first(&[$($key)?]),
            help: $help,
            read: |$s| $read.into(),
        };)*

        /// All of them, in the order in which they are told.
        pub static ALL: &[&Metric] = &[$(&$id),*];
    };
}

metrics! {
    BUILD_INFO: Gauge "discord_build_info" ["version"],
        "Which version this is.", |s| vec![(s.version, 1)];
    DRAINING: Gauge "discord_draining" => "draining",
        "Whether it is on its way out.", |s| s.draining;
    MESSAGES_COMMITTED: Counter "discord_messages_committed_total" => "messages_committed",
        "Messages committed by this instance.", |s| s.meters.committed.get();
    COMMITS: Counter "discord_commits_total" => "commits",
        "Transactions that carried them.", |s| s.meters.batches.get();
    MESSAGES_REFUSED: Counter "discord_messages_refused_total" => "messages_refused",
        "Sends that were refused.", |s| s.meters.refused.get();
    MESSAGES_DELIVERED: Counter "discord_messages_delivered_total" => "messages_delivered",
        "Entries handed to readers' sockets.", |s| s.meters.delivered.get();
    MESSAGES_RECOVERED: Counter "discord_messages_recovered_total" => "messages_recovered",
        "Messages read from the database because nobody brought them.", |s| s.meters.recovered.get();
    MESSAGES_PUBLISHED: Counter "discord_messages_published_total" => "messages_published",
        "Messages that the bus has taken.", |s| s.meters.published.get();
    PUBLISH_FAILURES: Counter "discord_publish_failures_total" => "publish_failures",
        "Messages that did not reach the bus.", |s| s.meters.publish_failed.get();
    BUS_CONNECTS: Counter "discord_bus_connects_total" => "bus_connects",
        "Connections made to the bus: the first, and each after one was lost.", |s| s.meters.bus_connects.get();
    BUS_JUNK: Counter "discord_bus_junk_total" => "bus_junk",
        "Objects on the bus that were no message.", |s| s.meters.bus_junk.get();
    BUS_UNPROVEN: Counter "discord_bus_unproven_total" => "bus_unproven",
        "Messages on the bus without a valid mac: read from the database instead.", |s| s.meters.bus_unproven.get();
    NOTICES_DROPPED: Counter "discord_notices_dropped_total",
        "Joins, leaves and renames that were too many to be told to other instances.",
        |s| s.meters.notices_dropped.get();
    READ_MARKS_WRITTEN: Counter "discord_read_marks_written_total" => "read_marks_written",
        "Read marks that went on in the database.", |s| s.meters.marks_written.get();
    READ_MARK_STATEMENTS: Counter "discord_read_mark_statements_total" => "read_mark_statements",
        "Statements that were sent for them, each for many.", |s| s.meters.mark_statements.get();
    READ_MARKS_REFUSED: Counter "discord_read_marks_refused_total" => "read_marks_refused",
        "Read marks that were refused, since too many waited.", |s| s.meters.marks_refused.get();
    SEARCHES_REFUSED: Counter "discord_searches_refused_total" => "searches_refused",
        "Searches that were refused, since too many waited.", |s| s.meters.searches_refused.get();
    SEARCH_BEHIND: Gauge "discord_search_behind" => "search_behind",
        "Entries that are not in the index yet, and are searched one by one; on the instance that writes the index.",
        |s| s.meters.search_behind.get();
    SEARCH_BEHIND_SECONDS: Gauge "discord_search_behind_seconds" => "search_behind_seconds",
        "For how long the oldest of them waits.", |s| s.meters.search_behind_seconds.get();
    SEARCH_PACKS: Gauge "discord_search_packs" => "search_packs",
        "Packs that the index is made of; on the instance that writes it.", |s| s.meters.search_packs.get();
    HEARTBEATS_LATE: Counter "discord_heartbeats_late_total",
        "Signs of life that came so late that the lease was in danger.", |s| s.meters.beats_late.get();
    SWEEPS: Counter "discord_sweeps_total" => "sweeps",
        "Looks at the database for what others committed.", |s| s.meters.sweeps.get();
    HISTORY_HITS: Counter "discord_history_hits_total",
        "Reads answered from memory.", |s| s.meters.history.hits.get();
    HISTORY_MISSES: Counter "discord_history_misses_total",
        "Reads that went to the database.", |s| s.meters.history.misses.get();
    SESSION_CACHE_HITS: Counter "discord_session_cache_hits_total",
        "Sessions found in memory.", |s| s.meters.sessions.hits.get();
    SESSION_CACHE_MISSES: Counter "discord_session_cache_misses_total",
        "Sessions looked up in the database.", |s| s.meters.sessions.misses.get();
    DATABASE_SHED: Counter "discord_database_shed_total" => "db_shed",
        "Requests turned away because too many waited for the database.", |s| s.meters.db_shed.get();
    CONNECTIONS_REFUSED: Counter "discord_connections_refused_total" => "connections_refused",
        "Connections turned away at the limit.", |s| s.meters.connections_refused.get();
    CONNECTIONS_STALLED: Counter "discord_connections_stalled_total" => "connections_stalled",
        "Connections closed because the peer took nothing.", |s| s.meters.no_progress.get();
    CONNECTIONS: Gauge "discord_connections" ["transport"] => "connections",
        "Open connections and streams.", |s| s.meters.connections();
    LIMITED: Counter "discord_limited_total" ["limit"] => "limited",
        "What was turned away since its session or address had too many.", |s| s.meters.limited();
    ROOMS_IN_MEMORY: Gauge "discord_rooms_in_memory" => "rooms_in_memory",
        "Rooms with a tail in memory.", |s| whole(s.rooms);
    READERS_BEHIND: Gauge "discord_readers_behind" => "readers_behind",
        "Readers that read pages from the database, not what is in memory.", |s| s.meters.readers_behind.get();
    QUEUE_DEPTH: Gauge "discord_queue_depth" ["queue"],
        "How many wait in each queue; `commit` are messages to be committed.", |s| s.queues(|q| q.depth);
    QUEUE_LIMIT: Gauge "discord_queue_limit" ["queue"],
        "How many may wait in it.", |s| s.queues(|q| q.limit);
    DATABASE_UP: Gauge "discord_database_up" => "db_up",
        "Whether the last sign of life could be written.", |s| s.meters.db_down.get() == 0;
    DATABASE_FULL: Gauge "discord_database_full" => "db_full",
        "Whether the last write found no space.", |s| s.meters.db_full.get() > 0;
    DATABASE_CONNECTIONS_AVAILABLE: Gauge "discord_database_connections_available" => "db_pool_available",
        "Connections free for use.", |s| whole(s.pool.available);
    DATABASE_CONNECTIONS_MAX: Gauge "discord_database_connections_max" => "db_pool_max",
        "Connections at most.", |s| whole(s.pool.max);
    TABLE_SIZE: Gauge "discord_table_size_bytes" ["table"] => "table_bytes",
        "How large a table is with its indexes, looked up every five minutes.", |s| s.tables.clone();
    BACKUP_AGE: Gauge "discord_backup_age_seconds" => "backup_age_seconds",
        "Since the last verified backup began, looked up every five minutes; since the start where none was made.",
        |s| s.backup_age;
    DATABASE_WAITING: Gauge "discord_database_waiting" => "db_pool_waiting",
        "Requests waiting for a connection.", |s| s.meters.db_waiting.get();
    DATABASE_BREAKER_OPEN: Gauge "discord_database_breaker_open",
        "Whether so many wait that new requests are turned away.", |s| s.pool.sheds;
    BUS_CONFIGURED: Gauge "discord_bus_configured",
        "Whether there is to be a bus.", |s| s.bus != BusState::Disabled;
    BUS_UP: Gauge "discord_bus_up",
        "Whether the bus carries, or is not needed.", |s| s.bus != BusState::Disconnected;
    COMMIT_LATENCY: Histogram "discord_commit_latency_seconds" => "commit_latency_ms",
        "From accepting a send to its commit.", |s| (&s.meters.commit, &s.recent.commit);
    DELIVERY_LATENCY: Histogram "discord_delivery_latency_seconds" => "delivery_latency_ms",
        "From accepting a send to handing it to a reader's socket.", |s| (&s.meters.delivery, &s.recent.delivery);
    PUBLISH_LATENCY: Histogram "discord_publish_latency_seconds" => "publish_latency_ms",
        "One publish to the other instances.", |s| (&s.meters.publish, &s.recent.publish);
    HEARTBEAT: Histogram "discord_heartbeat_seconds",
        "One sign of life of this instance.", |s| Reading::Times(&s.meters.beat, None);
    SEARCH: Histogram "discord_search_seconds",
        "One search, with the wait for its turn.", |s| Reading::Times(&s.meters.search, None);
    DATABASE_WAIT: Histogram "discord_database_wait_seconds" => "db_wait_ms",
        "Waiting for a database connection.", |s| (&s.meters.db_wait, &s.recent.db_wait);
    PROCESS_START_TIME: Gauge "process_start_time_seconds",
        "When it started, in seconds since 1970.", |s| s.started_at;
    PROCESS_CPU: Counter "process_cpu_seconds_total" => "cpu_seconds",
        "Processor time used.", |s| s.process(|p| Some(p.cpu_seconds));
    PROCESS_RESIDENT_MEMORY: Gauge "process_resident_memory_bytes" => "resident_bytes",
        "Resident memory.", |s| s.process(|p| Some(p.resident_bytes));
    PROCESS_VIRTUAL_MEMORY: Gauge "process_virtual_memory_bytes",
        "Virtual memory.", |s| s.process(|p| Some(p.virtual_bytes));
    PROCESS_OPEN_FDS: Gauge "process_open_fds" => "open_fds",
        "Open file descriptors.", |s| s.process(|p| Some(p.open_fds));
    PROCESS_MAX_FDS: Gauge "process_max_fds" => "max_fds",
        "Descriptors at most.", |s| s.process(|p| p.max_fds);
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::fs;

    use super::*;

    /// Everything that looks like a metric in what is shipped and told.
    fn named() -> Vec<(String, String)> {
        let folders = ["../docs", "../config", "../runbooks"];
        let folders = folders.map(|folder| fs::read_dir(folder).expect("there"));
        let files = folders
            .into_iter()
            .flatten()
            .map(|entry| entry.expect("an entry").path());
        let mut named = Vec::new();
        for file in files.filter(|file| file.is_file()) {
            let Ok(text) = fs::read_to_string(&file) else {
                continue;
            };
            let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let metrics = words.filter(|word| {
                word.strip_prefix("discord_")
                    .is_some_and(|rest| !rest.is_empty())
            });
            let file = file.display().to_string();
            named.extend(metrics.map(|word| (file.clone(), word.to_owned())));
        }
        named
    }

    #[test]
    fn samples_and_documents_name_what_there_is() {
        let is_one = |word: &str| {
            ALL.iter().any(
                |metric| match (metric.kind, word.strip_prefix(metric.name)) {
                    (Kind::Histogram, Some(part)) => {
                        ["", "_bucket", "_sum", "_count"].contains(&part)
                    }
                    (_, part) => part == Some(""),
                },
            )
        };
        let named = named();
        assert!(named.len() > 50, "{named:?}");
        let strange: Vec<_> = named.iter().filter(|(_, word)| !is_one(word)).collect();
        assert!(strange.is_empty(), "{strange:?}");
    }

    /// `DISCORDCTL_TEST_WRITES=1 cargo test --lib metrics_are_told` writes the page.
    #[test]
    fn all_metrics_are_told() {
        let path = "../docs/metrics.md";
        let mut page = String::from(
            "# Metrics\n\n`GET /metrics` is Prometheus text for Prometheus and JSON for all others. \
             Latencies in the JSON are in\nmilliseconds and those of the last minute. Made from \
             `src/meter/table.rs`.\n\n| Prometheus | split by | JSON | kind | what |\n|---|---|---|---|---|\n",
        );
        let code = |name: Option<&str>| name.map_or_else(String::new, |name| format!("`{name}`"));
        for metric in ALL {
            let (name, label, key) = (metric.name, code(metric.label), code(metric.key));
            let (kind, help) = (metric.kind.as_str(), metric.help);
            let _ = writeln!(page, "| `{name}` | {label} | {key} | {kind} | {help} |");
        }
        if std::env::var_os("DISCORDCTL_TEST_WRITES").is_some() {
            fs::write(path, &page).expect("written");
        }
        assert_eq!(fs::read_to_string(path).expect("the page is there"), page);
    }

    #[test]
    fn each_has_a_name_of_its_own_that_says_its_unit_and_kind() {
        for (at, metric) in ALL.iter().enumerate() {
            let Metric { name, kind, .. } = metric;
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
            assert!(
                *kind != Kind::Histogram || name.ends_with("_seconds"),
                "{name}"
            );
            let others = &ALL[at + 1..];
            let same = |other: &&Metric| {
                other.name == *name || (metric.key.is_some() && other.key == metric.key)
            };
            assert!(!others.iter().copied().any(|other| same(&other)), "{name}");
        }
    }
}
