//! The settings of a room: topic, slow mode, kind and overrides of the role table.
use serde_json::Value;

use super::{Actor, Chat, ChatError, Outcome};
use crate::chat::Place;
use crate::model::{RoomKind, Topic};
use crate::policy::Overrides;
use crate::store::{Changed, Operation, Record, RoomChange};

/// Between two messages of one person, at most: six hours.
const SLOWEST: u64 = 6 * 3600;

/// What is to be otherwise in a room.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// An empty one is none.
    pub topic: Option<String>,
    /// Seconds; 0 is as fast as one likes.
    pub slow: Option<u64>,
    pub kind: Option<RoomKind>,
    /// Actions and the roles that they take here; null is the usual one.
    pub allow: Option<Value>,
    /// Whether the room shows its readers.
    pub seen: Option<bool>,
}

/// A room's settings as they are.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomAs {
    pub kind: RoomKind,
    pub topic: Option<String>,
    /// Seconds; 0 is as fast as one likes.
    pub slow: u32,
    /// Actions and the roles that they take here, where those are not the usual.
    pub allow: Overrides,
    /// The room shows its readers.
    pub seen: bool,
}

impl Chat {
    pub(in crate::chat) async fn set_room(
        &self,
        actor: &Actor,
        place: Place,
        settings: Settings,
    ) -> Result<Outcome, ChatError> {
        if settings == Settings::default() {
            let (room, stood) = place.stood()?;
            return Ok(Outcome::RoomSet {
                room: room.name,
                topic: Some(stood.topic().unwrap_or_default().to_owned()),
                slow: None,
                now: stood.settings(),
            });
        }
        let scene = self.scene(actor, place)?;
        let topic = settings.topic.as_deref().map(topic).transpose()?;
        let slow = settings.slow.map(slow).transpose()?;
        if settings.kind == Some(RoomKind::Direct) || scene.stood.kind() == RoomKind::Direct {
            let why = "a direct room stays one, and no other becomes one";
            return Err(ChatError::BadRequest(why.into()));
        }
        let mut now = scene.stood.settings();
        let allow = match &settings.allow {
            None => None,
            Some(changes) => {
                let changed = now.allow.changed(changes);
                now.allow = changed.map_err(|e| ChatError::BadRequest(e.to_string()))?;
                Some(now.allow.to_json().unwrap_or_default())
            }
        };
        now.kind = settings.kind.unwrap_or(now.kind);
        now.slow = slow.unwrap_or(now.slow);
        now.seen = settings.seen.unwrap_or(now.seen);
        if let Some(topic) = &topic {
            now.topic = Some(topic.as_str().to_owned()).filter(|topic| !topic.is_empty());
        }
        let change = RoomChange {
            topic: topic.as_ref().map(Topic::as_str),
            slow,
            kind: settings.kind,
            allow: allow.as_deref(),
            seen: settings.seen,
        };
        let detail = change.in_words();
        let record = Record {
            actor: scene.actor.as_str(),
            action: "room",
            room: Some(scene.room.name.as_str()),
            detail: Some(&detail),
            ..Record::default()
        };
        self.store()
            .change_room(scene.room.key, &change, &record)
            .await?;
        self.rights_changed_here(&Changed::of_all_in(scene.room.key));
        if let Some(topic) = &topic {
            let topic = Some(topic.as_str()).filter(|topic| !topic.is_empty());
            let topic = topic.map(Into::into);
            self.commit(actor, &scene.room, &scene.stood, Operation::Topic { topic })
                .await?;
        }
        Ok(Outcome::RoomSet {
            room: scene.room.name,
            topic: topic.map(|topic| topic.as_str().to_owned()),
            slow,
            now,
        })
    }
}

/// A topic as a client typed it.
pub(in crate::chat::verbs) fn topic(typed: &str) -> Result<Topic, ChatError> {
    Topic::parse(typed).map_err(|error| ChatError::BadRequest(error.to_string()))
}

fn slow(seconds: u64) -> Result<u32, ChatError> {
    let fits = u32::try_from(seconds).ok().filter(|_| seconds <= SLOWEST);
    fits.ok_or_else(|| ChatError::BadRequest("slow mode is at most six hours, or off".into()))
}
