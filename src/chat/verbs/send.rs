//! Saying something: checked here, committed by the committer.
use tokio::sync::oneshot;

use super::{Chat, ChatError, Session};
use crate::chat::{Code, Origin, Receipt};
use crate::delivery::{Outgoing, SendError};
use crate::model::{Content, Nonce, RoomRef, UserId};

/// A client's nonce has at most so many bytes.
const LONGEST_NONCE: usize = 128;

/// A message that was accepted and is being committed.
#[derive(Debug)]
pub struct Sending(oneshot::Receiver<Result<Receipt, SendError>>);

impl Sending {
    /// Waits until the message is committed and visible, or was refused.
    pub async fn done(&mut self) -> Result<Receipt, ChatError> {
        match (&mut self.0).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(ChatError::stopping()),
        }
    }
}

impl Chat {
    /// Accepts a message for `room`. Messages of one session to one room are committed in the
    /// order of these calls.
    pub fn send(
        &self,
        session: &Session,
        room: RoomRef,
        text: &str,
        nonce: Option<&str>,
        origin: &Origin,
    ) -> Result<Sending, ChatError> {
        let content = Content::parse(text, self.rules.message_chars)?;
        let nonce = nonce.map(|value| self.nonce(session, value)).transpose()?;
        let (user, nickname) = self.author(session, origin)?;
        let outgoing = Outgoing {
            room,
            user,
            nickname,
            content,
            nonce,
        };
        Ok(Sending(self.committer.send(outgoing)?))
    }

    fn nonce(&self, session: &Session, value: &str) -> Result<Nonce, ChatError> {
        if value.is_empty() || value.len() > LONGEST_NONCE || value.contains('\0') {
            let detail = format!("a nonce is 1 to {LONGEST_NONCE} bytes of text");
            return Err(ChatError::new(Code::BadNonce, detail));
        }
        Ok(Nonce {
            session: session.key().clone(),
            value: value.into(),
        })
    }

    /// Who says it, unless they say too much.
    fn author(
        &self,
        session: &Session,
        origin: &Origin,
    ) -> Result<(UserId, std::sync::Arc<str>), ChatError> {
        if session.has_ended() {
            return Err(ChatError::unknown_session());
        }
        let mut state = session.state.lock();
        self.admit_message(origin, &mut state.messages)?;
        let user = state.user.ok_or_else(|| {
            ChatError::new(
                Code::DatabaseUnavailable,
                "database unavailable: you are not known to it yet",
            )
        })?;
        Ok((user, state.nickname.shared()))
    }
}
