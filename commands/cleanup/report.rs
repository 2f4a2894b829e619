//! What `discordctl cleanup` prints.
use discordctl::ops::cleanup::{Report, RoomReport};

use crate::output::table;

/// Rooms shown to people; programs get all of them.
const SHOWN: usize = 50;

pub(super) fn as_text(report: &Report) -> String {
    if let Some(why) = &report.skipped {
        return format!("skipped: {why}");
    }
    if report.rooms.is_empty() {
        let nothing = "nothing to trim: no room has more than it keeps, and old enough";
        return format!("{nothing}{}", ahead(report));
    }
    let mut largest: Vec<&RoomReport> = report.rooms.iter().collect();
    largest.sort_by_key(|room| std::cmp::Reverse(room.candidates));
    let heading = ["ROOM", "BEYOND", "ARCHIVED", "DELETED", "LEFT", "OLDEST"];
    let rows = largest.iter().take(SHOWN).map(|room| row(room)).collect();
    let mut text = table(heading, rows);
    if report.rooms.len() > SHOWN {
        text += &format!("\n… and {} rooms more", report.rooms.len() - SHOWN);
    }
    format!("{text}\n\n{}{}", report.told(), ahead(report))
}

/// Of a clock that was wrong, or of rows written by hand.
fn ahead(report: &Report) -> String {
    match report.dated_ahead {
        0 => String::new(),
        count => format!(
            "\n{count} messages are dated later than now; they go with what was said after them"
        ),
    }
}

fn row(room: &RoomReport) -> [String; 6] {
    [
        room.room.clone(),
        room.candidates.to_string(),
        room.archived.to_string(),
        room.deleted.to_string(),
        room.left.to_string(),
        room.oldest_at.clone().unwrap_or("-".into()),
    ]
}
