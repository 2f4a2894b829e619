//! What `discordctl storage` prints.
use discordctl::ops::storage::{Disk, Level, Storage, TableGrowth};
use serde::Serialize;

use crate::output::table;
use crate::units::{bytes, growth, time};

#[derive(Serialize)]
pub(super) struct Report {
    state: Level,
    tables: Vec<Table>,
    database: Database,
    archive: Archive,
    disks: Vec<DiskRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unnoted: Option<String>,
}

#[derive(Serialize)]
struct Table {
    name: String,
    rows: i64,
    rows_exact: bool,
    bytes: i64,
    index_bytes: i64,
    dead_rows: Option<i64>,
    since: Option<String>,
    grown_rows: Option<i64>,
    grown_bytes: Option<i64>,
    bytes_per_day: Option<f64>,
    warning_bytes: Option<u64>,
    critical_bytes: Option<u64>,
    days_to_warning: Option<f64>,
    days_to_critical: Option<f64>,
    state: Level,
}

#[derive(Serialize)]
struct Database {
    bytes: i64,
    file: Option<String>,
    wal_bytes: Option<i64>,
    free_bytes: Option<i64>,
}

#[derive(Serialize)]
struct Archive {
    url: String,
    files: Option<u64>,
    bytes: Option<u64>,
}

#[derive(Serialize)]
struct DiskRow {
    path: String,
    bytes: u64,
    free_bytes: u64,
    state: Level,
}

impl From<Storage> for Report {
    fn from(found: Storage) -> Self {
        Self {
            state: found.level(),
            tables: found.tables.into_iter().map(Table::from).collect(),
            database: Database {
                bytes: found.database.bytes,
                file: found.database.file.map(|file| file.display().to_string()),
                wal_bytes: found.database.wal_bytes,
                free_bytes: found.database.free_bytes,
            },
            archive: Archive {
                url: found.archive.url.to_string(),
                files: found.archive.files,
                bytes: found.archive.bytes,
            },
            disks: found.disks.into_iter().map(DiskRow::from).collect(),
            unnoted: found.unnoted,
        }
    }
}

impl From<TableGrowth> for Table {
    fn from(table: TableGrowth) -> Self {
        Self {
            name: table.size.name,
            rows: table.size.rows,
            rows_exact: table.size.exact,
            bytes: table.size.bytes,
            index_bytes: table.size.index_bytes,
            dead_rows: table.size.dead_rows,
            since: table.since.map(time),
            grown_rows: table.grown_rows,
            grown_bytes: table.grown_bytes,
            bytes_per_day: table.bytes_per_day,
            warning_bytes: table.threshold.map(|at| at.warning.bytes()),
            critical_bytes: table.threshold.map(|at| at.critical.bytes()),
            days_to_warning: table.days_to_warning,
            days_to_critical: table.days_to_critical,
            state: table.level,
        }
    }
}

impl From<Disk> for DiskRow {
    fn from(disk: Disk) -> Self {
        Self {
            path: disk.path.display().to_string(),
            bytes: disk.bytes,
            free_bytes: disk.free_bytes,
            state: disk.level,
        }
    }
}

impl Report {
    pub(super) fn as_text(&self) -> String {
        let heading = [
            "TABLE", "ROWS", "SIZE", "INDEXES", "DEAD", "GREW", "DAYS", "STATE",
        ];
        let tables = table(heading, self.tables.iter().map(Table::row).collect());
        let mut lines = vec![tables, String::new(), self.database.line()];
        lines.push(match (self.archive.files, self.archive.bytes) {
            (Some(files), Some(size)) => {
                let size = bytes(i64::try_from(size).unwrap_or(i64::MAX));
                format!("archive   {size} in {files} files, {}", self.archive.url)
            }
            _ => format!("archive   {} could not be looked at", self.archive.url),
        });
        for disk in &self.disks {
            let size = |size: u64| bytes(i64::try_from(size).unwrap_or(i64::MAX));
            let (free, of) = (size(disk.free_bytes), size(disk.bytes));
            let state = word(disk.state);
            lines.push(format!(
                "disk      {free} free of {of} at {}, {state}",
                disk.path
            ));
        }
        let since = self.tables.iter().find_map(|table| table.since.as_ref());
        lines.push(match since {
            Some(since) => format!("GREW is since {since}; DAYS is to the next threshold"),
            None => "this was the first look: the next tells how much grew".into(),
        });
        if let Some(why) = &self.unnoted {
            lines.push(format!(
                "this look could not be written down for the next: {why}"
            ));
        }
        lines.join("\n")
    }
}

impl Table {
    fn row(&self) -> [String; 8] {
        let about = if self.rows_exact { "" } else { "~" };
        let days = match self.state {
            Level::Ok => self.days_to_warning,
            Level::Warning => self.days_to_critical,
            Level::Critical => None,
        };
        [
            self.name.clone(),
            format!("{about}{}", self.rows),
            bytes(self.bytes),
            bytes(self.index_bytes),
            self.dead_rows.map_or("-".into(), |rows| rows.to_string()),
            self.grown_bytes.map_or("-".into(), growth),
            days.map_or("-".into(), |days| format!("{days:.0}")),
            match self.warning_bytes {
                Some(_) => word(self.state).into(),
                None => "-".into(),
            },
        ]
    }
}

impl Database {
    fn line(&self) -> String {
        let mut line = format!("database  {}", bytes(self.bytes));
        if let Some(free) = self.free_bytes {
            line += &format!(", of which {} free for new rows", bytes(free));
        }
        if let Some(wal) = self.wal_bytes {
            line += &format!("\nlog       {} beside it (-wal)", bytes(wal));
        }
        line
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Ok => "ok",
        Level::Warning => "warning",
        Level::Critical => "critical",
    }
}
