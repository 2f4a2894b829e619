//! What can be asked for, a file each: a verb takes a session and answers with a reply, and
//! knows nothing of how either travels.
mod create;
mod history;
mod join;
mod leave;
mod list;
mod nick;
mod rooms;
mod send;

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Notify;

use super::command::{self, Command};
use super::{Chat, ChatError, Code, Cursor, Origin, Past, Session};
use crate::model::RoomRef;

pub use send::Sending;

/// The answer to a command.
#[derive(Debug)]
pub struct Reply {
    /// For people; may have several lines.
    pub text: String,
    /// For programs.
    pub data: Option<Value>,
    pub effect: Effect,
}

/// What a connection does about a reply.
#[derive(Debug)]
pub enum Effect {
    None,
    /// Read this room too; `None` where the session reads by streams of its own.
    Joined(RoomRef, Option<Box<Cursor>>),
    /// Read this room to where it is now.
    Left(RoomRef),
    /// Show these before anything else, oldest first.
    Past(Box<Past>),
    /// Close, after everything that is queued was written.
    Quit,
}

impl Reply {
    fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            data: None,
            effect: Effect::None,
        }
    }

    fn with_data(self, data: Value) -> Self {
        Self {
            data: Some(data),
            ..self
        }
    }

    fn with_effect(self, effect: Effect) -> Self {
        Self { effect, ..self }
    }
}

impl Chat {
    /// Does what a command line asks for. `signal` is woken by rooms that are joined, where the
    /// connection reads all its rooms; without it they are read by streams of their own.
    pub async fn command(
        &self,
        session: &Arc<Session>,
        line: &str,
        signal: Option<&Arc<Notify>>,
        origin: &Origin,
    ) -> Result<Reply, ChatError> {
        let command = command::parse(line);
        let costs = command.as_ref().map_or(1, Command::cost);
        self.charge(origin, Some(session), costs)?;
        let command = command?;
        if session.comes_and_goes() {
            self.come_back(session, &command).await?;
        }
        match command {
            Command::Help => Ok(Reply::text(command::help())),
            Command::Nick(name) => self.nick(session, &name).await,
            Command::List(filter) => self.list(filter).await,
            Command::Rooms(filter) => self.list_rooms(filter).await,
            Command::Create(room) => self.create(session, &room, signal).await,
            Command::Join(room) => self.join(session, &room, signal).await,
            Command::Leave(room) => self.leave(session, room.as_deref()).await,
            Command::History { limit, before } => self.past(session, limit, before).await,
            Command::Quit => Ok(Reply::text("goodbye").with_effect(Effect::Quit)),
        }
    }

    /// Whoever asks for something is online again. Where the nickname is somebody else's by now,
    /// that is in the way of what needs one, and not of leaving or of choosing another.
    async fn come_back(&self, session: &Session, command: &Command) -> Result<(), ChatError> {
        if matches!(command, Command::Nick(_) | Command::Quit) {
            return Ok(());
        }
        let needs_name = matches!(command, Command::Create(_) | Command::Join(_));
        match self.be_online(session).await {
            Err(error) if error.code == Code::NicknameTaken && !needs_name => Ok(()),
            other => other,
        }
    }
}

/// What is said of a list that is longer than what is shown of it.
fn shown_of(command: &str, shown: usize, count: usize) -> String {
    match shown < count {
        true => format!(
            "; the first {shown} are shown, {command} <part of a name> shows those that have it"
        ),
        false => String::new(),
    }
}

/// The plural of a counted thing, in English.
fn counted(count: usize, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}
