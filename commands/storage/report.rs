//! What `discordctl storage` prints.
use discordctl::ops::finding::Verdict;
use discordctl::ops::storage::{DatabaseSize, Level, Storage, TableGrowth};

use crate::output::table;
use crate::units::{bytes, growth, time};

pub(super) fn as_text(found: &Storage) -> String {
    let heading = [
        "TABLE", "ROWS", "SIZE", "INDEXES", "DEAD", "GREW", "DAYS", "STATE",
    ];
    let tables = table(heading, found.tables.iter().map(row).collect());
    let mut lines = vec![tables, String::new(), of_database(&found.database)];
    let archive = &found.archive;
    lines.push(match (archive.files, archive.bytes) {
        (Some(files), Some(size)) => {
            let size = bytes(size);
            format!("archive   {size} in {files} files, {}", archive.url)
        }
        _ => {
            let why = archive.error.as_deref().unwrap_or_default();
            format!("archive   {} could not be looked at: {why}", archive.url)
        }
    });
    for disk in &found.disks {
        let (free, of) = (bytes(disk.free_bytes), bytes(disk.bytes));
        let (at, state) = (disk.path.display(), word(disk.state));
        lines.push(format!("disk      {free} free of {of} at {at}, {state}"));
    }
    let since = found.tables.iter().find_map(|table| table.since);
    lines.push(match since.map(time) {
        Some(since) => format!("GREW is since {since}; DAYS is to the next threshold"),
        None => "this was the first look: the next tells how much grew".into(),
    });
    if let Some(why) = &found.unnoted {
        lines.push(format!(
            "this look could not be written down for the next: {why}"
        ));
    }
    lines.join("\n")
}

fn row(table: &TableGrowth) -> [String; 8] {
    let size = &table.size;
    let about = if size.exact { "" } else { "~" };
    let days = match table.state {
        Level::Ok => table.days_to_warning,
        Level::Warning => table.days_to_critical,
        Level::Critical => None,
    };
    [
        size.name.clone(),
        format!("{about}{}", size.rows),
        bytes(size.bytes),
        bytes(size.index_bytes),
        size.dead_rows.map_or("-".into(), |rows| rows.to_string()),
        table.grown_bytes.map_or("-".into(), growth),
        days.map_or("-".into(), |days| format!("{days:.0}")),
        match table.warning_bytes {
            Some(_) => word(table.state).into(),
            None => "-".into(),
        },
    ]
}

fn of_database(database: &DatabaseSize) -> String {
    let mut line = format!("database  {}", bytes(database.bytes));
    if let Some(free) = database.free_bytes {
        line += &format!(", of which {} free for new rows", bytes(free));
    }
    if let Some(wal) = database.wal_bytes {
        line += &format!("\nlog       {} beside it (-wal)", bytes(wal));
    }
    line
}

fn word(level: Level) -> &'static str {
    Verdict::from(level).as_str()
}
