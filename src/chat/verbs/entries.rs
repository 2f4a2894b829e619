//! What is done to a message after it was said: an entry of the log each.
use super::{Actor, Chat, ChatError, Outcome};
use crate::chat::rights::Stood;
use crate::chat::{Changed, Place, Receipt};
use crate::delivery::Outgoing;
use crate::model::{Content, Emoji, Gone, Role, RoomRef, Seq, UserKey};
use crate::policy::Action;
use crate::store::{Authored, Giving, Operation, Record};

/// Emoji that one message may have.
pub const MOST_EMOJI: usize = 20;

impl Chat {
    /// One message.
    pub(in crate::chat) async fn message(
        &self,
        place: Place,
        seq: Seq,
    ) -> Result<Outcome, ChatError> {
        let entry = self.hub.entry(&place.room()?, seq).await?;
        entry.map(Outcome::Message).ok_or(ChatError::NoSuchMessage)
    }

    /// Another text in the place of what one said oneself.
    pub(in crate::chat) async fn edit(
        &self,
        actor: &Actor,
        place: Place,
        target: Seq,
        text: &str,
    ) -> Result<Outcome, ChatError> {
        let (room, stood) = place.stood()?;
        let content = Content::parse(text, self.limiter.live().message_chars())?.shared();
        let author = self.author_of(&room, target).await?;
        if author.user != actor.known()?.user() {
            return Err(ChatError::NotOwn);
        }
        let operation = Operation::Edit { target, content };
        let receipt = self.commit(actor, &room, &stood, operation).await?;
        Ok(changed(Changed::Edited, &room, target, receipt))
    }

    /// Takes away a text: one's own, or that of another person below oneself where one may.
    pub(in crate::chat) async fn delete(
        &self,
        actor: &Actor,
        place: Place,
        target: Seq,
    ) -> Result<Outcome, ChatError> {
        let (room, stood) = place.stood()?;
        let author = self.author_of(&room, target).await?;
        let own = author.user.is_some() && author.user == actor.known()?.user();
        let why = if own { Gone::Author } else { Gone::Moderator };
        if !own {
            self.allow_in(actor, Action::DeleteAny, room.clone())
                .await?;
            let role = stood.role(actor.without()).unwrap_or(Role::Guest);
            self.allow_on(role, self.role_of_author(&room, author.user).await?)?;
        }
        let operation = Operation::Delete { target, why };
        let receipt = self.commit(actor, &room, &stood, operation).await?;
        if !own {
            let nickname = actor.known()?.nickname();
            let record = Record {
                actor: nickname.as_str(),
                action: "delete",
                target: Some(&author.nickname),
                room: Some(room.name.as_str()),
                detail: Some(&format!("message {target}")),
                ..Record::default()
            };
            self.store().record(&record).await?;
        }
        Ok(changed(Changed::Deleted, &room, target, receipt))
    }

    /// Gives a reaction, or takes it back.
    pub(in crate::chat) async fn react(
        &self,
        actor: &Actor,
        place: Place,
        target: Seq,
        (emoji, reaction): (&str, Giving),
    ) -> Result<Outcome, ChatError> {
        let (room, stood) = place.stood()?;
        let emoji = Emoji::parse(emoji).map_err(|no| ChatError::BadRequest(no.to_string()))?;
        if reaction == Giving::Given {
            let given = self.hub.reactions(&room, target).await?;
            let is_new = given.iter().all(|(known, _)| **known != *emoji.as_str());
            if is_new && given.len() >= MOST_EMOJI {
                return Err(ChatError::TooManyReactions);
            }
        }
        let operation = Operation::React {
            target,
            emoji: emoji.shared(),
            reaction,
        };
        let receipt = self.commit(actor, &room, &stood, operation).await?;
        Ok(changed(Changed::Reacted(reaction), &room, target, receipt))
    }

    /// Pins a message, or takes the pin off.
    pub(in crate::chat) async fn pin(
        &self,
        actor: &Actor,
        place: Place,
        target: Seq,
        pinned: bool,
    ) -> Result<Outcome, ChatError> {
        let (room, stood) = place.stood()?;
        let operation = Operation::Pin { target, pinned };
        let receipt = self.commit(actor, &room, &stood, operation).await?;
        Ok(changed(Changed::Pinned(pinned), &room, target, receipt))
    }

    /// Commits an entry, and waits until it is visible.
    pub(super) async fn commit(
        &self,
        actor: &Actor,
        room: &RoomRef,
        stood: &Stood,
        operation: Operation,
    ) -> Result<Receipt, ChatError> {
        let (user, author, nickname) = self.author(actor, actor.known()?)?;
        let outgoing = Outgoing {
            room: room.clone(),
            kind: stood.kind(),
            user,
            author,
            nickname,
            operation,
            nonce: None,
        };
        let answer = self.committer.send(outgoing)?.await;
        Ok(answer.map_err(|_| ChatError::Stopping)??)
    }

    pub(super) async fn author_of(&self, room: &RoomRef, seq: Seq) -> Result<Authored, ChatError> {
        match self.hub.authored(room.key, seq).await? {
            Some(author) if author.is_said => Ok(author),
            Some(_) => Err(ChatError::NoSuchMessage),
            None if seq >= Seq::FIRST && seq <= self.hub.last_seq(room.key).await? => {
                Err(ChatError::NotInDatabase)
            }
            None => Err(ChatError::NoSuchMessage),
        }
    }

    /// What the author of a message is in its room.
    async fn role_of_author(
        &self,
        room: &RoomRef,
        user: Option<UserKey>,
    ) -> Result<Role, ChatError> {
        let Some(user) = user else {
            return Ok(Role::Guest);
        };
        let stands = self.store().stands(Some(user), None, room.key).await?;
        let role = stands.and_then(|stands| Stood::of(stands).role(Role::Guest));
        Ok(role.unwrap_or(Role::Guest))
    }
}

fn changed(what: Changed, room: &RoomRef, target: Seq, receipt: Receipt) -> Outcome {
    Outcome::Changed {
        what,
        room: room.shown().clone(),
        target,
        receipt,
    }
}
