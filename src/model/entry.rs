//! An entry of a room's log, as every reader on every instance sees it: something that was said, or an
//! event about it or about the room.
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};

use super::{MessageId, Number, RoomName, Seq};

/// One place in a room's order. `user` and what was said come from the database, where an operator
/// may have put anything: encoders escape them. As JSON it is the same object everywhere: to
/// readers over SSE and WebSocket, and between instances.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Unique over the deployment.
    pub id: MessageId,
    pub seq: Seq,
    /// How many messages there are up to here.
    pub number: Number,
    pub room: RoomName,
    pub user: Arc<str>,
    pub created_at: DateTime<Utc>,
    pub what: What,
}

/// What stands in a place.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    Message(Message),
    Event(Arc<Event>),
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Empty where it is gone.
    pub content: Arc<str>,
    /// What few messages have.
    pub details: Option<Arc<Details>>,
}

/// What a message may have beside its text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Details {
    /// The author's, shown beside the nickname.
    pub display_name: Option<Arc<str>>,
    pub kind: MessageKind,
    /// The first message of the thread that this is a reply in.
    pub thread: Option<Seq>,
    /// The message that this answers.
    pub reply_to: Option<Seq>,
    pub edited_at: Option<DateTime<Utc>>,
    pub gone: Option<Gone>,
    pub pinned: bool,
    /// The nicknames that it calls.
    pub mentions: Vec<Arc<str>>,
    pub reactions: Reactions,
}

named! {
    /// In which voice a message is said. The names are part of the interface.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub enum MessageKind {
        #[default]
        Text => "text",
        Action => "action",
        Bot => "bot",
    }
}

/// Why a message's text is not there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// Its author deleted it.
    Author,
    Moderator,
    Erased,
}

/// An event: what was done to a message, as that looks when the event is read. So it is never older than
/// what the event did, and to be told twice does no harm.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Edited {
        target: Seq,
        /// `None` where the message is gone by now.
        content: Option<Arc<str>>,
    },
    Deleted {
        target: Seq,
    },
    Reacted {
        target: Seq,
        reactions: Reactions,
    },
    Pinned {
        target: Seq,
        pinned: bool,
    },
    Topic {
        topic: Option<Arc<str>>,
    },
    /// A later one made it superfluous: nothing but its place is left.
    Void,
}

/// Reactions by emoji, the first given first.
pub type Reactions = Vec<(Arc<str>, Reaction)>;

/// Of one emoji.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Reaction {
    pub count: u64,
    /// The first users that gave it, at most [`MOST_REACTING`].
    pub users: Vec<Arc<str>>,
}

/// People that are named for one emoji; the others are counted.
pub const MOST_REACTING: usize = 20;

impl Entry {
    pub fn message(&self) -> Option<&Message> {
        match &self.what {
            What::Message(message) => Some(message),
            What::Event(_) => None,
        }
    }

    pub fn is_message(&self) -> bool {
        matches!(self.what, What::Message(_))
    }

    /// The text that stands in it: of a message, or of an edit.
    pub fn text(&self) -> &str {
        match &self.what {
            What::Message(message) => &message.content,
            What::Event(event) => match &**event {
                Event::Edited { content, .. } => content.as_deref().unwrap_or_default(),
                Event::Topic { topic } => topic.as_deref().unwrap_or_default(),
                _ => "",
            },
        }
    }

    /// The message that this is or is about.
    pub fn about(&self) -> Option<Seq> {
        match &self.what {
            What::Message(_) => Some(self.seq),
            What::Event(event) => event.target(),
        }
    }

    /// This as it is after a later event; `None` where that changes nothing.
    pub fn after(&self, at: DateTime<Utc>, event: &Event) -> Option<Self> {
        let what = match &self.what {
            What::Message(message) if event.target() == Some(self.seq) => {
                What::Message(message.after(at, event)?)
            }
            What::Message(_) => return None,
            What::Event(before) => What::Event(Arc::new(before.after(event)?)),
        };
        Some(Self {
            what,
            ..self.clone()
        })
    }
}

impl From<Arc<str>> for What {
    fn from(content: Arc<str>) -> Self {
        let details = None;
        Self::Message(Message { content, details })
    }
}

impl From<&str> for What {
    fn from(content: &str) -> Self {
        Arc::<str>::from(content).into()
    }
}

impl Message {
    fn after(&self, at: DateTime<Utc>, event: &Event) -> Option<Self> {
        let mut details = self.details.as_deref().cloned().unwrap_or_default();
        if details.gone.is_some() {
            return None;
        }
        let mut content = self.content.clone();
        match event {
            Event::Edited {
                content: Some(text),
                ..
            } => {
                content = text.clone();
                details.edited_at = Some(at);
            }
            Event::Edited { content: None, .. } | Event::Deleted { .. } => {
                content = Arc::default();
                details = details.of_gone();
            }
            Event::Reacted { reactions, .. } => details.reactions.clone_from(reactions),
            Event::Pinned { pinned, .. } => details.pinned = *pinned,
            Event::Topic { .. } | Event::Void => return None,
        }
        let details = Some(Arc::new(details));
        Some(Self { content, details })
    }
}

