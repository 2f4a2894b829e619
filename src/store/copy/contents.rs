//! What is in a database, to compare a copy with: rows of each table, and where each room is.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{RoomId, Seq};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// Rows by table.
    pub tables: BTreeMap<String, i64>,
    /// By id.
    pub rooms: Vec<RoomContents>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomContents {
    pub id: RoomId,
    pub name: String,
    /// As the room has it.
    pub last_seq: Seq,
    pub messages: i64,
    /// Of the messages that are there.
    pub first: Option<Seq>,
    pub last: Option<Seq>,
}

impl Contents {
    /// In what `other` is not the same, a line each.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let names = self.tables.keys().chain(other.tables.keys());
        let names: std::collections::BTreeSet<&String> = names.collect();
        for name in names {
            match (self.tables.get(name), other.tables.get(name)) {
                (Some(a), Some(b)) if a == b => {}
                (Some(a), Some(b)) => found.push(format!("table {name}: {b} rows, not {a}")),
                (Some(a), None) => found.push(format!("table {name} is missing, with {a} rows")),
                (None, _) => found.push(format!("table {name} is one too many")),
            }
        }
        for room in &self.rooms {
            match other.rooms.iter().find(|r| r.id == room.id) {
                Some(same) if same == room => {}
                Some(is) => found.push(format!(
                    "room {}: {} messages up to {} of {}, not {} up to {} of {}",
                    room.name,
                    is.messages,
                    is.last.unwrap_or_default(),
                    is.last_seq,
                    room.messages,
                    room.last.unwrap_or_default(),
                    room.last_seq,
                )),
                None => found.push(format!("room {} is missing", room.name)),
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(messages: i64) -> Contents {
        Contents {
            tables: BTreeMap::from([("messages".into(), messages), ("rooms".into(), 1)]),
            rooms: vec![RoomContents {
                id: RoomId::new(1),
                name: "general".into(),
                last_seq: Seq::new(20),
                messages,
                first: Some(Seq::new(11)),
                last: Some(Seq::new(20)),
            }],
        }
    }

    #[test]
    fn the_same_has_no_differences_and_another_has_each() {
        let (ten, nine) = (contents(10), contents(9));
        assert_eq!(ten.differences(&ten), [""; 0]);
        assert_eq!(
            ten.differences(&nine),
            [
                "table messages: 9 rows, not 10",
                "room general: 9 messages up to 20 of 20, not 10 up to 20 of 20",
            ]
        );
        assert_eq!(ten.differences(&Contents::default()).len(), 3);
    }
}
