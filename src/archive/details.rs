//! What few entries have beside their text, as documents write and read it.
use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::Seq;
use crate::store::history::{Details, Reacted, Root};

/// A number that is stored and has a name in documents. One that this program does not know is written as
/// it is.
macro_rules! code {
    ($(#[$doc:meta])* $name:ident { $($code:literal => $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub(crate) struct $name(pub(crate) i16);

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                match self.0 {
                    $($code => to.serialize_str($word),)+
                    other => to.serialize_i16(other),
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                match Word::deserialize(from)? {
                    Word::Code(code) => Ok(Self(code)),
                    Word::Name(name) => match name.as_str() {
                        $($word => Ok(Self($code)),)+
                        _ => Err(D::Error::custom(concat!(
                            "expected one of" $(, " ", $word)+
                        ))),
                    },
                }
            }
        }
    };
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Word {
    Code(i16),
    Name(String),
}

code! {
    /// What an entry is.
    Kind {
        0 => "text", 1 => "action", 2 => "bot", 10 => "edited", 11 => "deleted", 12 => "reacted",
        13 => "pinned", 14 => "topic", 99 => "void",
    }
}
code! {
    /// Why a text is not there any more.
    Gone { 1 => "author", 2 => "moderator", 3 => "erased" }
}

/// A reaction as a document holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reaction<'a> {
    pub(crate) emoji: Cow<'a, str>,
    pub(crate) user: Cow<'a, str>,
    #[serde(serialize_with = "write", deserialize_with = "super::time::read")]
    pub(crate) at: DateTime<Utc>,
}

/// The replies to the first message of a thread, as they stood when it was archived.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Replies {
    pub(crate) count: i64,
    pub(crate) last_seq: Seq,
    #[serde(serialize_with = "write", deserialize_with = "super::time::read")]
    pub(crate) last_at: DateTime<Utc>,
}

/// The keys that follow those of every message.
#[derive(Serialize)]
struct Keys<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<Kind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Seq>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread: Option<Seq>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<Seq>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "write_if")]
    edited_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gone: Option<Gone>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "write_if")]
    pinned_at: Option<DateTime<Utc>>,
    /// Only where it does not follow from the reactions.
    #[serde(skip_serializing_if = "Option::is_none")]
    reacted: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reactions: Vec<Reaction<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mentions: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replies: Option<Replies>,
}

fn write<S: Serializer>(time: &DateTime<Utc>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true))
}

fn write_if<S: Serializer>(time: &Option<DateTime<Utc>>, to: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => write(time, to),
        None => to.serialize_none(),
    }
}

/// Writes these as further keys of an object that has some and is not closed; closes it.
pub(crate) fn close_with(details: &Details, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let reacted = !details.reactions.is_empty();
    let keys = Keys {
        kind: (details.kind != 0).then_some(Kind(details.kind)),
        target: details.target,
        thread: details.thread,
        reply_to: details.reply_to,
        edited_at: details.edited_at,
        gone: details.gone.map(Gone),
        pinned_at: details.pinned_at,
        reacted: (details.reacted != reacted).then_some(details.reacted),
        reactions: details.reactions.iter().map(Reaction::of).collect(),
        mentions: details.mentions.iter().map(|name| &**name).collect(),
        replies: details.root.as_ref().map(Replies::of),
    };
    let begin = out.len();
    serde_json::to_writer(&mut *out, &keys)?;
    if out.len() > begin + "{}".len() {
        out[begin] = b',';
    } else {
        out.truncate(begin);
        out.push(b'}');
    }
    Ok(())
}

impl<'a> Reaction<'a> {
    fn of(reacted: &'a Reacted) -> Self {
        Self {
            emoji: reacted.emoji.as_str().into(),
            user: (&*reacted.user).into(),
            at: reacted.at,
        }
    }
}

impl Replies {
    fn of(root: &Root) -> Self {
        Self {
            count: root.replies,
            last_seq: root.last_seq,
            last_at: root.last_at,
        }
    }
}
