//! What lies beside documents, made where it is missing: older versions made none, and it may be deleted.
use std::collections::HashSet;

use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use crate::archive::digest::Sum;
use crate::archive::document::Sealed;
use crate::archive::{ArchiveError, Destination, Entry, Manifest, path};

/// Makes it for each document, until it is stopped. Returns for how many.
///
/// # Errors
/// Fails where the archive cannot be used. A damaged document is passed over: `verify` tells of it.
pub async fn complete(
    destination: &Destination,
    words: bool,
    stop: &CancellationToken,
) -> Result<u64, ArchiveError> {
    let manifest = Manifest::load(destination).await?;
    let there: HashSet<String> = destination.list("rooms").await?.into_iter().collect();
    let lacks = |entry: &&Entry| {
        let words = words && !there.contains(&path::words(&entry.path));
        // One that is packed in one piece has no places.
        let places = !entry.path.ends_with(".zst") && !there.contains(&path::places(&entry.path));
        words || places
    };
    let mut completed = 0;
    for entry in manifest.entries().iter().filter(lacks) {
        if stop.is_cancelled() {
            break;
        }
        completed += u64::from(one(destination, entry, words).await?);
    }
    Ok(completed)
}

async fn one(destination: &Destination, entry: &Entry, words: bool) -> Result<bool, ArchiveError> {
    let Some((bytes, _)) = destination.get(&entry.path).await? else {
        return Ok(false);
    };
    let of = entry.clone();
    let sealed = spawn_blocking(move || match Sum::of(&bytes).difference(&of) {
        Some(_) => Ok(None),
        None => Sealed::again(of, bytes).map(Some),
    });
    let sealed = sealed
        .await
        .map_err(|e| ArchiveError::Inside(e.to_string()))?;
    let Ok(Some(sealed)) = sealed else {
        return Ok(false);
    };
    if let Some(places) = &sealed.places {
        let path = path::places(&entry.path);
        destination.put(&path, places.to_bytes()?).await?;
    }
    if let Some(index) = sealed.words.filter(|_| words) {
        destination.put(&path::words(&entry.path), index).await?;
    }
    Ok(true)
}