impl Details {
    /// What is left of them where the text goes: what the message was a part of.
    fn of_gone(self) -> Self {
        Self {
            display_name: self.display_name,
            kind: self.kind,
            thread: self.thread,
            reply_to: self.reply_to,
            gone: Some(Gone::Author),
            ..Self::default()
        }
    }
}

impl Event {
    /// The message that it is about.
    pub fn target(&self) -> Option<Seq> {
        match self {
            Self::Edited { target, .. }
            | Self::Deleted { target }
            | Self::Reacted { target, .. }
            | Self::Pinned { target, .. } => Some(*target),
            Self::Topic { .. } | Self::Void => None,
        }
    }

    /// Its name on every wire.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Edited { .. } => "edit",
            Self::Deleted { .. } => "delete",
            Self::Reacted { .. } => "reaction",
            Self::Pinned { .. } => "pin",
            Self::Topic { .. } => "topic",
            Self::Void => "void",
        }
    }

    /// This as it looks after a later one; `None` where that changes nothing of it.
    fn after(&self, later: &Self) -> Option<Self> {
        let gone = matches!(
            later,
            Self::Deleted { .. } | Self::Edited { content: None, .. }
        );
        let same = self.target() == later.target();
        match (self, later) {
            (Self::Topic { .. }, Self::Topic { .. }) => Some(later.clone()),
            (Self::Edited { target, .. }, _) if same && gone => Some(Self::Edited {
                target: *target,
                content: None,
            }),
            (Self::Reacted { target, .. }, _) if same && gone => Some(Self::Reacted {
                target: *target,
                reactions: Reactions::new(),
            }),
            (Self::Pinned { target, .. }, _) if same && gone => Some(Self::Pinned {
                target: *target,
                pinned: false,
            }),
            (Self::Edited { .. }, Self::Edited { .. })
            | (Self::Reacted { .. }, Self::Reacted { .. })
            | (Self::Pinned { .. }, Self::Pinned { .. })
                if same =>
            {
                Some(later.clone())
            }
            _ => None,
        }
    }
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("seq", &self.seq)?;
        map.serialize_entry("room", &self.room)?;
        map.serialize_entry("user", &self.user)?;
        match &self.what {
            What::Message(message) => {
                map.serialize_entry("content", &message.content)?;
                map.serialize_entry("created_at", &Rfc3339(self.created_at))?;
                map.serialize_entry("number", &self.number)?;
                if let Some(details) = &message.details {
                    details.serialize_into(&mut map)?;
                }
            }
            What::Event(event) => {
                map.serialize_entry("created_at", &Rfc3339(self.created_at))?;
                map.serialize_entry("number", &self.number)?;
                event.serialize_into(&mut map)?;
            }
        }
        map.end()
    }
}

impl Details {
    fn serialize_into<M: serde::ser::SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        if let Some(name) = &self.display_name {
            map.serialize_entry("display_name", name)?;
        }
        if self.kind != MessageKind::Text {
            map.serialize_entry("kind", self.kind.as_str())?;
        }
        if let Some(thread) = self.thread {
            map.serialize_entry("thread", &thread)?;
        }
        if let Some(reply_to) = self.reply_to {
            map.serialize_entry("reply_to", &reply_to)?;
        }
        if let Some(edited_at) = self.edited_at {
            map.serialize_entry("edited_at", &Rfc3339(edited_at))?;
        }
        if self.gone.is_some() {
            map.serialize_entry("deleted", &true)?;
        }
        if self.pinned {
            map.serialize_entry("pinned", &true)?;
        }
        if !self.mentions.is_empty() {
            map.serialize_entry("mentions", &self.mentions)?;
        }
        if !self.reactions.is_empty() {
            map.serialize_entry("reactions", &ByEmoji(&self.reactions))?;
        }
        Ok(())
    }
}

impl Event {
    fn serialize_into<M: serde::ser::SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        if let Some(target) = self.target() {
            map.serialize_entry("target", &target)?;
        }
        match self {
            Self::Edited { content, .. } => match content {
                Some(content) => map.serialize_entry("content", content),
                None => map.serialize_entry("deleted", &true),
            },
            Self::Reacted { reactions, .. } => {
                map.serialize_entry("reactions", &ByEmoji(reactions))
            }
            Self::Pinned { pinned, .. } => map.serialize_entry("pinned", pinned),
            Self::Topic { topic } => map.serialize_entry("topic", topic),
            Self::Deleted { .. } | Self::Void => Ok(()),
        }
    }
}

struct ByEmoji<'r>(&'r Reactions);

impl Serialize for ByEmoji<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(emoji, of)| (emoji, of)))
    }
}

struct Rfc3339(DateTime<Utc>);

impl Serialize for Rfc3339 {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format_time(self.0))
    }
}

/// RFC 3339 in UTC with milliseconds: the one form of a time on every wire and in every file.
pub fn format_time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}
