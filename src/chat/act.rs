//! The one door: whatever a client asks for, over whichever transport, is asked for here.
use super::command::Need;
use super::{Actor, Chat, ChatError, Code, Command, Outcome, Session};
use crate::model::TransportKind;
use crate::policy;

impl Chat {
    /// Does what `actor` asks for, if it may.
    ///
    /// # Errors
    /// Says what was refused, or what failed, as values: the codecs have the words.
    pub async fn act(&self, actor: &Actor, command: Command) -> Result<Outcome, ChatError> {
        // What is refused has been asked for, and costs as much.
        self.charge(actor, command.cost())?;
        policy::allow(actor.role(), command.action(), command.room(actor))?;
        if actor.transport() == TransportKind::Http
            && let Some(session) = actor.session()
        {
            self.come_back(session, command.need()).await?;
        }
        match command {
            Command::Send {
                room,
                content,
                nonce,
            } => {
                let room = self.target(actor, &room).await?;
                let sending = self.send(actor, room, &content, nonce.as_deref())?;
                Ok(Outcome::Sending(sending))
            }
            Command::Connect { nickname } => {
                let session = self.connect(actor, nickname.as_deref()).await?;
                Ok(Outcome::Connected(session))
            }
            Command::Resume { secret } => {
                let session = self.resume(&secret, actor.transport()).await?;
                Ok(Outcome::Connected(session))
            }
            Command::Rejoin { rooms } => {
                Ok(Outcome::Rejoined(self.rejoin_all(actor, rooms).await?))
            }
            Command::Disconnect => {
                self.disconnect(actor.known()?).await?;
                Ok(Outcome::Disconnected)
            }
            Command::Help => Ok(Outcome::Help),
            Command::Quit => Ok(Outcome::Goodbye),
            Command::Rename { nickname } => self.rename(actor.known()?, &nickname).await,
            Command::Users { page, total } => self.users(page, total).await,
            Command::Rooms { page, total } => self.rooms(page, total).await,
            Command::Create { room } => self.create(actor, &room).await,
            Command::Join { room } => self.join(actor, &room).await,
            Command::Leave { room } => self.leave(actor.known()?, room.as_deref()).await,
            Command::Read { room, start } => self.read(actor, &room, start).await,
            Command::History {
                room,
                before,
                limit,
            } => {
                let room = self.target(actor, &room).await?;
                self.history(actor, room, before, limit).await
            }
        }
    }

    /// A session that comes and goes by requests is online again when it asks for something.
    /// Where its nickname is another's by now, that is in the way of what needs one.
    async fn come_back(&self, session: &Session, need: Need) -> Result<(), ChatError> {
        if need == Need::Nothing {
            return Ok(());
        }
        match self.be_online(session).await {
            Err(error) if error.code() == Code::NicknameTaken && need == Need::Presence => Ok(()),
            other => other,
        }
    }
}
