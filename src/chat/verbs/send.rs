//! Saying something: checked here, committed by the committer.
use std::sync::Arc;

use tokio::sync::oneshot;

use super::threads::Beside;
use super::{Actor, Chat, ChatError, Session};
use crate::chat::rights::Stood;
use crate::chat::terms::terms;
use crate::chat::{About, Cost, Gate, Need, Place, Receipt, Target, Terms, Verb};
use crate::delivery::{Author, Outgoing, SendError};
use crate::model::{Content, Nonce, RoomRef, UserKey};
use crate::policy::Action;
use crate::store::Operation;

/// A client's nonce has at most so many bytes.
const LONGEST_NONCE: usize = 128;

/// Say something.
pub struct Say {
    pub room: Target,
    pub content: String,
    pub nonce: Option<String>,
    pub beside: Beside,
}

impl Verb for Say {
    /// The message is on its way.
    type Answer = Sending;

    fn terms(&self) -> Terms {
        // What a message is beside is looked up, also where it is refused and counts as none.
        let cost = if self.beside == Beside::default() {
            Cost::FREE
        } else {
            Cost::READ
        };
        terms(cost, Gate::Table(Action::Write), Need::Nickname)
    }

    fn about(&self) -> About<'_> {
        self.room.about()
    }

    async fn run(self, chat: &Chat, actor: &Actor, place: Place) -> Result<Sending, ChatError> {
        let (room, stood) = place.stood()?;
        let nonce = self.nonce.as_deref();
        if self.beside == Beside::default() {
            return chat.send(actor, room, &stood, &self.content, nonce).await;
        }
        // Few have anything beside the text, and to look at that takes place.
        let checked = Box::pin(chat.checked(actor, &room, self.beside)).await?;
        let said = (self.content.as_str(), |text| checked.say(text));
        Box::pin(chat.hand_in(actor, room, &stood, said, nonce)).await
    }
}

/// A message that was accepted and is being committed.
#[derive(Debug)]
pub struct Sending(oneshot::Receiver<Result<Receipt, SendError>>);

impl Sending {
    /// Waits until the message is committed and visible, or was refused.
    ///
    /// # Errors
    /// Says why it was refused, or that the outcome is not known.
    pub async fn done(&mut self) -> Result<Receipt, ChatError> {
        match (&mut self.0).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(ChatError::Stopping),
        }
    }
}

impl Chat {
    /// Accepts a message for `room`. Messages of one session to one room are committed in the
    /// order of these calls.
    pub(in crate::chat) async fn send(
        &self,
        actor: &Actor,
        room: RoomRef,
        stood: &Stood,
        text: &str,
        nonce: Option<&str>,
    ) -> Result<Sending, ChatError> {
        let said = (text, Operation::say);
        self.hand_in(actor, room, stood, said, nonce).await
    }

    /// The same of what is said in some other way, which `operation` makes of the text.
    pub(super) async fn hand_in(
        &self,
        actor: &Actor,
        room: RoomRef,
        stood: &Stood,
        (text, operation): (&str, impl FnOnce(Arc<str>) -> Operation),
        nonce: Option<&str>,
    ) -> Result<Sending, ChatError> {
        let session = actor.known()?;
        let content = Content::parse(text, self.limiter.live().message_chars())?;
        let nonce = nonce.map(|value| self.nonce(session, value)).transpose()?;
        let (user, author, nickname) = self.author(actor, session)?;
        if let Some(slow) = stood.slow() {
            self.slow.take(user, room.key, slow, self.clock().now())?;
        }
        let mentions = self.called(&room, user, text).await?;
        let outgoing = Outgoing {
            room,
            kind: stood.kind(),
            user,
            author,
            nickname,
            operation: operation(content.shared()).calling(mentions),
            nonce,
        };
        Ok(Sending(self.committer.send(outgoing)?))
    }

    fn nonce(&self, session: &Session, value: &str) -> Result<Nonce, ChatError> {
        if value.is_empty() || value.len() > LONGEST_NONCE || value.contains('\0') {
            let most = LONGEST_NONCE;
            return Err(ChatError::BadNonce { most });
        }
        Ok(Nonce {
            session: session.key().clone(),
            value: value.into(),
        })
    }

    /// Who says it, unless they say too much.
    pub(super) fn author(
        &self,
        actor: &Actor,
        session: &Session,
    ) -> Result<(UserKey, Author, Arc<str>), ChatError> {
        let mut state = session.state.lock();
        if state.has_ended() {
            return Err(ChatError::UnknownSession);
        }
        self.admit_message(actor.origin(), &mut state.messages)?;
        let user = state.user.ok_or(ChatError::NotEntered)?;
        let author = match &state.account {
            Some(account) => Author::Account {
                display_name: account.display_name.clone(),
            },
            None => Author::Guest,
        };
        Ok((user, author, state.nickname.shared()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Seq;

    #[test]
    fn to_look_for_what_a_message_is_beside_costs_something() {
        let say = |beside| Say {
            room: Target::Current,
            content: "hi".to_owned(),
            nonce: None,
            beside,
        };
        assert_eq!(say(Beside::default()).terms().cost, Cost::FREE);
        let reply = Beside {
            thread: Some(Seq::new(1)),
            ..Beside::default()
        };
        assert_eq!(say(reply).terms().cost, Cost::READ);
    }
}
