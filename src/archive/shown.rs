//! An archived row as an entry, as every reader sees it. An event tells what it was about as that is now.
use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{
    Details, Entry, Event, Gone, MOST_REACTING, Message, MessageKind, Reaction, Reactions,
    RoomName, Seq, What,
};
use crate::store::history::{self, EVENTS, Reacted, Row};

/// What events are told with: the rows of their messages, and the room's topic.
#[derive(Debug, Default)]
pub struct About {
    pub messages: HashMap<Seq, Row>,
    pub topic: Option<Arc<str>>,
    /// By nickname.
    pub display_names: HashMap<Arc<str>, Arc<str>>,
}

impl About {
    /// Takes display names by the nicknames of rows, in whatever case those are.
    pub fn name(&mut self, rows: &[Row], names: &[(String, String)]) {
        for user in rows.iter().filter_map(|row| row.user.as_ref()) {
            let named = names.iter().find(|(of, _)| of.eq_ignore_ascii_case(user));
            if let Some((_, name)) = named {
                let name = || Arc::from(name.as_str());
                self.display_names.entry(user.clone()).or_insert_with(name);
            }
        }
    }
}

/// The authors of rows, each once.
pub fn authors(rows: &[Row]) -> Vec<&str> {
    let mut authors: Vec<&str> = rows.iter().filter_map(|row| row.user.as_deref()).collect();
    authors.sort_unstable();
    authors.dedup();
    authors
}

/// The messages that these rows tell of.
pub fn targets(rows: &[Row]) -> impl Iterator<Item = Seq> {
    let events = rows.iter().filter(|row| !row.is_message());
    events.filter_map(|row| row.details.as_ref()?.target)
}

/// The row as an entry of the room.
pub fn entry(room: &RoomName, row: Row, about: &About) -> Entry {
    let details = row.details.map(|details| *details).unwrap_or_default();
    let what = if details.kind < EVENTS {
        let name = row
            .user
            .as_ref()
            .and_then(|user| about.display_names.get(user));
        What::Message(message(&row.content, &details, name.cloned()))
    } else {
        What::Event(Arc::new(event(&details, about)))
    };
    Entry {
        id: row.id,
        seq: row.seq,
        number: row.number,
        room: room.clone(),
        user: row.user.unwrap_or_else(|| "deleted-user".into()),
        created_at: row.created_at,
        what,
    }
}

fn message(content: &str, stored: &history::Details, display_name: Option<Arc<str>>) -> Message {
    let details = Details {
        display_name,
        kind: match stored.kind {
            1 => MessageKind::Action,
            2 => MessageKind::Bot,
            _ => MessageKind::Text,
        },
        thread: stored.thread,
        reply_to: stored.reply_to,
        edited_at: stored.edited_at,
        gone: stored.gone.map(|gone| match gone {
            2 => Gone::Moderator,
            3 => Gone::Erased,
            _ => Gone::Author,
        }),
        pinned: stored.pinned_at.is_some(),
        mentions: stored.mentions.clone(),
        reactions: reactions(&stored.reactions),
    };
    Message {
        content: content.into(),
        details: (details != Details::default()).then(|| Arc::new(details)),
    }
}

fn event(stored: &history::Details, about: &About) -> Event {
    let now = |target: &Seq| about.messages.get(target);
    let details = |target: &Seq| now(target).and_then(|row| row.details.as_ref());
    match (stored.kind, stored.target) {
        (10, Some(target)) => {
            let gone = details(&target).is_some_and(|details| details.gone.is_some());
            let content = now(&target)
                .filter(|_| !gone)
                .map(|row| row.content.as_str().into());
            Event::Edited { target, content }
        }
        (11, Some(target)) => Event::Deleted { target },
        (12, Some(target)) => Event::Reacted {
            reactions: details(&target)
                .map(|d| reactions(&d.reactions))
                .unwrap_or_default(),
            target,
        },
        (13, Some(target)) => Event::Pinned {
            pinned: details(&target).is_some_and(|details| details.pinned_at.is_some()),
            target,
        },
        (14, _) => Event::Topic {
            topic: about.topic.clone(),
        },
        _ => Event::Void,
    }
}

/// By emoji, the first given first, as the database tells them.
fn reactions(stored: &[Reacted]) -> Reactions {
    let mut given: Vec<&Reacted> = stored.iter().collect();
    given.sort_by_key(|reacted| reacted.at);
    let mut reactions = Reactions::new();
    for reacted in given {
        let same = |(emoji, _): &(Arc<str>, Reaction)| **emoji == *reacted.emoji;
        let at = reactions.iter().position(same).unwrap_or_else(|| {
            reactions.push((reacted.emoji.as_str().into(), Reaction::default()));
            reactions.len() - 1
        });
        let reaction = &mut reactions[at].1;
        reaction.count += 1;
        if reaction.users.len() < MOST_REACTING {
            reaction.users.push(reacted.user.clone());
        }
    }
    reactions
}
