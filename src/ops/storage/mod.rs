//! How large everything is, how fast it grows, and when that will be too much.
mod archive;
mod growth;

use chrono::Duration;

use crate::config::Config;
use crate::process::disk;
use crate::store::upkeep::{DatabaseSize, Upkeep};

pub use crate::config::Level;
pub use crate::process::disk::Disk;
pub use crate::store::StoreError;
pub use archive::ArchiveSize;
pub use growth::TableGrowth;

/// Between two looks that are written down: growth is told since the last of them.
const NOTE_EVERY: Duration = Duration::hours(1);

#[derive(Debug, Clone)]
pub struct Storage {
    pub database: DatabaseSize,
    pub tables: Vec<TableGrowth>,
    pub archive: ArchiveSize,
    pub disks: Vec<Disk>,
    /// Why this look could not be written down for the next.
    pub unnoted: Option<String>,
}

impl Storage {
    /// The worst counts.
    pub fn level(&self) -> Level {
        let tables = self.tables.iter().map(|table| table.level);
        let disks = self.disks.iter().map(|disk| disk.level);
        tables.chain(disks).max().unwrap_or(Level::Ok)
    }
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
    let unnoted = match recent || dry_run {
        true => None,
        // A disk that is full is what the operator wants to see.
        false => upkeep.note(&sizes).await.err().map(|e| e.to_string()),
    };
    let tables = sizes.into_iter().map(|size| {
        let threshold = threshold(config, &size.name);
        TableGrowth::of(size, threshold, &looks, now)
    });
    let tables = tables.collect();
    let archive = archive::size(&config.archive.url).await;
    let mut places = disk::folders(config);
    places.extend(archive.folder.clone());
    Ok(Storage {
        disks: disk::disks(&places),
        database,
        tables,
        archive,
        unnoted,
    })
}

fn threshold(
    config: &Config,
    table: &str,
) -> Option<crate::config::Threshold<crate::config::ByteSize>> {
    match table {
        "messages" => Some(config.thresholds.messages_table),
        "users" => Some(config.thresholds.users_table),
        "rooms" => Some(config.thresholds.rooms_table),
        _ => None,
    }
}
