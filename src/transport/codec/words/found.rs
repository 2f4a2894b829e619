//! What was found by a search, in words.
use super::counted;
use crate::chat::{Found, Hit};
use crate::model::format_time;

/// Characters of a message that are shown, and how many of them before what was found in it.
const SHOWN: usize = 120;
const BEFORE: usize = 30;
/// Messages in a page of the past around one that was found, and how many of them come after it.
const AROUND: i64 = 10;
const AFTER: i64 = 5;

pub(super) fn list(found: &Found) -> String {
    let Some(first) = found.hits.first() else {
        return format!("nothing was found{}", rest(found));
    };
    let count = counted(found.hits.len(), "message");
    let mut text = format!("{count} found, the newest first{}", rest(found));
    for hit in &found.hits {
        text.push_str(&format!("\n{}", line(hit)));
    }
    let (room, seq) = (first.room.shown(), first.entry.seq);
    let up_to = seq.get().saturating_add(AFTER);
    text.push_str(&format!(
        "\nwhat was said around #{seq}: /history {AROUND} {up_to}, in {room}"
    ));
    text
}

/// What else there may be, and how to see it.
fn rest(found: &Found) -> String {
    let mut text = String::new();
    if !found.complete {
        text.push_str("; part of the past could not be looked at");
    }
    if let Some(next) = found.next {
        let typed = &found.typed;
        text.push_str(&format!("; older ones: /search next:{next} {typed}"));
    }
    text
}

fn line(hit: &Hit) -> String {
    let entry = &hit.entry;
    let time = format_time(entry.created_at);
    // To the minute: 2026-11-30 12:30.
    let time = time.get(..16).unwrap_or(&time).replace('T', " ");
    let (room, seq, user) = (hit.room.shown(), entry.seq, &entry.user);
    format!("{room} #{seq} {time} {user}: {}", excerpt(hit))
}

/// The part of a message that has what was found first, as one line.
fn excerpt(hit: &Hit) -> String {
    let text = hit.entry.text();
    let found = hit.ranges.first().map_or(0, |range| range.start);
    let before = text.get(..found).map_or(0, |before| before.chars().count());
    let skipped = before.saturating_sub(BEFORE);
    let shown = text.chars().skip(skipped).take(SHOWN);
    let shown: String = shown
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let ends = skipped + SHOWN >= text.chars().count();
    let mark = |is_whole: bool| if is_whole { "" } else { "…" };
    format!("{}{shown}{}", mark(skipped == 0), mark(ends))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Entry, MessageId, Number, RoomId, RoomName, RoomRef, Seq, Uid};

    fn hit(text: &str, word: &str) -> Hit {
        let at = text.find(word).expect("it is there");
        Hit {
            entry: Entry {
                id: MessageId::new(42),
                seq: Seq::new(7),
                room: RoomName::stored("general"),
                user: "alice".into(),
                number: Number::new(7),
                what: text.into(),
                created_at: Default::default(),
            },
            room: RoomRef::stored(RoomId::new(1), Uid::new(1), "general"),
            ranges: std::iter::once(at..at + word.len()).collect(),
        }
    }

    #[test]
    fn what_was_found_is_in_the_part_that_is_shown() {
        assert_eq!(excerpt(&hit("a\nneedle", "needle")), "a needle");
        let long = format!("{} needle {}", "ä ".repeat(200), "z ".repeat(200));
        let shown = excerpt(&hit(&long, "needle"));
        assert!(shown.starts_with("…") && shown.ends_with('…'), "{shown}");
        assert!(shown.contains(" needle z"), "{shown}");
        assert_eq!(shown.chars().count(), SHOWN + 2);
    }

    #[test]
    fn a_list_says_how_to_go_on() {
        let found = |hits, next, complete| Found {
            typed: "the needle".into(),
            hits,
            next,
            complete,
        };
        assert_eq!(list(&found(vec![], None, true)), "nothing was found");
        let more = found(
            vec![hit("a needle", "needle")],
            Some(MessageId::new(42)),
            false,
        );
        assert_eq!(
            list(&more),
            "1 message found, the newest first; part of the past could not be looked at; \
             older ones: /search next:42 the needle\n\
             general #7 1970-01-01 00:00 alice: a needle\n\
             what was said around #7: /history 10 12, in general"
        );
    }
}
