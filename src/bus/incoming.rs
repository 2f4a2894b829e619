//! An entry as other instances tell it: read with doubt.
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::wire::Junk;
use crate::model::{
    Content, Details, DisplayName, Entry, Event, MAX_CHARS, Message, MessageId, MessageKind,
    Nickname, Number, Reaction, Reactions, RoomName, Seq, What,
};

/// The object that is published. `instance` must be there but is not looked at: our own entries come back
/// too, and the relay drops what it has. To ignore them by name would make two instances that were given
/// one name by mistake deaf to each other.
#[derive(Deserialize)]
pub(super) struct Incoming<'a> {
    id: MessageId,
    seq: Seq,
    /// Older versions do not say it.
    #[serde(default)]
    number: Number,
    #[serde(borrow)]
    pub(super) room: Cow<'a, str>,
    #[serde(borrow)]
    user: Cow<'a, str>,
    created_at: DateTime<Utc>,
    #[serde(borrow, rename = "instance")]
    _instance: Cow<'a, str>,
    /// Which past it is of; older versions do not say.
    #[serde(default, borrow)]
    pub(super) epoch: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(super) timeline: Option<i64>,
    #[serde(default, borrow)]
    event: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    content: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    display_name: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(default)]
    thread: Option<Seq>,
    #[serde(default)]
    reply_to: Option<Seq>,
    #[serde(default)]
    mentions: Vec<Arc<str>>,
    #[serde(default)]
    target: Option<Seq>,
    #[serde(default)]
    pinned: bool,
    #[serde(default)]
    reactions: ByEmoji,
    #[serde(default)]
    topic: Option<Arc<str>>,
}

impl Incoming<'_> {
    pub(super) fn entry(self, room: RoomName) -> Result<Entry, Junk> {
        if self.id.get() < 1 || self.seq < Seq::FIRST || self.number < Number::default() {
            return Err(Junk::Place);
        }
        let user = Nickname::parse_old(&self.user).map_err(|_| Junk::User)?;
        let (id, seq, number, created_at) = (self.id, self.seq, self.number, self.created_at);
        Ok(Entry {
            id,
            seq,
            number,
            room,
            user: user.shared(),
            created_at,
            what: self.what()?,
        })
    }

    fn what(self) -> Result<What, Junk> {
        let Some(name) = self.event.as_deref() else {
            return self.message();
        };
        let target = self.target.filter(|target| *target >= Seq::FIRST);
        let target = target.ok_or(Junk::Place);
        Ok(What::Event(Arc::new(match name {
            "edit" => Event::Edited {
                target: target?,
                content: self.content.as_deref().map(content).transpose()?,
            },
            "delete" => Event::Deleted { target: target? },
            "reaction" => Event::Reacted {
                target: target?,
                reactions: self.reactions.0,
            },
            "pin" => Event::Pinned {
                target: target?,
                pinned: self.pinned,
            },
            "topic" => Event::Topic { topic: self.topic },
            _ => return Err(Junk::Event),
        })))
    }

    fn message(self) -> Result<What, Junk> {
        let named = |name: &str| {
            let mut all = MessageKind::ALL.iter().copied();
            all.find(|kind| kind.as_str() == name)
        };
        let kind = match self.kind.as_deref() {
            Some(name) => named(name).ok_or(Junk::Event)?,
            None => MessageKind::Text,
        };
        let display_name = self.display_name.as_deref().map(display_name);
        let details = Details {
            display_name: display_name.transpose()?,
            kind,
            thread: self.thread,
            reply_to: self.reply_to,
            mentions: self.mentions,
            ..Details::default()
        };
        Ok(What::Message(Message {
            content: content(self.content.as_deref().unwrap_or_default())?,
            details: (details != Details::default()).then(|| Arc::new(details)),
        }))
    }
}

/// A display name that can be one.
fn display_name(claimed: &str) -> Result<Arc<str>, Junk> {
    let name = DisplayName::parse(claimed).map_err(|_| Junk::User)?;
    Ok(name.as_str().into())
}

/// A text as it would have been stored, which is as it is: a stray CRLF was never committed.
fn content(claimed: &str) -> Result<Arc<str>, Junk> {
    match Content::parse(claimed, MAX_CHARS) {
        Ok(content) if *content.shared() == *claimed => Ok(content.shared()),
        _ => Err(Junk::Content),
    }
}

/// Reactions in the order in which they are written.
#[derive(Default)]
struct ByEmoji(Reactions);

#[derive(Deserialize)]
struct Given {
    count: u64,
    users: Vec<Arc<str>>,
}

impl<'de> Deserialize<'de> for ByEmoji {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(InOrder)
    }
}

struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = ByEmoji;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("reactions by emoji")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ByEmoji, A::Error> {
        let mut reactions = Reactions::new();
        while let Some((emoji, Given { count, users })) = map.next_entry::<Arc<str>, Given>()? {
            reactions.push((emoji, Reaction { count, users }));
        }
        Ok(ByEmoji(reactions))
    }
}
