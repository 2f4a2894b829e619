//! How large everything is, how fast it grows, and when that will be too much.
mod growth;

use std::path::Path;

use chrono::Duration;
use serde::Serialize;

use super::deadline::Deadline;
use super::probe;
use crate::config::{ArchiveUrl, ByteSize, Config, Threshold};
use crate::process::disk;
use crate::store::upkeep::Upkeep;

pub use crate::config::Level;
pub use crate::process::disk::Disk;
pub use crate::store::StoreError;
pub use crate::store::upkeep::DatabaseSize;
pub use growth::TableGrowth;

/// For a bucket to say what it holds.
const ARCHIVE_WITHIN: std::time::Duration = std::time::Duration::from_secs(10);
/// Between two looks that are written down: growth is told since the last of them.
const NOTE_EVERY: Duration = Duration::hours(1);

/// What the archive takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ArchiveSize {
    pub url: ArchiveUrl,
    /// None where it could not be looked at.
    pub files: Option<u64>,
    pub bytes: Option<u64>,
    /// Why it could not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl ArchiveSize {
    async fn of(url: &ArchiveUrl) -> Self {
        let deadline = Deadline::after(ARCHIVE_WITHIN);
        let (holds, error) = match probe::archive::look(url, deadline).await {
            Ok(holds) => (Some(holds), None),
            Err(error) => (None, Some(error)),
        };
        Self {
            url: url.clone(),
            files: holds.map(|holds| holds.files),
            bytes: holds.map(|holds| holds.bytes),
            error,
        }
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct Storage {
    /// The worst of all tables and disks.
    pub state: Level,
    pub tables: Vec<TableGrowth>,
    pub database: DatabaseSize,
    pub archive: ArchiveSize,
    pub disks: Vec<Disk>,
    /// Why this look could not be written down for the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unnoted: Option<String>,
}

/// Looks at everything, and writes down what the tables are for the next look; not with
/// `dry_run`.
pub async fn look(config: &Config, upkeep: &Upkeep, dry_run: bool) -> Result<Storage, StoreError> {
    let (database, sizes, now) = (
        upkeep.size().await?,
        upkeep.tables().await?,
        upkeep.now().await?,
    );
    let looks = upkeep.looks().await?;
    let recent = looks.iter().any(|look| now - look.seen_at < NOTE_EVERY);
    let unnoted = if recent || dry_run {
        None
    } else {
        // A disk that is full is what the operator wants to see.
        upkeep.note(&sizes).await.err().map(|e| e.to_string())
    };
    let tables = sizes.into_iter().map(|size| {
        let threshold = threshold(config, &size.name);
        TableGrowth::of(size, threshold, &looks, now)
    });
    let tables: Vec<_> = tables.collect();
    let mut places = disk::folders(config);
    places.extend(config.archive.url.path().map(Path::to_owned));
    let disks = disk::disks(&places);
    let levels = tables.iter().map(|table| table.state);
    let levels = levels.chain(disks.iter().map(|disk| disk.state));
    Ok(Storage {
        state: levels.max().unwrap_or(Level::Ok),
        archive: ArchiveSize::of(&config.archive.url).await,
        tables,
        database,
        disks,
        unnoted,
    })
}

fn threshold(config: &Config, table: &str) -> Option<Threshold<ByteSize>> {
    match table {
        "messages" => Some(config.thresholds.messages_table),
        "users" => Some(config.thresholds.users_table),
        "rooms" => Some(config.thresholds.rooms_table),
        _ => None,
    }
}
