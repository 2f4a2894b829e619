//! Rows that are put at the end of their room, as what is said next is.
use super::restore::{claim_places, make_room, user};
use super::{History, Row, Spot};
use crate::model::{RoomKind, RoomName};
use crate::store::StoreError;
use crate::store::session::Tx;

/// What is done with rows that are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// They are counted.
    Count,
    Append,
}

/// Whether the room `$1` has a message of that time and text by that user, or by a deleted one.
const IS_THERE: &str = "SELECT EXISTS (SELECT 1 FROM messages m
       JOIN rooms r ON r.id = m.room_id LEFT JOIN users u ON u.id = m.user_id
     WHERE @lower(r.name@c) = @lower($1@c) AND m.created_at = $2 AND m.content = $3
       AND (u.id IS NULL OR @lower(u.nickname@c) = @lower($4@c)))";
const APPEND: &str =
    "INSERT INTO messages (room_id, seq, number, user_id, content, created_at, kind)
     VALUES ($1, $2, $3, $4, $5, $6, $7)";

impl History {
    /// Puts those of these messages that the room has not at its end, in their order, with their times and
    /// with places and ids of their own; the room is made if there is none. Returns how many. Events are
    /// left out: what they were about has another place now, or is as it was.
    ///
    /// # Errors
    /// Fails where the database does; then nothing of it was done.
    pub async fn late(
        &mut self,
        (room, kind): (&RoomName, RoomKind),
        rows: &[Row],
        late: Late,
    ) -> Result<u64, StoreError> {
        let appended = async {
            let mut tx = self.session.begin_to_write().await?;
            let mut missing = Vec::new();
            for row in rows.iter().filter(|row| row.is_message()) {
                if !is_there(&mut tx, room, row).await? {
                    missing.push(row);
                }
            }
            if late == Late::Append && !missing.is_empty() {
                append(&mut tx, (room, kind), &missing).await?;
            }
            tx.commit().await?;
            Ok(missing.len() as u64)
        };
        self.session.within(appended).await
    }
}

async fn is_there(tx: &mut Tx, room: &RoomName, row: &Row) -> Result<bool, sqlx::Error> {
    let by = row.user.as_deref().unwrap_or_default();
    let (name, content) = (room.as_str(), row.content.as_str());
    let args = [
        name.into(),
        row.created_at.into(),
        content.into(),
        by.into(),
    ];
    let found: Vec<(bool,)> = tx.all(IS_THERE, &args).await?;
    Ok(found.first().is_some_and(|(there,)| *there))
}

async fn append(
    tx: &mut Tx,
    (room, kind): (&RoomName, RoomKind),
    rows: &[&Row],
) -> Result<(), sqlx::Error> {
    make_room(tx, room, kind).await?;
    let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let (room, mut spot) = claim_places(tx, room, count, Spot::default()).await?;
    for row in rows {
        spot = spot.plus(1);
        let by = match &row.user {
            Some(name) => Some(user(tx, name).await?),
            None => None,
        };
        let (content, at) = (row.content.as_str().into(), row.created_at.into());
        let kind = row
            .details
            .as_ref()
            .map_or(0, |details| i64::from(details.kind));
        let (seq, number) = (spot.seq.into(), spot.number.into());
        let args = [
            room.into(),
            seq,
            number,
            by.into(),
            content,
            at,
            kind.into(),
        ];
        tx.run(APPEND, &args).await?;
    }
    Ok(())
}
