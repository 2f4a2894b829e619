//! Whether an id comes twice, in one document or in two, in a bounded memory.
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::check::{Checked, explain};
use super::error::ReplayError;
use super::reader;
use super::rules::Origin;
use super::source::Source;
use crate::archive::Line;
use crate::model::MessageId;

/// As many are compared: 16 MiB of them.
const MOST: u64 = 2_000_000;

/// Fails if a document whose ids do not ascend has one twice.
pub(super) async fn distinct(
    source: &Source,
    count: u64,
    stop: &CancellationToken,
) -> Result<(), ReplayError> {
    let path = source.path();
    if count > MOST {
        return Err(ReplayError::unfit(
            &path,
            format!(
                "its ids do not ascend, and of {count} it cannot be seen whether one comes twice: sort it by id"
            ),
        ));
    }
    let ids = collect(source, Vec::with_capacity(count as usize), stop).await?;
    match twice(ids) {
        None => Ok(()),
        Some(id) => Err(ReplayError::foreign(
            &path,
            format!("the id {id} comes twice"),
        )),
    }
}

/// Fails if two documents have the same id. Those of one archive are of one database, which gives
/// none twice.
pub(super) async fn apart(
    checked: &[Checked],
    stop: &CancellationToken,
) -> Result<(), ReplayError> {
    let mut order: Vec<&Checked> = checked.iter().filter(|document| !document.lost).collect();
    order.sort_by_key(|document| document.lowest_id);
    let mut group: Vec<&Checked> = Vec::new();
    let mut end = None;
    for document in order {
        if Some(document.lowest_id) > end {
            compare(&std::mem::take(&mut group), stop).await?;
        }
        end = end.max(Some(document.highest_id));
        group.push(document);
    }
    compare(&group, stop).await
}

async fn compare(group: &[&Checked], stop: &CancellationToken) -> Result<(), ReplayError> {
    let foreign = group.iter().any(|d| d.origin == Origin::Elsewhere);
    let (Some(last), true) = (group.last(), group.len() > 1 && foreign) else {
        return Ok(());
    };
    let count: u64 = group.iter().map(|document| document.count).sum();
    if count > MOST {
        let why = "its ids lie between those of other documents here: replay one after the other";
        return Err(ReplayError::unfit(&last.path, why));
    }
    let mut ids = Vec::with_capacity(count as usize);
    for document in group {
        ids = collect(&document.source, ids, stop).await?;
    }
    match twice(ids) {
        None => Ok(()),
        Some(id) => Err(ReplayError::unfit(
            &last.path,
            format!("the id {id} is in another document here too"),
        )),
    }
}

fn twice(mut ids: Vec<MessageId>) -> Option<MessageId> {
    ids.sort_unstable();
    let pair = ids.windows(2).find(|pair| pair[0] == pair[1])?;
    Some(pair[0])
}

async fn collect(
    source: &Source,
    mut ids: Vec<MessageId>,
    stop: &CancellationToken,
) -> Result<Vec<MessageId>, ReplayError> {
    let (opened, stop) = (source.open().await?, stop.clone());
    let path = source.path();
    let read = spawn_blocking(move || {
        let take = |line: Line| {
            if ids.len() < ids.capacity() {
                ids.push(line.id);
                Ok(())
            } else {
                Err("it has more messages than a moment ago".to_owned())
            }
        };
        opened.text(|text| reader::read(text, &stop, take))?;
        Ok(ids)
    });
    let read = read
        .await
        .map_err(|e| ReplayError::bad(&path, e.to_string()))?;
    read.map_err(|fault| explain(&path, fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn twice_in(ids: &[i64]) -> Option<MessageId> {
        twice(ids.iter().copied().map(MessageId::new).collect())
    }

    #[test]
    fn an_id_that_comes_twice_is_found() {
        assert_eq!(twice_in(&[3, 2, 1]), None);
        assert_eq!(twice_in(&[3, 2, 1, 2]), Some(MessageId::new(2)));
    }
}
