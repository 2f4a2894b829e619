//! Lists of messages in words: where one is mentioned, and what is pinned in a room.
use super::{DELETED, counted};
use crate::chat::Pins;
use crate::model::{Entry, MessageId};

/// Characters of a message that a list shows.
const SHOWN: usize = 100;

pub(super) fn mentions(messages: &[Entry], next: Option<MessageId>) -> String {
    let more = if next.is_some() {
        "; there are more"
    } else {
        ""
    };
    let mut text = format!("{}{more}", counted(messages.len(), "mention"));
    for message in messages {
        text.push_str(&format!("\n{} {}", message.room, line(message)));
    }
    text
}

pub(super) fn pins(pins: &Pins) -> String {
    let more = if pins.next.is_some() {
        "; there are more"
    } else {
        ""
    };
    let count = counted(pins.messages.len(), "pinned message");
    let mut text = format!("{}: {count}{more}", pins.room);
    for message in &pins.messages {
        text.push_str(&format!("\n{}", line(message)));
    }
    text
}

/// How a message begins.
fn line(message: &Entry) -> String {
    let text = match message.text() {
        "" => DELETED,
        text => text,
    };
    let first = text.lines().next().unwrap_or_default();
    let shown: String = first.chars().take(SHOWN).collect();
    let more = if shown.len() < text.len() { "…" } else { "" };
    format!("#{} {}: {shown}{more}", message.seq, message.user)
}
