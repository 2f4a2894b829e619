//! Words leave the index as they leave the messages: also those of messages that only the archive still has.
use std::sync::Arc;

use super::EraseError;
use crate::clock::SystemClock;
use crate::search::write::{Gone, Writer};
use crate::store::history::{Erasure, History, RoomStand, Scope};
use crate::store::search::Desk;

/// Takes what was erased out of the packs, in the place of the instance that writes them otherwise. It goes on
/// when this is over.
pub(super) async fn erase(
    url: &str,
    history: &mut History,
    erasures: &[Erasure],
    stands: &[RoomStand],
) -> Result<(), EraseError> {
    let mut gone = Vec::new();
    for erasure in erasures {
        let until = erasure.at.timestamp_millis();
        match erasure.scope() {
            Some(Scope::Part { room, from, to }) => {
                let of = stands.iter().filter(|stand| stand.room.key.uid == room);
                gone.extend(of.map(|stand| Gone::Part {
                    room: stand.room.key.id,
                    from,
                    to,
                    until,
                }));
            }
            Some(Scope::Person(uid)) => {
                let user = history.person_of(uid).await?;
                gone.extend(user.map(|user| Gone::Author { user, until }));
            }
            None => {}
        }
    }
    if gone.is_empty() {
        return Ok(());
    }
    let desk = Arc::new(Desk::open(url, "discordctl erase").await?);
    let removed = remove(desk.clone(), &gone).await;
    desk.close().await;
    removed
}

async fn remove(desk: Arc<Desk>, gone: &[Gone]) -> Result<(), EraseError> {
    let writer = Writer::new(desk, Arc::new(SystemClock), Arc::default());
    let Some(mut term) = writer.term(true).await? else {
        return Ok(());
    };
    let removed = async {
        term.remove(gone).await?;
        // What another was writing may have the words, too.
        term.delete_all_dead().await
    };
    let removed = removed.await;
    term.leave().await;
    Ok(removed?)
}
